#include "vmm/app_compose.h"

#include "vmm/compose_yaml.h"

#include "base/error.h"
#include "base/hex.h"

#include <string.h>

#define WHAT "compose_file"
#define APP_ID_DIGITS 40

char *vmm_compose_hash(const char *text) {
  guint8 digest[SHA256_SIZE];
  digest_sha256(text, strlen(text), digest);
  return hex_encode(digest, sizeof digest);
}

char *vmm_compose_default_app_id(const char *text) {
  char *hash = vmm_compose_hash(text);
  hash[APP_ID_DIGITS] = '\0';
  return hash;
}

static gboolean check_yaml(const AppCompose *compose, GError **error) {
  if (strcmp(compose->runner, "docker-compose") != 0 && strcmp(compose->runner, "nerdctl-compose") != 0)
    return TRUE;
  if (!compose->docker_compose_file) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "docker_compose_file is missing");
    return FALSE;
  }
  if (compose_yaml_check(compose->docker_compose_file, error))
    return TRUE;
  g_prefix_error(error, "docker_compose_file is no docker-compose file: ");
  return FALSE;
}

AppCompose *vmm_compose_parse(const char *text, GError **error) {
  gsize len = strlen(text);
  if (len > COMPOSE_MAX_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, WHAT ": %zu bytes, but the guest reads at most %d", len,
                COMPOSE_MAX_SIZE);
    return NULL;
  }
  g_autoptr(AppCompose) compose = app_compose_parse(text, len, error);
  if (compose && app_compose_check_supported(compose, error) && check_yaml(compose, error))
    return g_steal_pointer(&compose);
  g_prefix_error(error, WHAT ": ");
  return NULL;
}
