/* The keys asked for lately. Apps ask for the same few again and again, and each costs two operations on the curve; a key here is no
 * secret more than the app key beside it, from which it can be derived at any time. Thread-safe. */
#pragma once

#include "guest-agent/app_key.h"

typedef struct AppKeyCache AppKeyCache;

AppKeyCache *app_key_cache_new(const AppKeys *keys);
void app_key_cache_free(AppKeyCache *cache);
/* As app_key_named(). A reference, to be released with app_key_free(). */
AppKey *app_key_cache_get(AppKeyCache *cache, const char *path, const char *purpose, const char *algorithm,
                          GError **error);
