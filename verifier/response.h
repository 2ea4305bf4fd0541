/* The answer of POST /verify (spec: attestation E.2). */
#pragma once

#include "verification.h"

#include <glib.h>
#include <jansson.h>

/* Members of AppInfo (spec: attestation C.8), with the proven hash of the image. New reference. */
json_t *response_app_info(const AppInfo *info, const guint8 os_image_hash[32]);

/* New reference. `debug` adds what differs in the registers. */
json_t *verification_describe(const Verification *verification, gboolean debug);
