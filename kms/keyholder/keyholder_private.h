/* Shared by the two phases of the key holder; nobody else includes it. */
#pragma once

#include "kms/keyholder/audit.h"
#include "kms/keyholder/certificates.h"
#include "kms/keyholder/grants.h"
#include "kms/keyholder/keyholder.h"

struct KeyHolder {
  char *cert_dir;
  KeyHolderSeal seal;
  gpointer seal_data;
  gboolean sealed;
  gboolean plain_handover; /* root keys may leave as the reference sends them */
  gboolean stored; /* the keys and certificates below are those on disk */
  RootKeys *keys;
  Secret *recipient; /* X25519, while root keys are awaited from another KMS */
  KmsCertificates certificates;
  GrantTable *grants;
  char *audit_dir; /* NULL: nothing is recorded */
  gboolean audit_sync_each;
  Audit *audit; /* from sealing on */
};

/* Reads fields from `body`, puts the answer's into `answer`. */
typedef gboolean (*KeyHolderHandler)(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error);

/* NULL when the phase has no such request. */
KeyHolderHandler keyholder_setup_handler(guint8 type);
KeyHolderHandler keyholder_sealed_handler(KeyHolderPeer peer, guint8 type);
