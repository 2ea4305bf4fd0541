/* Where collateral comes from: a file an operator keeps, or a service (PCCS, Intel PCS) with a cache.
 *
 * A source is made once from configuration and shared between threads. The dates in the collateral itself say how long
 * it is used, never the source; and whatever a source gives out is verified again with every quote. */
#pragma once

#include "dcap/dcap.h"

#include <glib.h>

typedef struct DcapCollateralSource DcapCollateralSource;

/* A file in the JSON form of B.1, read again whenever it changes. Reads it now, so that a mistake shows at start. Once
 * it changed to something unreadable, getting fails: the old content no longer says what the operator wants. */
DcapCollateralSource *dcap_collateral_source_file(const char *path, GError **error);

#define DCAP_FETCH_TIMEOUT_MS (180 * 1000)

typedef struct {
  const char *url;       /* NULL or blank: the environment's PCCS_URL, else Intel's service */
  const char *cache_dir; /* made when missing; NULL or "": what was fetched is forgotten when the program ends */
  gboolean insecure_tls; /* do not check the certificate of a private PCCS: what it says is signed by Intel anyway */
  guint timeout_ms;      /* of all requests for one quote together; 0: DCAP_FETCH_TIMEOUT_MS */
} DcapServiceOptions;
/* Nothing is fetched yet. Error INVALID for the address. */
DcapCollateralSource *dcap_collateral_source_service(const DcapServiceOptions *options, GError **error);

DcapCollateralSource *dcap_collateral_source_ref(DcapCollateralSource *source);
/* The last one waits for a refresh under way to break off, a second at most while an answer is awaited. */
void dcap_collateral_source_unref(DcapCollateralSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DcapCollateralSource, dcap_collateral_source_unref)

/* The collateral for `quote`. A service is asked only on behalf of a quote whose signatures lead to the trust anchor,
 * by one thread for each platform model, and again before its answer is a day old or half of its life is over; that
 * happens in the background, and what it has stays in use until it ends when the service can't be reached.
 *
 * A quote that names its PCK certificate (certification data of type 2 or 3) proves nothing before the service gave
 * that certificate. One such quote is asked about at a time, and after a failure none for a while; all others of them
 * without remembered collateral fail at once, with "collateral fetch". Nobody else waits for it.
 *
 * Errors as of dcap_verify(), among them "collateral fetch" (UNAVAILABLE). New reference. */
DcapCollateral *dcap_collateral_source_get(DcapCollateralSource *source, const Quote *quote, const DcapOptions *options,
                                           GError **error);

/* dcap_verify_bytes() with the source's collateral. Quotes that no collateral could be had for have a verdict as well.
 */
gboolean dcap_verify_from(DcapCollateralSource *source, GBytes *raw, const DcapOptions *options, DcapVerdict *verdict,
                          Quote **quote, GError **error);
/* The same for a quote that was parsed. */
gboolean dcap_verify_quote_from(DcapCollateralSource *source, const Quote *quote, const DcapOptions *options,
                                DcapVerdict *verdict, GError **error);
