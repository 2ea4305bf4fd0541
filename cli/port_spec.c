#include "cli/port_spec.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <string.h>

#define DEFAULT_ADDRESS "127.0.0.1"

void port_spec_clear(PortSpec *spec) { g_clear_pointer(&spec->address, g_free); }

static gboolean is_ip(const char *text) {
  guint8 bytes[16];
  return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* Cuts the last ":NUMBER" off `text`. */
static gboolean take_port(char *text, guint16 *port) {
  char *colon = strrchr(text, ':');
  guint64 value;
  if (!g_ascii_string_to_unsigned(colon ? colon + 1 : text, 10, 1, G_MAXUINT16, &value, NULL))
    return FALSE;
  *port = (guint16)value;
  *(colon ? colon : text) = '\0';
  return TRUE;
}

static gboolean take_address(const char *text, char **address) {
  gsize len = strlen(text);
  gboolean bracketed = len > 2 && *text == '[' && text[len - 1] == ']';
  *address = bracketed ? g_strndup(text + 1, len - 2) : g_strdup(text);
  return is_ip(*address) && (bracketed || !strchr(*address, ':'));
}

static gboolean parse(char *text, PortSpec *out) {
  if (!strchr(text, ':') || !take_port(text, &out->vm_port) || !take_port(text, &out->host_port))
    return FALSE;
  char *colon = strchr(text, ':');
  if (colon)
    *colon = '\0';
  out->udp = strcmp(text, "udp") == 0;
  if (*text && !out->udp && strcmp(text, "tcp") != 0)
    return FALSE;
  return take_address(colon ? colon + 1 : DEFAULT_ADDRESS, &out->address);
}

gboolean port_spec_parse(const char *text, PortSpec *out, GError **error) {
  g_autofree char *copy = g_strdup(text);
  *out = (PortSpec){0};
  if (parse(copy, out))
    return TRUE;
  port_spec_clear(out);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "invalid port mapping '%s': expected HOST:VM, PROTO:HOST:VM or PROTO:ADDRESS:HOST:VM with tcp or udp", text);
  return FALSE;
}
