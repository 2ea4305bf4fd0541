/* PEM blocks (RFC 7468). Inside lib/crypto only. */
#pragma once

#include "base/secret.h"

#include <glib.h>

#define PEM_MAX_SIZE (16 * 1024 * 1024)

typedef struct {
  const char *at, *end;
} PemCursor;
PemCursor pem_cursor(const void *text, gsize len);

/* Finds the next complete block with exactly this label and moves past it; text outside and other blocks are skipped.
 * *out is its content, or NULL when there is no further one. Error INVALID: content that is no base64. */
gboolean pem_next(PemCursor *cursor, const char *label, Secret **out, GError **error);

/* 64 columns, LF line ends, a final LF. The result's length has no NUL in it. */
Secret *pem_encode(const char *label, const void *data, gsize len);
