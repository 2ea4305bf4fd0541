#include "metrics.h"

void metrics_add_verdict(VerifierMetrics *metrics, gboolean valid, gint64 microseconds) {
  g_atomic_int_inc(valid ? &metrics->valid : &metrics->refused);
  g_mutex_lock(&metrics->lock);
  metrics->busy_microseconds += microseconds;
  g_mutex_unlock(&metrics->lock);
}

void metrics_add_bad_request(VerifierMetrics *metrics) { g_atomic_int_inc(&metrics->bad_requests); }

static void add(GString *out, const char *name, const char *help, const char *labels, gdouble value) {
  if (help)
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf(out, "%s%s %s\n", name, labels, g_ascii_dtostr(number, sizeof number, value));
}

char *metrics_print(VerifierMetrics *metrics, const ImageStoreCounts *images) {
  GString *out = g_string_new(NULL);
  g_mutex_lock(&metrics->lock);
  gdouble busy = (gdouble)metrics->busy_microseconds / G_USEC_PER_SEC;
  g_mutex_unlock(&metrics->lock);
  static const char verdicts[] = "dstack_verifier_verdicts_total";
  add(out, verdicts, "Requests that were judged.", "{valid=\"true\"}", g_atomic_int_get(&metrics->valid));
  add(out, verdicts, NULL, "{valid=\"false\"}", g_atomic_int_get(&metrics->refused));
  add(out, "dstack_verifier_bad_requests_total", "Requests that could not be read.", "",
      g_atomic_int_get(&metrics->bad_requests));
  add(out, "dstack_verifier_verdict_seconds_total", "Time spent on judging.", "", busy);
  add(out, "dstack_verifier_image_downloads_total", "Downloads of images begun.", "", (gdouble)images->downloads);
  add(out, "dstack_verifier_image_download_failures_total", "Downloads of images that failed.", "",
      (gdouble)images->failures);
  return g_string_free(out, FALSE);
}
