/* The app's own certificate authority, for key providers none and local. Inside lib/appkeys only. */
#pragma once

#include "appkeys/appkeys.h"

char **local_ca_certify(const AppKeys *keys, TdxPlatform *platform, EVP_PKEY *key, const AppCertSpec *spec,
                        GError **error);
