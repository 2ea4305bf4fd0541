/* Allow-lists in a JSON file (spec: contracts 7.5, with its improvements: exact lengths, and an empty list allows
 * nobody). */
#pragma once

#include "kms/auth/backend.h"

/* Decides from a policy's text. A policy of wrong shape, or none (NULL), is an empty one: everything is refused. */
void allow_list_decide(const json_t *policy, AuthSubject subject, const AuthQuestion *question, AuthDecision *out);
/* Checks the shape: error INVALID names the member. */
gboolean allow_list_check(const json_t *policy, GError **error);

/* Reads the file at `path` (kept by reference) anew for each question, so that a change counts at once. */
typedef struct {
  const char *path;
} AllowListFile;
AuthBackend allow_list_backend(AllowListFile *file);
