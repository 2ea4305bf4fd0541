/* Computed measurements on disk: <cache>/measurements/<key>.json (spec: attestation E.5). */
#pragma once

#include "expectation.h"

/* NULL when there is no entry, or none that this program wrote in this version. */
ImageExpectation *measurements_read(const char *cache_dir, const char *key, const guint8 hash[32]);
/* A failure is only logged. A directory that is full starts again from nothing. */
void measurements_write(const char *cache_dir, const char *key, const ImageExpectation *expectation);
