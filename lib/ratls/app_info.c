/* The app info extension: a MessagePack array (spec: attestation D.7, C.8). */
#include "ratls/evidence.h"

#include "base/error.h"
#include "ratls/msgpack.h"

#include <string.h>

#define N_FIELDS 9
#define MAX_FIELD 65536
#define MAX_INIT_SCRIPTS 5
#define HASH_SIZE 32

static void write_fixed(GByteArray *out, const guint8 *data, gsize len) {
  g_autoptr(GBytes) bytes = g_bytes_new_static(data, len);
  msgpack_write_bin(out, bytes);
}

GBytes *ratls_app_info_encode(const AppInfo *info, GBytes *os_image_hash) {
  GByteArray *out = g_byte_array_new();
  msgpack_write_array(out, N_FIELDS);
  msgpack_write_bin(out, info->app_id);
  msgpack_write_bin(out, info->compose_hash);
  msgpack_write_bin(out, info->instance_id);
  write_fixed(out, info->device_id, sizeof info->device_id);
  write_fixed(out, info->mr_system, sizeof info->mr_system);
  write_fixed(out, info->mr_aggregated, sizeof info->mr_aggregated);
  msgpack_write_bin(out, os_image_hash ? os_image_hash : info->os_image_hash);
  msgpack_write_bin(out, info->key_provider_info);
  msgpack_write_array(out, info->init_script_hashes->len);
  for (guint i = 0; i < info->init_script_hashes->len; i++)
    msgpack_write_bin(out, g_ptr_array_index(info->init_script_hashes, i));
  return g_byte_array_free_to_bytes(out);
}

static void read_fixed(Reader *reader, guint8 *out, gsize size) {
  g_autoptr(GBytes) bytes = msgpack_read_bytes(reader, size);
  if (bytes && g_bytes_get_size(bytes) == size)
    memcpy(out, g_bytes_get_data(bytes, NULL), size);
  else
    reader_fail(reader);
}

static void read_init_scripts(Reader *reader, AppInfo *info) {
  info->init_script_hashes = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
  if (msgpack_read_nil(reader))
    return;
  const gsize count = msgpack_read_array(reader, MAX_INIT_SCRIPTS);
  for (gsize i = 0; i < count && reader_ok(reader); i++) {
    GBytes *hash = msgpack_read_bytes(reader, HASH_SIZE);
    if (hash)
      g_ptr_array_add(info->init_script_hashes, hash);
  }
}

AppInfo *ratls_app_info_decode(GBytes *encoded, GError **error) {
  g_autoptr(AppInfo) info = g_new0(AppInfo, 1);
  Reader reader = reader_init_bytes(encoded);
  if (msgpack_read_array(&reader, N_FIELDS) != N_FIELDS)
    reader_fail(&reader);
  info->app_id = msgpack_read_bytes(&reader, MAX_FIELD);
  info->compose_hash = msgpack_read_bytes(&reader, MAX_FIELD);
  info->instance_id = msgpack_read_bytes(&reader, MAX_FIELD);
  read_fixed(&reader, info->device_id, sizeof info->device_id);
  read_fixed(&reader, info->mr_system, sizeof info->mr_system);
  read_fixed(&reader, info->mr_aggregated, sizeof info->mr_aggregated);
  info->os_image_hash = msgpack_read_bytes(&reader, MAX_FIELD);
  info->key_provider_info = msgpack_read_bytes(&reader, MAX_FIELD);
  read_init_scripts(&reader, info);
  return reader_finish(&reader, "app info", error) ? g_steal_pointer(&info) : NULL;
}

gboolean ratls_cert_app_info(X509 *cert, AppInfo **out, GError **error) {
  g_autoptr(GBytes) encoded = NULL;
  *out = NULL;
  if (!cert_extension(cert, RATLS_OID_APP_INFO, &encoded, error))
    return FALSE;
  if (encoded)
    *out = ratls_app_info_decode(encoded, error);
  return !encoded || *out;
}
