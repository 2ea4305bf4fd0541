/* Files that the verifier needs after it gave up its privileges, wherever they lie. */
#pragma once

#include "kms/config.h"

#include <glib.h>

/* The verifier's user may have no way to these files: an installation below /root, say. So their directories are opened
 * now and reached through /proc/self/fd later: only the directory itself has to be searchable, not those above it.
 * Makes measurements/ in the image cache, and images/ where they are downloaded, the verifier user's own. Rewrites
 * paths in `config`. Only as root; otherwise nothing is done. */
gboolean state_dir_keep_reachable(KmsConfig *config, GError **error);
