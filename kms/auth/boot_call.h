/* The questions as calls of DstackKms, and its answers (spec: contracts 2.1, 6). */
#pragma once

#include "kms/auth/question.h"

#include <glib.h>

#define BOOT_CALL_MAX_REASON 4096
#define BOOT_CALL_MAX_GATEWAY_APP_ID 1024

/* Call data of isAppAllowed or isKmsAllowed. Short values are padded with zeros on the left. */
GBytes *boot_call_encode(AuthSubject subject, const AuthQuestion *question);
/* Reads (bool, string). Error INVALID when the answer is anything else. */
gboolean boot_call_decode(GBytes *answer, gboolean *allowed, char **reason, GError **error);
