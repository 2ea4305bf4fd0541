/* One attempt to get collateral for a quote: from disk, or from the service. */
#pragma once

#include "dcap/chain.h"
#include "dcap/collateral_source.h"
#include "dcap/service.h"

/* What all attempts of a source share. Read-only after it was made, but for the two memories under their locks. */
typedef struct {
  DcapService service;
  char *cache_dir; /* NULL: none */
  char *tag;       /* of the service's address, part of every key */
  guint timeout_ms;
  gboolean insecure_tls;
  const gint *cancelled;
  DcapCertCache *certs; /* of quotes that passed their precheck */
  GMutex lock;
  GHashTable *keys; /* digest of certification data -> key */
} DcapFlightPlan;
gboolean dcap_flight_plan_init(DcapFlightPlan *plan, const DcapServiceOptions *options, const gint *cancelled,
                               GError **error);
void dcap_flight_plan_clear(DcapFlightPlan *plan);

/* A file name that stands for TEE, platform model, authority and service; a quote without its PCK certificate has one
 * of its own. Says nothing about whether the quote is genuine. */
char *dcap_flight_key(DcapFlightPlan *plan, const Quote *quote, DcapFailure *failure, GError **error);

typedef struct {
  DcapCollateral *collateral; /* usable for the quote; NULL after a failure */
  gint64 obtained;            /* Unix seconds: when it came from the service */
  DcapFailure failure;
  GError *error;
  gboolean nobody_asked; /* the quote failed its precheck or must wait for its turn: nothing was learned */
} DcapFlight;
void dcap_flight_clear(DcapFlight *flight);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DcapFlight, dcap_flight_clear)

/* TRUE for a quote without its PCK certificate: nothing about it is proven before the service was asked for that. */
gboolean dcap_flight_needs_lookup(const Quote *quote);
/* Prechecks the quote if it can be, and looks on disk. TRUE: finished, with collateral or a failure. */
gboolean dcap_flight_load(DcapFlightPlan *plan, const char *key, const Quote *quote, const DcapOptions *options,
                          DcapFlight *flight);
/* Asks the service. `known` is what a quote without its PCK certificate must fit before that is looked up again; NULL:
 * nothing is known about it. */
void dcap_flight_fetch(DcapFlightPlan *plan, const char *key, const Quote *quote, const DcapOptions *options,
                       const DcapCollateral *known, DcapFlight *flight);
