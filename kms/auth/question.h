/* What a KMS asks its webhook: may this CVM have its app's keys, may this KMS have the root keys? (spec: contracts 7.2)
 */
#pragma once

#include <glib.h>

typedef enum { AUTH_APP, AUTH_KMS } AuthSubject;

/* Byte values are lower-case hex digits without "0x", possibly none, never more than their field holds; whoever
 * compares them decides what a short one means. */
typedef struct {
  char *app_id, *instance_id;                                                 /* at most 40 digits */
  char *compose_hash, *device_id, *mr_aggregated, *mr_system, *os_image_hash; /* at most 64 digits */
  char *tcb_status;
  char **advisory_ids; /* NULL-terminated */
} AuthQuestion;
void auth_question_clear(AuthQuestion *question);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AuthQuestion, auth_question_clear)

/* The body is not JSON at all, or it is JSON that asks nothing: they are answered differently. */
typedef enum { AUTH_PARSED, AUTH_NOT_JSON, AUTH_NOT_A_QUESTION } AuthParsing;

/* Reads a request's body. Members beyond those needed are ignored. */
AuthParsing auth_question_parse(const char *json, gsize len, AuthQuestion *out);
