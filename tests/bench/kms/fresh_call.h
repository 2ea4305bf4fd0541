/* GetAppKey as a newly started guest asks for it: a certificate of its own, a connection, one call. Lean, so that what is
 * measured is mostly the server. */
#pragma once

#include "../../integration/kms/harness.h"

#include <glib.h>

typedef struct FreshCaller FreshCaller;
FreshCaller *fresh_caller_new(Kms *kms);
void fresh_caller_free(FreshCaller *caller);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FreshCaller, fresh_caller_free)

/* A key and the quote over it: the TEE's part, which a bench does beforehand. */
typedef struct FreshIdentity FreshIdentity;
FreshIdentity *fresh_identity_new(TdxPlatform *platform);
void fresh_identity_free(FreshIdentity *identity);

/* The client's certificate under the temp CA. */
X509 *fresh_caller_issue(const FreshCaller *caller, const FreshIdentity *identity);
/* A client's side of TLS with that certificate. */
SSL *fresh_caller_tls(const FreshCaller *caller, const FreshIdentity *identity, X509 *certificate);
/* All of it; FALSE unless the answer is 200. */
gboolean fresh_call(const FreshCaller *caller, const FreshIdentity *identity);
