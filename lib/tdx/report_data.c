#include "tdx/report_data.h"

#include "base/error.h"
#include "crypto/digest.h"

#include <string.h>

static gboolean compose_raw(const void *content, gsize len, guint8 out[TDX_REPORT_DATA_SIZE], GError **error) {
  if (len != TDX_REPORT_DATA_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
                "invalid content length: raw report data is %d bytes, not %zu", TDX_REPORT_DATA_SIZE, len);
    return FALSE;
  }
  memcpy(out, content, len);
  return TRUE;
}

gboolean report_data_compose(const char *tag, const void *content, gsize len, const char *hash,
                             guint8 out[TDX_REPORT_DATA_SIZE], GError **error) {
  memset(out, 0, TDX_REPORT_DATA_SIZE);
  if (strcmp(hash, "raw") == 0)
    return compose_raw(content, len, out, error);
  g_autoptr(GByteArray) preimage = g_byte_array_new();
  g_byte_array_append(preimage, (const guint8 *)tag, (guint)strlen(tag));
  g_byte_array_append(preimage, (const guint8 *)":", 1);
  g_byte_array_append(preimage, content, (guint)len);
  if (digest_by_name(*hash ? hash : "sha512", preimage->data, preimage->len, out) > 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid hash algorithm: %s", hash);
  return FALSE;
}

void report_data_ratls(GBytes *spki, guint8 out[TDX_REPORT_DATA_SIZE]) {
  gsize len;
  const void *data = g_bytes_get_data(spki, &len);
  gboolean composed = report_data_compose(REPORT_DATA_RATLS_CERT, data, len, "", out, NULL);
  g_assert(composed); /* sha512 is always there */
}
