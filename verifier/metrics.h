/* What the service counts, in Prometheus' text format. */
#pragma once

#include "image/store.h"

#include <glib.h>

typedef struct {
  gint valid, refused;      /* verdicts */
  gint bad_requests;        /* no JSON, or ill-typed */
  GMutex lock;              /* of what follows; the others change atomically */
  gint64 busy_microseconds; /* time spent on verdicts */
} VerifierMetrics;

void metrics_add_verdict(VerifierMetrics *metrics, gboolean valid, gint64 microseconds);
void metrics_add_bad_request(VerifierMetrics *metrics);
char *metrics_print(VerifierMetrics *metrics, const ImageStoreCounts *images);
