/* The certificate the proxy serves, read from files and swapped whole (spec: gateway 12.1 ReloadCert, 13.7). */
#pragma once

#include "route.h"

#include <glib.h>
#include <openssl/ssl.h>

typedef struct CertificateStore CertificateStore;

/* `versions` holds "1.2" and "1.3". Loads at once: error when the files are missing, unreadable or do not match. */
CertificateStore *certificate_store_new(const char *chain_path, const char *key_path, const char *const *versions,
                                        GError **error);
/* Reads the files again; on error the old certificate stays. */
gboolean certificate_store_reload(CertificateStore *store, GError **error);
/* A new server session for a mode (the h2 one offers only "h2"). */
SSL *certificate_store_session(CertificateStore *store, RouteMode mode);
void certificate_store_free(CertificateStore *store);
