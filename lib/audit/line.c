#include "audit/line.h"

#include "base/error.h"
#include "base/hex.h"

#include <string.h>

#define LABEL "dstack-kms-audit-v1:"
#define LABEL_SIZE (sizeof LABEL - 1)
#define TIME_PATTERN "dddd-dd-ddTdd:dd:dd.ddddddZ" /* d: a digit */
#define SIGNATURE_KEY ",\"sig\":\""
#define SIGNATURE_DIGITS (2 * K256_SIGNATURE_SIZE)
#define TAIL_SIZE (sizeof SIGNATURE_KEY - 1 + SIGNATURE_DIGITS + 2)
#define MAX_SEQ_DIGITS 19
#define MAX_RECOVERY_ID 3

static void make_statement(const char *line, gsize signed_len, guint8 out[LABEL_SIZE + SHA256_SIZE]) {
  memcpy(out, LABEL, LABEL_SIZE);
  digest_sha256(line, signed_len, out + LABEL_SIZE);
}

static char *format_time(gint64 time_us) {
  g_autoptr(GDateTime) seconds = g_date_time_new_from_unix_utc(time_us / G_USEC_PER_SEC);
  g_autofree char *text = seconds ? g_date_time_format(seconds, "%Y-%m-%dT%H:%M:%S") : NULL;
  return g_strdup_printf("%s.%06dZ", text ? text : "1970-01-01T00:00:00", (int)(time_us % G_USEC_PER_SEC));
}

static gboolean append_signature(GString *line, const Secret *key, GError **error) {
  guint8 statement[LABEL_SIZE + SHA256_SIZE], signature[K256_SIGNATURE_SIZE];
  make_statement(line->str, line->len, statement);
  if (!k256_sign_message(key, statement, sizeof statement, signature, error))
    return FALSE;
  g_autofree char *hex = hex_encode(signature, sizeof signature);
  g_string_append_printf(line, SIGNATURE_KEY "%s\"}", hex);
  return TRUE;
}

char *audit_line_write(guint64 seq, gint64 time_us, const guint8 prev[SHA256_SIZE], const json_t *members,
                       const Secret *key, GError **error) {
  g_autofree char *time = format_time(time_us), *before = hex_encode(prev, SHA256_SIZE), *object = json_print(members);
  gsize len = strlen(object);
  if (len + TAIL_SIZE > AUDIT_MAX_LINE / 2) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "record is too large for a line");
    return NULL;
  }
  g_autoptr(GString) line = g_string_sized_new(len + 512);
  g_string_append_printf(line, "{\"seq\":%" G_GUINT64_FORMAT ",\"time\":\"%s\",\"prev\":\"%s\",", seq, time, before);
  g_string_append_len(line, object + 1, (gssize)len - 2);
  if (!append_signature(line, key, error))
    return NULL;
  return g_string_free(g_steal_pointer(&line), FALSE);
}

/* What is left of the text. */
typedef struct {
  const char *at;
  gsize left;
} Cursor;

static gboolean skip(Cursor *cursor, const char *text) {
  gsize len = strlen(text);
  if (cursor->left < len || memcmp(cursor->at, text, len) != 0)
    return FALSE;
  cursor->at += len;
  cursor->left -= len;
  return TRUE;
}

/* No leading zeros, so that a number has one form. */
static gboolean read_seq(Cursor *cursor, guint64 *out) {
  gsize n = 0;
  *out = 0;
  while (n < cursor->left && n < MAX_SEQ_DIGITS && g_ascii_isdigit(cursor->at[n]))
    *out = *out * 10 + (guint64)(cursor->at[n++] - '0');
  gboolean good = n > 0 && cursor->at[0] != '0' && *out <= G_MAXINT64;
  cursor->at += n;
  cursor->left -= n;
  return good;
}

static gboolean skip_time(Cursor *cursor) {
  static const char pattern[] = TIME_PATTERN;
  gsize len = sizeof pattern - 1;
  if (cursor->left < len)
    return FALSE;
  for (gsize i = 0; i < len; i++)
    if (pattern[i] == 'd' ? !g_ascii_isdigit(cursor->at[i]) : cursor->at[i] != pattern[i])
      return FALSE;
  cursor->at += len;
  cursor->left -= len;
  return TRUE;
}

/* Lower case only, so that bytes have one form. */
static gboolean read_hex(Cursor *cursor, guint8 *out, gsize size) {
  if (cursor->left < 2 * size)
    return FALSE;
  g_autofree char *digits = g_strndup(cursor->at, 2 * size);
  cursor->at += 2 * size;
  cursor->left -= 2 * size;
  return strspn(digits, "0123456789abcdef") == 2 * size && hex_decode_fixed(digits, out, size, NULL);
}

static gboolean read_frame(const char *line, gsize len, AuditLine *out) {
  Cursor head = {line, len};
  if (!skip(&head, "{\"seq\":") || !read_seq(&head, &out->seq) || !skip(&head, ",\"time\":\"") || !skip_time(&head) ||
      !skip(&head, "\",\"prev\":\"") || !read_hex(&head, out->prev, sizeof out->prev) || !skip(&head, "\",\"") ||
      head.left < TAIL_SIZE)
    return FALSE;
  out->signed_len = len - TAIL_SIZE;
  Cursor tail = {line + out->signed_len, TAIL_SIZE};
  return skip(&tail, SIGNATURE_KEY) && read_hex(&tail, out->signature, sizeof out->signature) && skip(&tail, "\"}") &&
         out->signature[K256_SIGNATURE_SIZE - 1] <= MAX_RECOVERY_ID;
}

gboolean audit_line_read(const char *line, gsize len, AuditLine *out, GError **error) {
  *out = (AuditLine){0};
  if (len <= AUDIT_MAX_LINE && read_frame(line, len, out))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "not a line of an audit log");
  return FALSE;
}

gboolean audit_line_check_signature(const char *line, const AuditLine *parsed,
                                    const guint8 public_key[K256_PUBLIC_SIZE], GError **error) {
  guint8 statement[LABEL_SIZE + SHA256_SIZE], signer[K256_PUBLIC_SIZE];
  make_statement(line, parsed->signed_len, statement);
  if (k256_recover_message(statement, sizeof statement, parsed->signature, signer, NULL) &&
      memcmp(signer, public_key, sizeof signer) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "signature is not that of the key");
  return FALSE;
}
