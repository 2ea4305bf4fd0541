#include "supervisor/store.h"

#include "base/error.h"
#include "base/file.h"

#include <string.h>

#define MAX_STORE_BYTES (64 * 1024 * 1024)
#define MAX_BOOT_ID_BYTES 64

/* Pids and start times begin anew with each boot; the kernel's boot id tells boots apart. */
static char *current_boot_id(void) {
  char *text = file_read_text("/proc/sys/kernel/random/boot_id", MAX_BOOT_ID_BYTES, NULL);
  return text ? g_strchomp(text) : g_strdup("");
}

gboolean process_store_save(const char *path, GHashTable *entries, GError **error) {
  g_autofree char *boot_id = current_boot_id();
  json_t *records = json_array();
  GHashTableIter iter;
  gpointer entry;
  g_hash_table_iter_init(&iter, entries);
  while (g_hash_table_iter_next(&iter, NULL, &entry))
    json_array_append_new(records, process_entry_to_record(entry));
  g_autoptr(json_t) root = json_pack("{s:s, s:o}", "boot_id", boot_id, "processes", records);
  g_autofree char *text = json_print(root);
  return file_write_atomic(path, text, strlen(text), 0600, error);
}

gboolean process_store_load(const char *path, GHashTable *entries, GError **error) {
  g_autoptr(GError) reason = NULL;
  g_autoptr(json_t) root = json_parse_file(path, MAX_STORE_BYTES, &reason);
  if (g_error_matches(reason, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    return TRUE;
  if (!root) {
    g_propagate_error(error, g_steal_pointer(&reason));
    return FALSE;
  }
  const char *boot_id = json_get_string(root, "boot_id", path, error);
  if (!boot_id)
    return FALSE;
  g_autofree char *now = current_boot_id();
  size_t index;
  json_t *record;
  json_array_foreach(json_object_get(root, "processes"), index, record) {
    ProcessEntry *entry = process_entry_from_record(record, strcmp(boot_id, now) == 0, error);
    if (!entry) {
      g_prefix_error(error, "%s: ", path);
      return FALSE;
    }
    g_hash_table_replace(entries, entry->config->id, entry);
  }
  return TRUE;
}
