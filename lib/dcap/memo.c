#include "dcap/memo.h"

#include <string.h>

gboolean dcap_memo_signed_by(DcapMemo *memo, const guint8 signer[64]) {
  g_mutex_lock(&memo->lock);
  gboolean same = memo->known && memcmp(memo->signer, signer, sizeof memo->signer) == 0;
  g_mutex_unlock(&memo->lock);
  return same;
}

void dcap_memo_remember(DcapMemo *memo, const guint8 signer[64]) {
  g_mutex_lock(&memo->lock);
  memcpy(memo->signer, signer, sizeof memo->signer);
  memo->known = TRUE;
  g_mutex_unlock(&memo->lock);
}
