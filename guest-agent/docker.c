#include "guest-agent/docker.h"

#include <string.h>

#define DEFAULT_ADDRESS "unix:/var/run/docker.sock"
#define MAX_NAME 255
/* The daemon is on this machine; a caller's worker must not wait for a daemon that hangs. */
#define CONNECT_TIMEOUT_MS 2000
#define TOTAL_TIMEOUT_MS 5000

PrpcClient *docker_client_new(GError **error) {
  const char *host = g_getenv("DOCKER_HOST");
  /* Docker writes unix:///path, prpc unix:/path. */
  g_autofree char *url =
      host && g_str_has_prefix(host, "unix://") ? g_strconcat("unix:", host + 7, NULL) : g_strdup(DEFAULT_ADDRESS);
  PrpcClient *client = prpc_client_new(url, error);
  if (client)
    prpc_client_set_timeouts(client, CONNECT_TIMEOUT_MS, TOTAL_TIMEOUT_MS);
  return client;
}

gboolean docker_name_ok(const char *name) {
  gsize len = strlen(name);
  return len > 0 && len <= MAX_NAME && g_ascii_isalnum(name[0]) &&
         strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == len;
}
