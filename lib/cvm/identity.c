#include "cvm/identity.h"

#include "base/error.h"
#include "base/secret.h"

#include <string.h>

void identity_instance_id(const guint8 seed[INSTANCE_SEED_SIZE], const guint8 app_id[APP_ID_SIZE],
                          guint8 out[INSTANCE_ID_SIZE]) {
  guint8 input[INSTANCE_SEED_SIZE + APP_ID_SIZE], digest[SHA256_SIZE];
  memcpy(input, seed, INSTANCE_SEED_SIZE);
  memcpy(input + INSTANCE_SEED_SIZE, app_id, APP_ID_SIZE);
  digest_sha256(input, sizeof input, digest);
  memcpy(out, digest, INSTANCE_ID_SIZE);
}

static GBytes *resolve_app_id(const AppCompose *compose, const InstanceInfo *stored, GError **error) {
  g_autoptr(GBytes) own = g_bytes_new(compose->hash, APP_ID_SIZE);
  if (g_bytes_get_size(stored->app_id) == 0 || g_bytes_equal(own, stored->app_id))
    return g_steal_pointer(&own);
  if (compose->key_provider != KEY_PROVIDER_KMS) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
                "the app id differs from the compose hash: app upgrade is not supported without kms");
    return NULL;
  }
  return g_bytes_ref(stored->app_id);
}

static GBytes *resolve_seed(const AppCompose *compose, const InstanceInfo *stored) {
  if (g_bytes_get_size(stored->instance_id_seed) != 0 && compose->key_provider != KEY_PROVIDER_NONE)
    return g_bytes_ref(stored->instance_id_seed);
  g_autoptr(Secret) fresh = secret_new_random(INSTANCE_SEED_SIZE);
  return g_bytes_new(secret_peek(fresh), INSTANCE_SEED_SIZE);
}

InstanceInfo *identity_resolve(const AppCompose *compose, const InstanceInfo *stored, GError **error) {
  g_autoptr(InstanceInfo) info = g_new0(InstanceInfo, 1);
  info->app_id = resolve_app_id(compose, stored, error);
  if (!info->app_id)
    return NULL;
  info->instance_id_seed = resolve_seed(compose, stored);
  guint8 instance_id[INSTANCE_ID_SIZE];
  identity_instance_id(g_bytes_get_data(info->instance_id_seed, NULL), g_bytes_get_data(info->app_id, NULL),
                       instance_id);
  info->instance_id = g_bytes_new(instance_id, compose->no_instance_id ? 0 : sizeof instance_id);
  return g_steal_pointer(&info);
}
