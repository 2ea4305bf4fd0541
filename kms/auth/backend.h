/* Where decisions come from: a chain, a file, or a developer's environment. */
#pragma once

#include "kms/auth/question.h"

#include "base/json.h"

#include <glib.h>

typedef struct {
  gboolean allowed;
  char *reason;         /* "" when allowed */
  char *gateway_app_id; /* what guests compare the gateway's certificate with */
  gboolean has_block;
  guint64 block; /* of the chain, that the decision was read from */
} AuthDecision;
void auth_decision_clear(AuthDecision *decision);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AuthDecision, auth_decision_clear)

/* Called from several threads at once. */
typedef struct {
  /* Decides, or fails: a failure is answered as a refusal. */
  gboolean (*decide)(gpointer self, AuthSubject subject, const AuthQuestion *question, AuthDecision *out,
                     GError **error);
  /* The object that GET / answers, without "status". New reference, or NULL with *error. */
  json_t *(*info)(gpointer self, GError **error);
  gpointer self;
} AuthBackend;
