#include "guest-agent/docker.h"

#include <string.h>

#define DEFAULT_ADDRESS "unix:/var/run/docker.sock"
#define MAX_NAME 255

PrpcClient *docker_client_new(GError **error) {
  const char *host = g_getenv("DOCKER_HOST");
  /* Docker writes unix:///path, prpc unix:/path. */
  g_autofree char *url =
      host && g_str_has_prefix(host, "unix://") ? g_strconcat("unix:", host + 7, NULL) : g_strdup(DEFAULT_ADDRESS);
  return prpc_client_new(url, error);
}

gboolean docker_name_ok(const char *name) {
  gsize len = strlen(name);
  return len > 0 && len <= MAX_NAME && g_ascii_isalnum(name[0]) &&
         strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == len;
}
