/* Who decides whether an attested CVM gets keys: a webhook, or in development nobody (spec: kms 7.3). Every question is
 * asked anew: positive answers are never kept. */
#pragma once

#include "kms/audit_facts.h"
#include "kms/config.h"
#include "kms/verifier/boot_info.h"

#include <glib.h>

typedef struct AuthApi AuthApi;
AuthApi *auth_api_new(const KmsConfig *config, GError **error);
void auth_api_free(AuthApi *api);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AuthApi, auth_api_free)

typedef enum { AUTH_ASK_APP, AUTH_ASK_KMS } AuthQuestion;
typedef struct {
  char *gateway_app_id;   /* NULL: not allowed */
  guint64 contract_block; /* that it was read from, also when it is a no, or AUDIT_BLOCK_UNKNOWN */
} BootDecision;
void boot_decision_clear(BootDecision *decision);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BootDecision, boot_decision_clear)
/* Asks bootAuth/app or bootAuth/kms. Errors: DENIED "boot denied: <reason>"; any failure to get a clear yes or no is an error too.
 * Blocks for at most 30 s. Thread-safe. */
gboolean auth_api_allow(AuthApi *api, AuthQuestion about, const BootInfo *info, BootDecision *out, GError **error);

typedef struct {
  char *gateway_app_id;
  gboolean has_chain; /* the rest is there */
  char *contract;
  guint64 chain_id;
  char *implementation;
  char *rpc_url; /* "" when the webhook does not say */
} AuthInfo;
void auth_info_clear(AuthInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AuthInfo, auth_info_clear)
/* Facts for GetMeta. */
gboolean auth_api_info(AuthApi *api, AuthInfo *out, GError **error);

/* The webhook's answers, for tests: exactly what auth_api_allow() and auth_api_info() make of them. */
gboolean auth_reply_parse(const char *json, gsize len, BootDecision *out, GError **error);
gboolean auth_info_parse(const char *json, gsize len, AuthInfo *out, GError **error);
