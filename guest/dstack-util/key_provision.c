#include "key_provision.h"

#include "base/error.h"
#include "base/log.h"
#include "cvm/boot_events.h"

#include <sys/stat.h>
#include <unistd.h>

#define SEED_SIZE 32
/* Written only by the development image's TEE simulator, on a tmpfs of the guest's own; a production image has no such
 * program, and the host can't reach it. */
#define ANCHOR_DIR "/run/dstack/attestation"
#define ANCHOR_ROOT ANCHOR_DIR "/root.pem"
#define ANCHOR_COLLATERAL ANCHOR_DIR "/collateral.json"

static gboolean has_simulated_anchor(void) {
  struct stat state;
  return lstat(ANCHOR_DIR, &state) == 0 && S_ISDIR(state.st_mode) && state.st_uid == geteuid() &&
         (state.st_mode & 077) == 0;
}

/* NULL without error: nothing here can judge a server's evidence, and one that carries some is refused. */
static gboolean make_verifier(const SysConfig *config, RatlsVerifier **out, GError **error) {
  *out = NULL;
  if (!has_simulated_anchor())
    return TRUE;
  log_warn("this is a development image: a kms is trusted under the simulated root in " ANCHOR_DIR);
  RatlsVerifierOptions options = {.root_ca_path = ANCHOR_ROOT,
                                  .allow_external_root = TRUE,
                                  .collateral_path = ANCHOR_COLLATERAL,
                                  .pccs_url = config->pccs_url};
  *out = ratls_verifier_new(&options, error);
  return *out != NULL;
}

static AppKeys *from_any_kms(TdxPlatform *platform, const SysConfig *config, GError **error) {
  g_autoptr(RatlsVerifier) verifier = NULL;
  if (!make_verifier(config, &verifier, error))
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
