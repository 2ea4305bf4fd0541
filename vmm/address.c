#include "vmm/address.h"

#include <arpa/inet.h>
#include <string.h>

#define DEFAULT_PORT 8000
#define UNIX_SCHEME "unix:"

gboolean ip_parse(const char *text, IpAddress *out) {
  *out = (IpAddress){.family = strchr(text, ':') ? AF_INET6 : AF_INET};
  return inet_pton(out->family, text, out->bytes) == 1;
}

gboolean ip_equal(const IpAddress *a, const IpAddress *b) {
  return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

gboolean ip_is_unspecified(const IpAddress *address) {
  static const guint8 zero[16];
  return memcmp(address->bytes, zero, sizeof zero) == 0;
}

gboolean ip_is_loopback(const IpAddress *address) {
  static const guint8 one[16] = {[15] = 1};
  return address->family == AF_INET ? address->bytes[0] == 127 : memcmp(address->bytes, one, sizeof one) == 0;
}

/* Splits "IP", "IP:PORT", "IPv6" or "[IPv6]:PORT". */
static gboolean split(const char *text, char **ip, guint64 *port) {
  *port = 0;
  const char *colon = strrchr(text, ':');
  gboolean bracketed = *text == '[';
  gboolean has_port = colon && (bracketed ? colon > text && colon[-1] == ']' : strchr(text, ':') == colon);
  if (has_port && !g_ascii_string_to_unsigned(colon + 1, 10, 1, G_MAXUINT16, port, NULL))
    return FALSE;
  gsize len = has_port ? (gsize)(colon - text) : strlen(text);
  if (bracketed && (len < 2 || text[len - 1] != ']'))
    return FALSE;
  *ip = bracketed ? g_strndup(text + 1, len - 2) : g_strndup(text, len);
  return TRUE;
}

char *listen_address(const char *address, guint port) {
  if (g_ascii_strncasecmp(address, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0)
    return g_strconcat(UNIX_SCHEME, address + strlen(UNIX_SCHEME), NULL);
  g_autofree char *ip = NULL;
  guint64 inner;
  IpAddress parsed;
  if (!split(g_ascii_strncasecmp(address, "tcp:", 4) == 0 ? address + 4 : address, &ip, &inner) || !ip_parse(ip, &parsed))
    return NULL;
  guint effective = port ? port : (inner ? (guint)inner : DEFAULT_PORT);
  return g_strdup_printf(parsed.family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip, effective);
}

gboolean listen_address_is_local(const char *address) {
  g_autofree char *ip = NULL;
  guint64 port;
  IpAddress parsed;
  if (g_str_has_prefix(address, UNIX_SCHEME))
    return TRUE;
  return split(address, &ip, &port) && ip_parse(ip, &parsed) && ip_is_loopback(&parsed);
}
