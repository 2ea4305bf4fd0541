/* The key holder's answers: the only code that touches root keys. Two phases: before sealing it makes, stores and loads
 * keys for the front; afterwards it has neither files nor network and answers kms/protocol.h's short list. */
#pragma once

#include "kms/wire.h"

#include <glib.h>

typedef enum { KEYHOLDER_FROM_FRONT, KEYHOLDER_FROM_VERIFIER } KeyHolderPeer;

typedef struct KeyHolder KeyHolder;
/* Called once when the front seals: gives up privileges. */
typedef gboolean (*KeyHolderSeal)(gpointer user_data, GError **error);
KeyHolder *keyholder_new(const char *cert_dir, KeyHolderSeal seal, gpointer user_data);
void keyholder_free(KeyHolder *holder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyHolder, keyholder_free)

/* Also answers KEYHOLDER_PLAIN_ROOT, which shows root keys to the front. */
void keyholder_allow_plain_handover(KeyHolder *holder);

/* From sealing on, records in `dir` what is released and refused (kms/keyholder/audit.h). */
void keyholder_record(KeyHolder *holder, const char *dir, gboolean sync_each);
/* Milliseconds until keyholder_tend() has something to do; -1: nothing. */
gint keyholder_tend_due(const KeyHolder *holder);
/* Work that no request asks for; quick when nothing is due. */
void keyholder_tend(KeyHolder *holder);

/* Brings `cert_dir` in order (see kms/keyholder/key_files.h). */
gboolean keyholder_prepare(KeyHolder *holder, GError **error);

/* Bytes of the largest request that this peer can have reason for now. */
gsize keyholder_max_request(const KeyHolder *holder, KeyHolderPeer peer);
/* Answers one request; never NULL. */
WireBuffer *keyholder_answer(KeyHolder *holder, KeyHolderPeer peer, const WireBuffer *request);
