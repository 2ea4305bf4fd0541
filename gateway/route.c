#include "route.h"

#include "base/error.h"

#include <string.h>

enum { DEFAULT_PORT = 80, DEFAULT_PASSTHROUGH_PORT = 443 };

static gboolean invalid(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s", why);
  return FALSE;
}

/* `text` is what stands between '-' and the base domain. */
static gboolean parse_port_and_mode(const char *text, Route *route, GError **error) {
  g_autofree char *port = g_strdup(text);
  gsize len = strlen(port);
  gboolean h2 = len > 0 && port[len - 1] == 'g';
  if (h2)
    port[--len] = '\0';
  gboolean passthrough = len > 0 && port[len - 1] == 's';
  if (passthrough)
    port[--len] = '\0';
  if (h2 && passthrough)
    return invalid(error, "modes s and g exclude each other");
  route->mode = passthrough ? ROUTE_PASSTHROUGH : h2 ? ROUTE_TERMINATE_H2 : ROUTE_TERMINATE;
  route->port = passthrough ? DEFAULT_PASSTHROUGH_PORT : DEFAULT_PORT;
  guint64 number;
  if (len == 0)
    return TRUE;
  /* The parser below would take a sign; the grammar has digits only. */
  if (!g_ascii_isdigit(port[0]) || !g_ascii_string_to_unsigned(port, 10, 1, G_MAXUINT16, &number, NULL))
    return invalid(error, "invalid port");
  route->port = (guint16)number;
  return TRUE;
}

gboolean route_parse(const char *name, const char *base_domain, Route *route, GError **error) {
  gsize name_len = strlen(name), base_len = strlen(base_domain);
  if (name_len <= base_len || strcmp(name + name_len - base_len, base_domain) != 0 ||
      name[name_len - base_len - 1] != '.') {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "not below the base domain");
    return FALSE;
  }
  g_autofree char *label = g_strndup(name, name_len - base_len - 1);
  if (strchr(label, '.'))
    return invalid(error, "more than one level below the base domain");
  g_auto(GStrv) parts = g_strsplit(label, "-", 4);
  guint n_parts = g_strv_length(parts);
  if (n_parts == 0 || *parts[0] == '\0')
    return invalid(error, "empty app id");
  if (n_parts > 2)
    return invalid(error, "too many parts");
  if (g_strlcpy(route->id, parts[0], sizeof route->id) >= sizeof route->id)
    return invalid(error, "app id too long");
  return parse_port_and_mode(n_parts == 2 ? parts[1] : "", route, error);
}
