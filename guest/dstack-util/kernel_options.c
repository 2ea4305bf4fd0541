#include "kernel_options.h"

#include "base/error.h"
#include "base/file.h"

#include <string.h>

#define COMMAND_LINE_MAX_SIZE 65536
#define ENCRYPTED_OPTION "dstack.storage_encrypted="
#define FILESYSTEM_OPTION "dstack.storage_fs="

void kernel_options_free(KernelOptions *options) {
  if (!options)
    return;
  g_free(options->storage_fs);
  g_free(options);
}

static gboolean parse_switch(const char *text, gboolean *out, GError **error) {
  static const char *const on[] = {"1", "true", "yes", "on", NULL};
  static const char *const off[] = {"0", "false", "no", "off", NULL};
  *out = g_strv_contains(on, text);
  if (*out || g_strv_contains(off, text))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "kernel option " ENCRYPTED_OPTION ": expected 0 or 1");
  return FALSE;
}

KernelOptions *kernel_options_parse(const char *command_line, GError **error) {
  g_autoptr(KernelOptions) options = g_new0(KernelOptions, 1);
  options->storage_encrypted = TRUE;
  g_auto(GStrv) words = g_strsplit_set(command_line, " \t\n", -1);
  for (guint i = 0; words[i]; i++) {
    if (g_str_has_prefix(words[i], ENCRYPTED_OPTION) &&
        !parse_switch(words[i] + strlen(ENCRYPTED_OPTION), &options->storage_encrypted, error))
      return NULL;
    if (g_str_has_prefix(words[i], FILESYSTEM_OPTION)) {
      g_free(options->storage_fs);
      options->storage_fs = g_strdup(words[i] + strlen(FILESYSTEM_OPTION));
    }
  }
  return g_steal_pointer(&options);
}

KernelOptions *kernel_options_load(GError **error) {
  g_autofree char *text = file_read_text("/proc/cmdline", COMMAND_LINE_MAX_SIZE, error);
  return text ? kernel_options_parse(text, error) : NULL;
}

const char *storage_filesystem(const char *compose_wish, const KernelOptions *options, GError **error) {
  const char *wish = compose_wish ? compose_wish : options->storage_fs ? options->storage_fs : "zfs";
  if (!options->storage_encrypted) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED, "unencrypted storage: not implemented yet");
    return NULL;
  }
  if (g_ascii_strcasecmp(wish, "ext4") == 0)
    return "ext4";
  if (g_ascii_strcasecmp(wish, "zfs") == 0)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED, "storage_fs zfs: not implemented yet");
  else
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "storage_fs is neither zfs nor ext4");
  return NULL;
}
