/* The RPC services of the gateway (spec: gateway 6, 12). Handlers only decode, check, call and encode. */
#pragma once

#include "config.h"
#include "proxy.h"
#include "registry.h"
#include "wireguard.h"

#include "prpc/server.h"
#include "ratls/evidence.h"

#include <glib.h>

typedef struct {
  const GatewayConfig *config;
  Registry *registry;
  Wireguard *wireguard;
  Proxy *proxy;
  CertificateStore *certificates;
  RatlsVerifier *verifier;
  PrpcServer *server;
} Gateway;

/* Service Gateway, for CVMs, at /prpc, with /health. */
PrpcRouter *gateway_rpc_router(Gateway *gateway);
/* Service Admin at / and /prpc, behind the token. */
PrpcRouter *gateway_admin_router(Gateway *gateway);

/* For the RPC listener: verifies the evidence in a client certificate; the identity is a VerifiedEvidence, or NULL. */
gboolean gateway_authenticate(X509 *certificate, gpointer gateway, gpointer *identity, GError **error);
