/* app-compose.json: what an app is. Its bytes are hashed as they came; parsing never changes them (spec: guest-os 5, vmm 4.2). */
#pragma once

#include "tdx/mr_config.h"

#include <glib.h>

#define APP_COMPOSE_MAX_BYTES (256 * 1024) /* what the guest reads */
#define ENCRYPTED_ENV_MAX_BYTES (256 * 1024)
#define USER_CONFIG_MAX_BYTES (1024 * 1024)

typedef struct {
  char *name, *runner;
  char *docker_compose_file; /* NULL when absent */
  gboolean gateway_enabled;
  KeyProviderKind key_provider;
  GBytes *key_provider_id; /* empty: not pinned */
} AppCompose;

/* Errors: TOO_LARGE, INVALID (names the member and what is wrong with it; a docker_compose_file that is no YAML too). */
AppCompose *app_compose_parse(const char *text, GError **error);
void app_compose_free(AppCompose *compose);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AppCompose, app_compose_free)

/* Lower-case hex SHA-256 of the bytes. */
char *app_compose_hash(const char *text);
/* The app id of an app that has no other: the first 40 digits of the compose hash. */
char *app_compose_default_app_id(const char *text);
