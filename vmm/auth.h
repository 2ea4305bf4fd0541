/* Who may use the management listener (spec: vmm 3.3). */
#pragma once

#include "vmm/config.h"

#include "prpc/server.h"

typedef struct VmmAuth VmmAuth;

/* Reads the htpasswd file when authentication is on. Error INVALID or IO; enabled without any credential refuses everything. */
VmmAuth *vmm_auth_new(const VmmConfig *config, GError **error);
void vmm_auth_free(VmmAuth *auth);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmmAuth, vmm_auth_free)

/* Decides by the headers `X-Admin-Token` and `Authorization` and, for GET, the query parameter `token`; each may be NULL. */
gboolean vmm_auth_allows(VmmAuth *auth, const char *admin_token, const char *authorization, const char *query_token);
/* A filter for the router; `user_data` is the VmmAuth. */
gboolean vmm_auth_filter(PrpcHttpRequest *request, gpointer user_data);
