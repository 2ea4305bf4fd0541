/* Which measurements an image has in a described VM, and whether a quote shows them (spec: measurement 9.3, attestation
 * E.5). The description comes from the VM's host and proves nothing until the measurements agree with a verified quote.
 */
#pragma once

#include "store.h"

#include "measure/measure.h"
#include "tdx/quote.h"

#include <glib.h>

#define VM_CONFIG_MAX_SIZE (256 * 1024)

typedef struct {
  guint8 hash[32]; /* of the image */
  gboolean lite;   /* by the image's measurement document; the two below are then not known */
  gboolean is_dev;
  char *version;             /* NULL: not known */
  gboolean acpi_verified;    /* the ACPI tables are the ones QEMU makes for the described machine */
  Measurements measurements; /* boot_log NULL when they come from the disk cache */
} ImageExpectation;

ImageExpectation *image_expectation_ref(ImageExpectation *expectation);
void image_expectation_unref(ImageExpectation *expectation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImageExpectation, image_expectation_unref)

/* Images and what was computed from them, in memory and below the store's cache directory. Shared between threads. */
typedef struct ImageJudge ImageJudge;
/* `store` must outlive it. */
ImageJudge *image_judge_new(ImageStore *store);
void image_judge_free(ImageJudge *judge);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImageJudge, image_judge_free)

/* Forgets what is in memory. */
void image_judge_forget(ImageJudge *judge);

typedef struct {
  const char *vm_config;   /* JSON text */
  const TdReport *quoted;  /* of a verified quote */
  TdxEventLog *quoted_log; /* for lite mode */
  gboolean afresh;         /* whatever is cached on disk: the boot log shall be there */
} ImageClaim;

/* Finds the image that the claim names, downloads it if need be, measures it, and compares MRTD and RTMR0-2 in this
 * order. *expectation is set as soon as it is known, also when the comparison then fails. Errors: INVALID (vm_config),
 * UNVERIFIED "mrs do not match: ...", and those of image_store_open(). */
gboolean image_judge_claim(ImageJudge *judge, const ImageClaim *claim, ImageExpectation **expectation, GError **error);
