/* Which measurements an operating system image has in a given VM, and whether a quote shows them (spec: attestation
 * E.4, E.5). The VM's description comes from its host and proves nothing until the measurements agree. */
#pragma once

#include "measure/measure.h"
#include "tdx/quote.h"

#include <glib.h>

typedef struct {
  guint8 hash[32]; /* of the image */
  gboolean is_dev;
  char *version; /* NULL: the image does not say */
  Measurements measurements;
} OsExpectation;

OsExpectation *os_expectation_ref(OsExpectation *expectation);
void os_expectation_unref(OsExpectation *expectation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OsExpectation, os_expectation_unref)

/* A directory of images, images/<hash>/ each, and what was computed from them. Shared between threads. */
typedef struct OsImages OsImages;
OsImages *os_images_new(const char *cache_dir);
void os_images_free(OsImages *images);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OsImages, os_images_free)

/* Finds the image that `vm_config` (JSON text) names, checks all its files against its hash, and measures it. Errors:
 * INVALID (vm_config), NOT_IMPLEMENTED (the image is not here and would have to be downloaded), UNVERIFIED (damaged).
 */
OsExpectation *os_images_expect(OsImages *images, const char *vm_config, GError **error);
/* MRTD and RTMR0-2 against the quote. Error UNVERIFIED names the first register that differs. */
gboolean os_expectation_check(const OsExpectation *expectation, const TdReport *td, GError **error);
