/* The host's side: one seed for an installation, and what its verifiers are told to trust. */
#pragma once

#include <glib.h>

/* Makes `directory` (0700) with seed.hex (0600), root.pem and collateral.json, from a fresh seed. Error EXISTS when there is
 * a seed already: machines that run under it would lose their trust. */
gboolean tee_install(const char *directory, GError **error);
