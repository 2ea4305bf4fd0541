/* The collateral file: read once, re-read when it changes, shared between threads. Inside lib/ratls only. */
#pragma once

#include "dcap/dcap.h"

#include <glib.h>

typedef struct CollateralFile CollateralFile;
typedef struct CollateralRef CollateralRef;

/* Reads the file, so that a mistake shows at start. */
CollateralFile *collateral_file_new(const char *path, GError **error);
void collateral_file_free(CollateralFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CollateralFile, collateral_file_free)

/* The content as it stands on disk now. Once the file changed to something unreadable, this fails: the old content no longer
 * says what the operator wants. */
CollateralRef *collateral_file_get(CollateralFile *file, GError **error);
const DcapCollateral *collateral_ref_peek(const CollateralRef *ref);
void collateral_ref_release(CollateralRef *ref);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CollateralRef, collateral_ref_release)
