/* What the KMS counts, in Prometheus' text format (spec: kms 12). */
#pragma once

#include "prpc/server.h"

#include <glib.h>

/* Methods of the service KMS, and all else that is asked below /prpc. */
#define KMS_METRICS_METHODS 8

typedef struct {
  gint answered[KMS_METRICS_METHODS], refused[KMS_METRICS_METHODS]; /* atomic */
} KmsMetrics;

/* A PrpcObserver; `metrics` is a KmsMetrics. */
void kms_metrics_count(const char *method, int status, gpointer metrics);
/* A PrpcRoute; `metrics` is a KmsMetrics. */
void kms_metrics_answer(PrpcHttpRequest *request, gpointer metrics);
char *kms_metrics_print(KmsMetrics *metrics);
