/* Is the CVM really running the image it claims? The measurements computed from the image's files and the VM's shape
 * must equal the quoted ones (spec: kms 7.5). */
#pragma once

#include "kms/verifier/vm_config.h"

#include "tdx/quote.h"

#include <glib.h>

typedef struct OsImageChecker OsImageChecker;
/* `cache_dir` holds images/<hash>/ and computed/<key>. With `enabled` FALSE every check passes (development only). */
OsImageChecker *os_image_checker_new(const char *cache_dir, gboolean enabled);
void os_image_checker_free(OsImageChecker *checker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OsImageChecker, os_image_checker_free)

/* Errors: UNVERIFIED "mrs do not match: ...", NOT_IMPLEMENTED when the image had to be downloaded. Thread-safe. */
gboolean os_image_check(OsImageChecker *checker, const VmConfig *config, const TdReport *report, GError **error);
