#include "key_provision.h"

#include "kms_trust.h"

#include "base/error.h"
#include "base/log.h"
#include "cvm/boot_events.h"

#define SEED_SIZE 32
static AppKeys *from_any_kms(TdxPlatform *platform, const SysConfig *config, GError **error) {
  g_autoptr(RatlsVerifier) verifier = kms_trust_new(config, error);
  if (!verifier)
    return NULL;
  g_autoptr(GError) first = NULL;
  for (guint i = 0; config->kms_urls[i]; i++) {
    g_autoptr(GError) why = NULL;
    AppKeys *keys = app_keys_from_kms(config->kms_urls[i], platform, config->vm_config, verifier, &why);
    if (keys)
      return keys;
    log_warn("kms %s: %s", config->kms_urls[i], why->message);
    if (!first)
      first = g_steal_pointer(&why);
  }
  if (!first)
    g_set_error(&first, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the host named no kms url");
  g_propagate_prefixed_error(error, g_steal_pointer(&first), "failed to get keys from the kms: ");
  return NULL;
}

static AppKeys *from_provider(TdxPlatform *platform, const AppCompose *compose, const SysConfig *config,
                              GError **error) {
  switch (compose->key_provider) {
  case KEY_PROVIDER_KMS:
    return from_any_kms(platform, config, error);
  case KEY_PROVIDER_NONE: {
    g_autoptr(Secret) seed = secret_new_random(SEED_SIZE);
    return app_keys_from_seed(seed, KEY_PROVIDER_NONE, platform, error);
  }
  default:
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED, "key providers local and tpm: not implemented yet");
    return NULL;
  }
}

AppKeys *key_provision(TdxPlatform *platform, const AppCompose *compose, const InstanceInfo *info,
                       const SysConfig *config, GError **error) {
  g_autoptr(AppKeys) keys = from_provider(platform, compose, config, error);
  if (!keys || !boot_keys_check(platform, compose, info, keys, error) || !boot_events_keys(platform, keys, error))
    return NULL;
  return g_steal_pointer(&keys);
}
