#include "vmm/qemu_path.h"

#include "base/error.h"
#include "base/process.h"

#include <string.h>

#define CLIENT_CONFIG "/etc/dstack/client.conf"
#define QEMU_PROGRAM "qemu-system-x86_64"

static char *from_client_config(void) {
  g_autoptr(GKeyFile) file = g_key_file_new();
  if (!g_key_file_load_from_file(file, CLIENT_CONFIG, G_KEY_FILE_NONE, NULL))
    return NULL;
  g_autofree char *path = g_key_file_get_value(file, "qemu", "path", NULL);
  if (!path)
    return NULL;
  g_strstrip(path);
  gsize len = strlen(path);
  gboolean quoted = len >= 2 && (*path == '"' || *path == '\'') && path[len - 1] == *path;
  g_autofree char *bare = quoted ? g_strndup(path + 1, len - 2) : g_strdup(path);
  return g_file_test(bare, G_FILE_TEST_EXISTS) ? g_steal_pointer(&bare) : NULL;
}

char *qemu_path_find(const char *configured, GError **error) {
  char *path = NULL;
  if (*configured)
    path = strchr(configured, '/') ? g_canonicalize_filename(configured, NULL) : g_find_program_in_path(configured);
  else if (!(path = from_client_config()))
    path = g_find_program_in_path(QEMU_PROGRAM);
  if (path && g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
    return path;
  g_free(path);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "no QEMU found: set cvm.qemu_path%s%s%s or install %s",
              *configured ? " (now '" : "", configured, *configured ? "')" : "", QEMU_PROGRAM);
  return NULL;
}

static gboolean looks_like_version(const char *word) {
  return g_ascii_isdigit(*word) && (strchr(word, '.') || strspn(word, "0123456789-") == strlen(word));
}

char *qemu_version_parse(const char *line) {
  g_auto(GStrv) words = g_strsplit_set(line, " \t\r\n", -1);
  const char *found = NULL;
  for (guint i = 0; words[i] && words[i + 1] && !found; i++)
    if (strcmp(words[i], "version") == 0 && looks_like_version(words[i + 1]))
      found = words[i + 1];
  for (guint i = 0; words[i] && !found; i++)
    if (looks_like_version(words[i]))
      found = words[i];
  return found ? g_strndup(found, strcspn(found, "+")) : NULL;
}

char *qemu_version_detect(const char *qemu_path, GError **error) {
  const char *const argv[] = {qemu_path, "--version", NULL};
  g_autofree char *output = NULL;
  if (!process_check(argv, &output, error))
    return NULL;
  output[strcspn(output, "\n")] = '\0';
  char *version = qemu_version_parse(output);
  if (!version)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "no version in '%s'", output);
  return version;
}
