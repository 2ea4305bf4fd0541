#include "vmm/names.h"

#include "base/error.h"

#include <string.h>

#define MAX_NAME 64
#define APP_ID_DIGITS 40
#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static gboolean made_of(const char *text, const char *allowed) {
  gsize len = strlen(text);
  return len > 0 && len <= MAX_NAME && strspn(text, allowed) == len;
}

gboolean name_check_vm_id(const char *id, GError **error) {
  if (made_of(id, ALPHANUMERIC "_-"))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid vm id");
  return FALSE;
}

gboolean name_check_app(const char *name, GError **error) {
  if (made_of(name, ALPHANUMERIC "-_. @~!$^()"))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "invalid name '%.80s': expected 1 to 64 letters, digits or - _ . @ ~ ! $ ^ ( ) and spaces", name);
  return FALSE;
}

gboolean name_check_image(const char *name, GError **error) {
  if (made_of(name, ALPHANUMERIC "_-.") && !strstr(name, "..") && strcmp(name, ".") != 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid image name '%.80s'", name);
  return FALSE;
}

gboolean name_is_plain_file(const char *name) { return *name != '.' && made_of(name, ALPHANUMERIC "_-.") && !strstr(name, ".."); }

char *name_normalize_app_id(const char *app_id, GError **error) {
  const char *digits = g_str_has_prefix(app_id, "0x") ? app_id + 2 : app_id;
  if (strlen(digits) == APP_ID_DIGITS && strspn(digits, "0123456789abcdefABCDEF") == APP_ID_DIGITS)
    return g_ascii_strdown(digits, -1);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid app id '%.80s': expected 40 hex digits", app_id);
  return NULL;
}
