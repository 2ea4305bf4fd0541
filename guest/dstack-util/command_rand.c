#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/secret.h"
#include "commands.h"

#include <string.h>

#define DEFAULT_SIZE 20
#define MAX_SIZE (1024 * 1024)

static gboolean put(const char *path, const void *data, gsize len, GError **error) {
  return path ? file_write_atomic(path, data, len, 0600, error) : command_print(data, len, error);
}

gboolean command_rand(int argc, char **argv, GError **error) {
  gint size = DEFAULT_SIZE;
  gboolean as_hex = FALSE;
  g_autofree char *output = NULL;
  GOptionEntry entries[] = {{"bytes", 'n', 0, G_OPTION_ARG_INT, &size, "how many bytes (default 20)", "N"},
                            {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "file, mode 0600", "FILE"},
                            {"hex", 'x', 0, G_OPTION_ARG_NONE, &as_hex, "as hex text", NULL},
                            G_OPTION_ENTRY_NULL};
  if (!command_parse(&argc, &argv, entries, NULL, "Prints random bytes, without a newline.", error))
    return FALSE;
  if (size < 0 || size > MAX_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "--bytes: expected 0 to %d", MAX_SIZE);
    return FALSE;
  }
  g_autoptr(Secret) random = secret_new_random((gsize)size);
  if (!as_hex)
    return put(output, secret_peek(random), secret_len(random), error);
  g_autofree char *text = hex_encode(secret_peek(random), secret_len(random));
  gboolean done = put(output, text, strlen(text), error);
  secret_wipe(text, strlen(text));
  return done;
}
