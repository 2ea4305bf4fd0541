#include "dcap/pck.h"

#include "base/error.h"
#include "dcap/der.h"

#include <openssl/objects.h>
#include <string.h>

/* Last arcs below 1.2.840.113741.1.13.1, and below its second. */
enum { PPID = 1, TCB = 2, PCE_ID = 3, FMSPC = 4, SGX_TYPE = 5, INSTANCE_ID = 6, CONFIGURATION = 7 };
enum { PCE_SVN = 17, CPU_SVN = 18, N_COMPONENTS = 16 };
#define ARC_BIT(arc) (1u << (arc))
#define REQUIRED_MEMBERS (ARC_BIT(PPID) | ARC_BIT(TCB) | ARC_BIT(PCE_ID) | ARC_BIT(FMSPC) | ARC_BIT(SGX_TYPE))
#define REQUIRED_TCB (ARC_BIT(PCE_SVN) | ARC_BIT(CPU_SVN))

static const guint8 sgx_arc[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};
static const guint8 tcb_arc[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x02};
static const guint8 configuration_arc[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x07};

/* Opens the next SEQUENCE { OID, value } of a list. Returns the last arc of the OID when it lies directly below `arc`
 * and is at most `max`; 0 for any other. Marks `list` failed when the arc was seen before. */
static guint open_member(Reader *list, Reader *member, const guint8 *arc, gsize arc_len, guint max, guint32 *seen) {
  *member = dcap_der_take(list, DER_SEQUENCE);
  Reader oid = dcap_der_take(member, DER_OID);
  const guint8 *prefix = reader_take(&oid, arc_len);
  if (!prefix || memcmp(prefix, arc, arc_len) != 0 || reader_remaining(&oid) != 1)
    return 0;
  guint last = reader_u8(&oid);
  if (last == 0 || last > max)
    return 0;
  if (*seen & ARC_BIT(last))
    reader_fail(list);
  *seen |= ARC_BIT(last);
  return last;
}

/* A member must hold exactly its OID and its value. */
static void close_member(Reader *list, const Reader *member) {
  if (!reader_ok(member) || reader_remaining(member) != 0)
    reader_fail(list);
}

static void parse_tcb(Reader *outer, DcapPck *out) {
  Reader list = dcap_der_take(outer, DER_SEQUENCE), member;
  guint8 components[N_COMPONENTS] = {0};
  guint32 seen = 0;
  while (reader_remaining(&list) > 0) {
    guint arc = open_member(&list, &member, tcb_arc, sizeof tcb_arc, CPU_SVN, &seen);
    if (arc == CPU_SVN)
      dcap_der_octets(&member, out->cpu_svn, sizeof out->cpu_svn);
    else if (arc == PCE_SVN)
      out->pce_svn = (guint16)dcap_der_uint(&member, DER_INTEGER, G_MAXUINT16);
    else if (arc != 0)
      components[arc - 1] = (guint8)dcap_der_uint(&member, DER_INTEGER, G_MAXUINT8);
    else
      dcap_der_skip(&member);
    close_member(&list, &member);
  }
  gboolean consistent = (seen & REQUIRED_TCB) == REQUIRED_TCB;
  for (guint i = 0; i < N_COMPONENTS; i++)
    consistent = consistent && (!(seen & ARC_BIT(i + 1)) || components[i] == out->cpu_svn[i]);
  if (!reader_ok(&list) || !consistent)
    reader_fail(outer);
}

static void parse_configuration(Reader *outer) {
  Reader list = dcap_der_take(outer, DER_SEQUENCE), member;
  guint32 seen = 0;
  while (reader_remaining(&list) > 0) {
    if (open_member(&list, &member, configuration_arc, sizeof configuration_arc, 3, &seen) == 0)
      dcap_der_skip(&member);
    else {
      Reader flag = dcap_der_take(&member, DER_BOOLEAN);
      guint8 value = reader_u8(&flag);
      if (reader_remaining(&flag) != 0 || (value != 0 && value != 0xff))
        reader_fail(&member);
    }
    close_member(&list, &member);
  }
  if (!reader_ok(&list))
    reader_fail(outer);
}

static void parse_member(guint arc, Reader *member, DcapPck *out) {
  guint8 instance_id[16];
  switch (arc) {
  case PPID:
    dcap_der_octets(member, out->ppid, sizeof out->ppid);
    break;
  case TCB:
    parse_tcb(member, out);
    break;
  case PCE_ID:
    dcap_der_octets(member, out->pce_id, sizeof out->pce_id);
    break;
  case FMSPC:
    dcap_der_octets(member, out->fmspc, sizeof out->fmspc);
    break;
  case SGX_TYPE:
    dcap_der_uint(member, DER_ENUMERATED, G_MAXUINT8);
    break;
  case INSTANCE_ID:
    dcap_der_octets(member, instance_id, sizeof instance_id);
    break;
  case CONFIGURATION:
    parse_configuration(member);
    break;
  default:
    dcap_der_skip(member);
  }
}

gboolean dcap_pck_parse(const void *der, gsize len, DcapPck *out, GError **error) {
  memset(out, 0, sizeof *out);
  Reader reader = reader_init(der, len);
  Reader list = dcap_der_take(&reader, DER_SEQUENCE), member;
  guint32 seen = 0;
  while (reader_remaining(&list) > 0) {
    guint arc = open_member(&list, &member, sgx_arc, sizeof sgx_arc, CONFIGURATION, &seen);
    parse_member(arc, &member, out);
    close_member(&list, &member);
  }
  if (reader_ok(&list) && reader_ok(&reader) && reader_remaining(&reader) == 0 &&
      (seen & REQUIRED_MEMBERS) == REQUIRED_MEMBERS)
    return TRUE;
  g_set_error_literal(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "malformed or incomplete sgx extension");
  return FALSE;
}

gboolean dcap_pck_from_cert(X509 *cert, DcapPck *out, GError **error) {
  ASN1_OBJECT *oid = OBJ_txt2obj(DCAP_SGX_EXTENSION_OID, 1);
  int index = X509_get_ext_by_OBJ(cert, oid, -1);
  gboolean unique = index >= 0 && X509_get_ext_by_OBJ(cert, oid, index) < 0;
  ASN1_OBJECT_free(oid);
  if (!unique) {
    g_set_error_literal(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "sgx extension is not there exactly once");
    return FALSE;
  }
  const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(cert, index));
  return dcap_pck_parse(ASN1_STRING_get0_data(value), (gsize)ASN1_STRING_length(value), out, error);
}
