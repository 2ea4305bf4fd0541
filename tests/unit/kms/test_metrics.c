#include "kms/metrics.h"

#include <string.h>

static void assert_line(const char *text, const char *line) {
  g_autofree char *whole = g_strdup_printf("\n%s\n", line);
  if (!strstr(text, whole))
    g_error("no line \"%s\" in:\n%s", line, text);
}

static void test_counts(void) {
  KmsMetrics metrics = {0};
  kms_metrics_count("GetAppKey", 200, &metrics);
  kms_metrics_count("GetAppKey", 400, &metrics);
  kms_metrics_count("SignCert", 500, &metrics);
  kms_metrics_count("GetMeta", 200, &metrics);
  kms_metrics_count("GetMeta", 400, &metrics); /* needs no attestation */
  kms_metrics_count("Nonsense", 400, &metrics);
  kms_metrics_count("unknown", 400, &metrics);
  kms_metrics_count(NULL, 404, &metrics); /* a page, no method */
  g_autofree char *text = kms_metrics_print(&metrics);
  assert_line(text, "# TYPE dstack_kms_attestation_requests_total counter");
  assert_line(text, "dstack_kms_attestation_requests_total 3");
  assert_line(text, "dstack_kms_attestation_failures_total 2");
  assert_line(text, "dstack_kms_requests_total{method=\"GetAppKey\",outcome=\"ok\"} 1");
  assert_line(text, "dstack_kms_requests_total{method=\"GetAppKey\",outcome=\"error\"} 1");
  assert_line(text, "dstack_kms_requests_total{method=\"unknown\",outcome=\"error\"} 2");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kms/metrics/counts", test_counts);
  return g_test_run();
}
