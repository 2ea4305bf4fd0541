/* The key holder's files in `cert_dir` (spec: kms 3.1), and how they survive a kill at any instant.
 *
 * A whole set is first written to `.new/`, which is then renamed to `.commit/`: that rename is the moment the set
 * exists. Its files are moved to their places one by one; a start that finds `.commit/` goes on with that, one that
 * finds `.new/` drops it. So there is always the old state or the new one, also when `cert_dir` is a mount point that
 * can't be renamed itself. */
#pragma once

#include "kms/keyholder/certificates.h"

#include <glib.h>

typedef struct {
  gboolean complete;      /* all seven files are there */
  gboolean has_root_keys; /* root-ca.key or root-k256.key is there */
  char *missing;          /* names, comma-separated */
  char *domain;           /* of rpc-domain, trimmed; "" when there is none */
  char *bootstrap_info;   /* JSON text; "" when there is none */
} KeyFilesState;
void key_files_state_clear(KeyFilesState *state);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KeyFilesState, key_files_state_clear)

/* Makes `dir` with mode 0700 (or sets it), finishes or drops an interrupted store, removes leftovers of interrupted
 * writes, and sets key files to 0600. */
gboolean key_files_prepare(const char *dir, GError **error);
gboolean key_files_state(const char *dir, KeyFilesState *out, GError **error);

/* Stores a whole new set. Error EXISTS when root keys are there already. `bootstrap_info` may be "". */
gboolean key_files_store(const char *dir, const RootKeys *keys, const KmsCertificates *certificates, const char *domain,
                         const char *bootstrap_info, GError **error);
RootKeys *key_files_load(const char *dir, GError **error);
/* Error when a CA certificate is missing, unreadable or another key's. The rpc certificate is not read: it is always
 * made anew. */
gboolean key_files_load_ca(const char *dir, const RootKeys *keys, KmsCertificates *out, GError **error);
gboolean key_files_write_certificate(const char *dir, const char *name, X509 *certificate, GError **error);

#define KEY_FILE_TEMP_CA_CERT "tmp-ca.crt"
#define KEY_FILE_ROOT_CA_CERT "root-ca.crt"
#define KEY_FILE_RPC_CERT "rpc.crt"
