/* The operators' listener: plain HTTP, off unless configured, every path behind a credential (spec: kms 8.3). */
#pragma once

#include "kms/audit_reader.h"
#include "kms/config.h"
#include "kms/verifier_client.h"

#include "prpc/credentials.h"
#include "prpc/server.h"

typedef struct {
  PrpcCredentials *credentials; /* NULL: none is asked for */
  VerifierClient *verifier;
  AuditReader *audit; /* NULL: there is no audit log */
} KmsAdmin;
void kms_admin_clear(KmsAdmin *admin);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KmsAdmin, kms_admin_clear)

/* The token is core.admin.auth_token, else $DSTACK_KMS_ADMIN_TOKEN if that is set, else $ADMIN_API_TOKEN. Reads the
 * htpasswd file, so before privileges are dropped. Error INVALID when the listener is enabled without any credential
 * and without insecure_no_auth. Does nothing when it is not enabled. */
gboolean kms_admin_load(const KmsConfig *config, KmsAdmin *admin, GError **error);
/* Before privileges are dropped. Does nothing when it is open already. */
gboolean kms_admin_open_audit(const KmsConfig *config, KmsAdmin *admin, GError **error);
/* `admin` must outlive the router. */
PrpcRouter *kms_admin_router(KmsAdmin *admin);
