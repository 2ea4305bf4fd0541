/* The HTTP interface of Intel's provisioning certification service, and of the caches that speak it (B.2). */
#pragma once

#include "dcap/http.h"
#include "dcap/platform_id.h"

#include <glib.h>

typedef struct {
  char *base; /* without a trailing slash or API path */
  gboolean is_intel;
} DcapService;

/* `url` NULL or blank: the environment's PCCS_URL, else Intel's service. Error INVALID: not http or https, or with user
 * name, query or fragment. */
gboolean dcap_service_init(DcapService *service, const char *url, GError **error);
void dcap_service_clear(DcapService *service);

/* All parts for one platform model, as the JSON text of B.1. `root` is the trust anchor, whose own distribution point
 * is asked for its revocation list where the service has none; `pck_chain` (PEM) may be NULL. Error "collateral fetch"
 * or "collateral decode". The text proves nothing yet. */
char *dcap_service_fetch(const DcapService *service, DcapHttp *http, const DcapPlatformId *id, X509 *root,
                         const char *pck_chain, GError **error);
/* The PCK certificate and its issuers for a quote without them. PEM; errors as above. */
char *dcap_service_fetch_pck(const DcapService *service, DcapHttp *http, const DcapPckRequest *request, GError **error);
