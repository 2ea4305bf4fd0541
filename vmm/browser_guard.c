#include "vmm/browser_guard.h"

#include "vmm/address.h"

#include <string.h>

/* Looking at the console is harmless wherever the link stood: it changes nothing, and no other site can read the page. */
static gboolean is_console(const BrowserRequest *request) {
  return strcmp(request->path, "/") == 0 && (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0);
}

static gboolean is_own_origin(const char *origin, const char *host) {
  const char *authority = strstr(origin, "://");
  return authority && host && g_ascii_strcasecmp(authority + strlen("://"), host) == 0;
}

/* Every browser sends Origin with a POST to another site, but none with a GET; Fetch Metadata come only over https or loopback.
 * A browser's GET without either could have been caused by anybody. */
static gboolean is_known_to_be_own(const BrowserRequest *request) {
  if (request->fetch_site)
    return strcmp(request->fetch_site, "same-origin") == 0 || strcmp(request->fetch_site, "none") == 0;
  if (request->origin)
    return is_own_origin(request->origin, request->host);
  gboolean browser = request->user_agent && g_str_has_prefix(request->user_agent, "Mozilla/");
  return !browser || strcmp(request->method, "POST") == 0 || g_str_has_prefix(request->path, "/logs");
}

/* A name may be anybody's; who has only addresses to use must come from a page that was loaded from here. */
static gboolean names_this_host(const char *host) {
  const char *end = *host == '[' ? strchr(host, ']') : strchr(host, ':');
  const char *begin = *host == '[' ? host + 1 : host;
  g_autofree char *name = end ? g_strndup(begin, (gsize)(end - begin)) : g_strdup(begin);
  g_autofree char *lower = g_ascii_strdown(name, -1);
  IpAddress ip;
  return ip_parse(name, &ip) || strcmp(lower, "localhost") == 0 || g_str_has_suffix(lower, ".localhost");
}

const char *browser_guard_judge(const BrowserRequest *request, gboolean check_host) {
  if (check_host && request->host && !names_this_host(request->host))
    return "this name is not known to be this host's: use its address, or set auth.enabled";
  if (!is_console(request) && !is_known_to_be_own(request))
    return "requests from other web sites are refused";
  return NULL;
}

gboolean browser_guard_filter(PrpcHttpRequest *request, const VmmConfig *config) {
  const BrowserRequest judged = {.method = prpc_http_method(request),
                                 .path = prpc_http_path(request),
                                 .fetch_site = prpc_http_header(request, "Sec-Fetch-Site"),
                                 .origin = prpc_http_header(request, "Origin"),
                                 .host = prpc_http_header(request, "Host"),
                                 .user_agent = prpc_http_header(request, "User-Agent")};
  gboolean check_host = !config->auth && !g_str_has_prefix(config->address, "unix:");
  const char *reason = browser_guard_judge(&judged, check_host);
  if (!reason)
    return TRUE;
  g_autofree char *text = g_strdup_printf("%s\n", reason);
  prpc_http_reply(request, 403, "text/plain; charset=utf-8", text, strlen(text), NULL);
  return FALSE;
}
