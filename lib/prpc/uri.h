/* Request targets, percent-encoding and query strings. */
#pragma once

#include <glib.h>

/* Decodes "%XX"; a '+' becomes a space when `plus_is_space`. NULL when an escape is malformed or the result is not
 * UTF-8 or has a NUL inside. */
char *prpc_percent_decode(const char *text, gsize len, gboolean plus_is_space);

/* One "key=value" of a query, raw; `value` is empty when there is no '='. */
typedef struct {
  const char *key, *value;
  gsize key_len, value_len;
} PrpcQueryPart;
/* Moves *at over the next non-empty part. FALSE at the end. */
gboolean prpc_query_next(const char **at, PrpcQueryPart *part);
/* Whether every name and value can be decoded: what can't would pass for absent. */
gboolean prpc_query_decodes(const char *query);
/* The first parameter named `name` (compared undecoded), its value decoded. NULL when absent or malformed. */
char *prpc_query_find(const char *query, const char *name);

/* Splits a request target (origin or absolute form) in a path and a query. The path is decoded segment by segment,
 * empty segments inside it are dropped, and a slash that was percent-encoded stays "%2F", so that it never separates.
 * FALSE: malformed. */
gboolean prpc_target_split(const char *target, char **path, char **query);
