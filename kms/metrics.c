#include "kms/metrics.h"

#include <string.h>

#define CONTENT_TYPE "text/plain; version=0.0.4"

typedef struct {
  const char *name;
  gboolean needs_attestation;
} CountedMethod;

static const CountedMethod methods[KMS_METRICS_METHODS] = {
    {"GetAppKey", TRUE},        {"GetKmsKey", TRUE},      {"SignCert", TRUE},
    {"GetMeta", FALSE},         {"GetTempCaCert", FALSE}, {"GetAppEnvEncryptPubKey", FALSE},
    {"ClearImageCache", FALSE}, {"unknown", FALSE}, /* must be the last */
};

static guint method_index(const char *method) {
  guint index = 0;
  while (index < KMS_METRICS_METHODS - 1 && strcmp(method, methods[index].name) != 0)
    index++;
  return index;
}

void kms_metrics_count(const char *method, int status, gpointer user_data) {
  KmsMetrics *metrics = user_data;
  if (!method)
    return;
  guint index = method_index(method);
  g_atomic_int_inc(status < 400 ? &metrics->answered[index] : &metrics->refused[index]);
}

static guint read_counter(gint *counter) { return (guint)g_atomic_int_get(counter); }

static void head(GString *out, const char *name, const char *help) {
  g_string_append_printf(out, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
}

static void counter(GString *out, const char *name, const char *help, guint value) {
  head(out, name, help);
  g_string_append_printf(out, "%s %u\n", name, value);
}

static void requests(GString *out, KmsMetrics *metrics) {
  static const char name[] = "dstack_kms_requests_total";
  head(out, name, "Answers by method and outcome.");
  for (guint i = 0; i < KMS_METRICS_METHODS; i++)
    g_string_append_printf(out, "%s{method=\"%s\",outcome=\"ok\"} %u\n%s{method=\"%s\",outcome=\"error\"} %u\n", name,
                           methods[i].name, read_counter(&metrics->answered[i]), name, methods[i].name,
                           read_counter(&metrics->refused[i]));
}

char *kms_metrics_print(KmsMetrics *metrics) {
  GString *out = g_string_new(NULL);
  guint failures = 0, successes = 0;
  for (guint i = 0; i < KMS_METRICS_METHODS; i++) {
    if (!methods[i].needs_attestation)
      continue;
    successes += read_counter(&metrics->answered[i]);
    failures += read_counter(&metrics->refused[i]);
  }
  counter(out, "dstack_kms_attestation_requests_total", "Answers to requests that need an attestation.",
          successes + failures);
  counter(out, "dstack_kms_attestation_failures_total", "Those of them that were refused.", failures);
  requests(out, metrics);
  return g_string_free(out, FALSE);
}

void kms_metrics_answer(PrpcHttpRequest *request, gpointer metrics) {
  g_autofree char *text = kms_metrics_print(metrics);
  prpc_http_reply(request, 200, CONTENT_TYPE, text, strlen(text), NULL);
}
