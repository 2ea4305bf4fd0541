#include "prpc/client_url.h"

#include "base/error.h"

#include <string.h>

void prpc_client_url_clear(PrpcClientUrl *url) {
  g_free(url->base);
  g_free(url->host);
  g_free(url->socket_path);
  *url = (PrpcClientUrl){0};
}

static char *without_final_slashes(char *text) {
  for (gsize len = strlen(text); len > 0 && text[len - 1] == '/'; len--)
    text[len - 1] = 0;
  return text;
}

/* Takes what stands behind "|" off `text` as the prefix of every path. */
static gboolean take_prefix(PrpcClientUrl *url, char *text) {
  char *bar = strchr(text, '|');
  if (bar && bar[1] && bar[1] != '/')
    return FALSE;
  url->base = without_final_slashes(g_strdup(bar ? bar + 1 : ""));
  url->host = g_strdup("localhost");
  if (bar)
    *bar = 0;
  return TRUE;
}

static gboolean parse_number(const char *text, guint32 *out) {
  guint64 value;
  if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &value, NULL))
    return FALSE;
  *out = (guint32)value;
  return TRUE;
}

static gboolean parse_unix(PrpcClientUrl *url, char *text) {
  url->kind = PRPC_ROUTE_UNIX;
  if (!take_prefix(url, text) || !*text)
    return FALSE;
  url->socket_path = g_strdup(text);
  return TRUE;
}

/* "PATH:PORT|/prefix" */
static gboolean parse_vsock_unix(PrpcClientUrl *url, char *text) {
  url->kind = PRPC_ROUTE_VSOCK_UNIX;
  char *colon = take_prefix(url, text) ? strrchr(text, ':') : NULL;
  if (!colon || colon == text || !parse_number(colon + 1, &url->port))
    return FALSE;
  url->socket_path = g_strndup(text, (gsize)(colon - text));
  return TRUE;
}

/* "CID:PORT/prefix" */
static gboolean parse_vsock(PrpcClientUrl *url, const char *text) {
  url->kind = PRPC_ROUTE_VSOCK;
  gsize len = strcspn(text, "/");
  g_autofree char *authority = g_strndup(text, len);
  char *colon = strchr(authority, ':');
  if (!colon)
    return FALSE;
  *colon = 0;
  url->base = without_final_slashes(g_strdup(text + len));
  if (!parse_number(authority, &url->cid) || !parse_number(colon + 1, &url->port))
    return FALSE;
  url->host = g_strdup_printf("%u:%u", url->cid, url->port);
  return TRUE;
}

static gboolean parse(PrpcClientUrl *url, const char *text) {
  g_autofree char *copy = g_strdup(text);
  if (g_str_has_prefix(text, "http://") || g_str_has_prefix(text, "https://")) {
    url->kind = PRPC_ROUTE_HTTP;
    url->base = without_final_slashes(g_steal_pointer(&copy));
    return strlen(url->base) > strlen("https:/");
  }
  if (g_str_has_prefix(text, "unix:"))
    return parse_unix(url, copy + strlen("unix:"));
  if (g_str_has_prefix(text, "vsock://"))
    return parse_vsock(url, copy + strlen("vsock://"));
  return g_str_has_prefix(text, "vsock+unix:") && parse_vsock_unix(url, copy + strlen("vsock+unix:"));
}

gboolean prpc_client_url_parse(PrpcClientUrl *url, const char *text, GError **error) {
  *url = (PrpcClientUrl){0};
  if (parse(url, text))
    return TRUE;
  prpc_client_url_clear(url);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid url '%s'", text);
  return FALSE;
}
