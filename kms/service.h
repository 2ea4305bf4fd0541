/* The KMS service: what its RPCs answer (spec: kms 5). The front decides nothing: it passes on what verifier and key
 * holder say. */
#pragma once

#include "kms/config.h"
#include "kms/keyholder_client.h"
#include "kms/metrics.h"
#include "kms/verifier_client.h"

#include "prpc/server.h"

#include <glib.h>

typedef struct {
  const KmsConfig *config;
  KeyholderClient *keyholder;
  VerifierClient *verifier;
  KeyholderMaterial *material;
  const char *bootstrap_info; /* JSON text, or "" */
  KmsMetrics *metrics;
} KmsService;

/* Routes /prpc, /health and, unless switched off, /metrics, with X-App-Version on every answer. `service` must outlive the router. */
PrpcRouter *kms_service_router(KmsService *service);
/* The client's certificate (DER), or no bytes when it has none: the verifier refuses those too, and has it recorded. */
GBytes *kms_service_certificate(PrpcCall *call);
/* For the listener: judges a client certificate's evidence before any body is read. There is no identity.
 * `user_data` is the KmsService. */
gboolean kms_service_authenticate(X509 *certificate, gpointer user_data, gpointer *identity, GError **error);
