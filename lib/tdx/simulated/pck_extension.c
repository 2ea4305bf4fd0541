/* Intel's PCK certificate extension, 1.2.840.113741.1.13.1 (spec: attestation B.3). */
#include "tdx/simulated/certificate.h"
#include "tdx/simulated/der.h"

#include <string.h>

#define SGX_TYPE_SCALABLE 1
#define N_COMPONENTS 16

static const guint8 arc[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

/* Starts SEQUENCE { OID } below Intel's arc; `minor` 0: none. The caller appends the value and wraps it. */
static GByteArray *start_item(guint8 major, guint8 minor) {
  guint8 oid[sizeof arc + 2];
  memcpy(oid, arc, sizeof arc);
  oid[sizeof arc] = major;
  oid[sizeof arc + 1] = minor;
  GByteArray *item = g_byte_array_new();
  der_put(item, DER_OID, oid, sizeof arc + (minor ? 2 : 1));
  return item;
}

static void put_octets(GByteArray *out, guint8 major, guint8 minor, const guint8 *data, gsize len) {
  GByteArray *item = start_item(major, minor);
  der_put(item, DER_OCTET_STRING, data, len);
  der_wrap(out, DER_SEQUENCE, item);
}

static void put_tcb(GByteArray *out, const SimulatedPlatformInfo *info) {
  GByteArray *list = g_byte_array_new();
  for (guint8 i = 0; i <= N_COMPONENTS; i++) {
    GByteArray *item = start_item(2, i + 1);
    der_put_small_integer(item, i < N_COMPONENTS ? info->cpu_svn[i] : info->pce_svn);
    der_wrap(list, DER_SEQUENCE, item);
  }
  put_octets(list, 2, N_COMPONENTS + 2, info->cpu_svn, sizeof info->cpu_svn);
  GByteArray *item = start_item(2, 0);
  der_wrap(item, DER_SEQUENCE, list);
  der_wrap(out, DER_SEQUENCE, item);
}

/* Dynamic platform, cached keys, SMT: what a server says. */
static void put_configuration(GByteArray *out) {
  GByteArray *list = g_byte_array_new();
  for (guint8 i = 1; i <= 3; i++) {
    GByteArray *item = start_item(7, i);
    der_put(item, DER_BOOLEAN, "\xff", 1);
    der_wrap(list, DER_SEQUENCE, item);
  }
  GByteArray *item = start_item(7, 0);
  der_wrap(item, DER_SEQUENCE, list);
  der_wrap(out, DER_SEQUENCE, item);
}

GBytes *simulated_pck_extension(const SimulatedPlatformInfo *info) {
  GByteArray *list = g_byte_array_new(), *out = g_byte_array_new();
  put_octets(list, 1, 0, info->ppid, sizeof info->ppid);
  put_tcb(list, info);
  put_octets(list, 3, 0, info->pce_id, sizeof info->pce_id);
  put_octets(list, 4, 0, info->fmspc, sizeof info->fmspc);
  GByteArray *type = start_item(5, 0);
  der_put(type, DER_ENUMERATED, (const guint8[]){SGX_TYPE_SCALABLE}, 1);
  der_wrap(list, DER_SEQUENCE, type);
  put_octets(list, 6, 0, info->instance_id, sizeof info->instance_id);
  put_configuration(list);
  der_wrap(out, DER_SEQUENCE, list);
  return g_byte_array_free_to_bytes(out);
}
