#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "commands.h"

#include <string.h>

#define MAX_SIZE (64 * 1024 * 1024)

gboolean command_hex(int argc, char **argv, GError **error) {
  if (!command_parse(&argc, &argv, NULL, "[FILE]", "Prints a file, or standard input, as hex without a newline.",
                     error))
    return FALSE;
  if (argc > 2) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "expected one file at most");
    return FALSE;
  }
  g_autoptr(GBytes) content = argc == 2 ? file_read(argv[1], MAX_SIZE, error) : command_read_input(MAX_SIZE, error);
  if (!content)
    return FALSE;
  g_autofree char *text = hex_encode_bytes(content);
  return command_print(text, strlen(text), error);
}
