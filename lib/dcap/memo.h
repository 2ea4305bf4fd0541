/* Remembers by which key a signed object was found to be signed.
 *
 * Whether a signature fits a key is a fact about bytes: it depends on no time, root or policy. So it can be remembered
 * for good, while everything that does depend on them is checked on every call. Safe to share between threads. */
#pragma once

#include <glib.h>

typedef struct {
  GMutex lock;
  gboolean known;
  guint8 signer[64]; /* x || y */
} DcapMemo;

gboolean dcap_memo_signed_by(DcapMemo *memo, const guint8 signer[64]);
void dcap_memo_remember(DcapMemo *memo, const guint8 signer[64]);
