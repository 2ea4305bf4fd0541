/* Inside lib/prpc: the TLS side of a call. curl makes an SSL_CTX for each transfer; the caller's settings are carried
 * over. */
#pragma once

#include "prpc/client.h"

#include <curl/curl.h>

/* One call's view; lives as long as the transfer. */
typedef struct {
  SSL_CTX *settings; /* the caller's, or NULL for the system's roots */
  PrpcServerCheck check;
  gpointer check_data;
  GError *refusal; /* why the check said no */
} PrpcClientTls;

void prpc_client_tls_apply(PrpcClientTls *tls, CURL *curl, gboolean verify_host);
