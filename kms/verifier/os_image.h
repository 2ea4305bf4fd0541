/* Is the CVM really running the image it claims? The measurements computed from the image's files and the VM's shape
 * must equal the quoted ones (spec: kms 7.5). */
#pragma once

#include "kms/config.h"

#include "ratls/evidence.h"

#include <glib.h>

typedef struct OsImageChecker OsImageChecker;
/* Images and measurements are kept below the configured cache directory; images that are not there are downloaded. With
 * verification switched off (development only) every check passes. Errors as image_store_new(). */
OsImageChecker *os_image_checker_new(const KmsConfig *config, GError **error);
void os_image_checker_free(OsImageChecker *checker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OsImageChecker, os_image_checker_free)

/* `evidence` is verified. Errors: UNVERIFIED "mrs do not match: ...", those of getting the image. Thread-safe. */
gboolean os_image_check(OsImageChecker *checker, const char *vm_config, const VerifiedEvidence *evidence,
                        GError **error);
/* Forgets images and measurements (spec: kms 8.3); see image_store_clear(). */
gboolean os_image_clear(OsImageChecker *checker, const char *image_hash, const char *config_hash, GError **error);
