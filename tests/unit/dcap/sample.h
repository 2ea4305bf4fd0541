/* A quote with its collateral, to be damaged in one place and verified again. */
#pragma once

#include "dcap/dcap.h"

#include <glib.h>
#include <jansson.h>

typedef struct {
  GBytes *quote;
  json_t *collateral;
  X509 *root; /* NULL: Intel's */
  gint64 now;
} Sample;

void sample_clear(Sample *sample);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sample, sample_clear)

DcapCollateral *sample_collateral(const Sample *sample);
/* Verifies the sample as it is. */
DcapFailure sample_verify(const Sample *sample);
/* Verifies `quote` in its place; checks that a refusal names its class and claims nothing. */
DcapFailure sample_verify_quote(const Sample *sample, const DcapCollateral *collateral, const void *quote, gsize len);
/* Verifies with one member of the collateral replaced. A text that is no UTF-8 counts as refused when decoding. */
DcapFailure sample_verify_with(const Sample *sample, const char *key, const char *value, gsize len);
/* Fails the test unless `actual` is `expected`; `where` is printed. */
void assert_failure(DcapFailure actual, DcapFailure expected, const char *what, gsize where);
