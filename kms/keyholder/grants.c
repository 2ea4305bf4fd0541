#include "kms/keyholder/grants.h"

#include "base/error.h"
#include "base/secret.h"

#include <string.h>

typedef struct {
  guint8 name[KMS_GRANT_SIZE];
  gint64 expires_us; /* 0: free */
  KeyGrant grant;
} Slot;

struct GrantTable {
  Slot slots[KMS_MAX_GRANTS];
};

GrantTable *grant_table_new(void) { return g_new0(GrantTable, 1); }

void grant_table_free(GrantTable *table) { g_free(table); }

static Slot *oldest(GrantTable *table) {
  Slot *best = &table->slots[0];
  for (guint i = 1; i < KMS_MAX_GRANTS; i++)
    if (table->slots[i].expires_us < best->expires_us)
      best = &table->slots[i];
  return best;
}

void grant_table_add(GrantTable *table, const KeyGrant *grant, gint64 now_us, guint8 name[KMS_GRANT_SIZE]) {
  g_autoptr(Secret) random = secret_new_random(KMS_GRANT_SIZE);
  Slot *slot = oldest(table);
  memcpy(slot->name, secret_peek(random), KMS_GRANT_SIZE);
  memcpy(name, slot->name, KMS_GRANT_SIZE);
  slot->expires_us = now_us + KMS_GRANT_SECONDS * G_USEC_PER_SEC;
  slot->grant = *grant;
}

gboolean grant_table_take(GrantTable *table, GrantKind kind, const guint8 name[KMS_GRANT_SIZE], gint64 now_us,
                          KeyGrant *out, GError **error) {
  for (guint i = 0; i < KMS_MAX_GRANTS; i++) {
    Slot *slot = &table->slots[i];
    if (slot->expires_us == 0 || !bytes_equal_constant_time(slot->name, name, KMS_GRANT_SIZE))
      continue;
    gboolean good = now_us < slot->expires_us && slot->grant.kind == kind;
    *out = slot->grant;
    *slot = (Slot){0};
    if (good)
      return TRUE;
    break;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "no such key grant, or it was used or has expired");
  return FALSE;
}
