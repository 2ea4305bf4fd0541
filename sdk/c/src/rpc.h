/* A client's calls: JSON there and back. */
#pragma once

#include "dstack/dstack.h"

#include <jansson.h>

/* Posts `request`, whose reference it takes (NULL: out of memory, or text that is not UTF-8). On success `answer` is
 * the answer, to be released with rpc_release(). Success is status 200 and no text member `error`. */
dstack_status rpc_call(dstack_client *client, const char *path, json_t *request, json_t **answer, dstack_error *error);
/* Wipes the texts of an answer, which may be keys, and releases it; NULL is fine. */
void rpc_release(json_t *answer);

/* Members of an answer. Missing text is an error when `required`, else "". */
dstack_status rpc_get_text(const json_t *answer, const char *name, bool required, char **text, dstack_error *error);
dstack_status rpc_get_texts(const json_t *answer, const char *name, dstack_strings *texts, dstack_error *error);
dstack_status rpc_get_bytes(const json_t *answer, const char *name, bool required, dstack_bytes *bytes,
                            dstack_error *error);
dstack_status rpc_get_bytes_list(const json_t *answer, const char *name, dstack_bytes_list *list, dstack_error *error);

/* Bytes as the hex text JSON carries; NULL without memory. */
json_t *rpc_hex(const void *data, size_t size);

/* DSTACK_UNSUPPORTED when the agent does not tell a version, as those before 0.5.7: `what` is then the start of the
 * message. Failures that say nothing about its age are passed on. */
dstack_status rpc_require_version(dstack_client *client, const char *what, dstack_error *error);
