#include "audit/segments.h"

#include "base/error.h"

#include <string.h>

#define PREFIX "audit-"
#define SUFFIX ".jsonl"
#define DIGITS 8

char *audit_segment_name(guint number) { return g_strdup_printf(PREFIX "%0*u" SUFFIX, DIGITS, number); }

guint audit_segment_number(const char *name) {
  guint64 number = 0;
  if (!g_str_has_prefix(name, PREFIX) || strlen(name) != strlen(PREFIX) + DIGITS + strlen(SUFFIX) ||
      !g_str_has_suffix(name, SUFFIX))
    return 0;
  g_autofree char *digits = g_strndup(name + strlen(PREFIX), DIGITS);
  return g_ascii_string_to_unsigned(digits, 10, 1, AUDIT_MAX_SEGMENT, &number, NULL) ? (guint)number : 0;
}

static gint compare_names(gconstpointer a, gconstpointer b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *audit_segments_list(const char *dir, GError **error) {
  g_autoptr(GDir) listing = g_dir_open(dir, 0, NULL);
  if (!listing) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_IO, "%s: can not be listed", dir);
    return NULL;
  }
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  for (const char *name; (name = g_dir_read_name(listing));)
    if (audit_segment_number(name))
      g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_sort(names, compare_names);
  return names;
}
