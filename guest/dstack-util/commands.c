#include "commands.h"

#include "base/error.h"
#include "base/options.h"

#include <errno.h>
#include <unistd.h>

gboolean command_parse(int *argc, char ***argv, const GOptionEntry *entries, const char *arguments, const char *summary,
                       GError **error) {
  g_autoptr(GOptionContext) context = g_option_context_new(arguments);
  g_option_context_set_summary(context, summary);
  if (entries)
    g_option_context_add_main_entries(context, entries, NULL);
  if (!options_parse(context, argc, argv, error))
    return FALSE;
  if (arguments || *argc == 1)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unexpected argument %s", (*argv)[1]);
  return FALSE;
}

gboolean command_require(const char *value, const char *name, GError **error) {
  if (value)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "missing option --%s", name);
  return FALSE;
}

gboolean command_print(const void *data, gsize len, GError **error) {
  const char *bytes = data;
  for (gsize done = 0; done < len;) {
    ssize_t n = write(STDOUT_FILENO, bytes + done, len - done);
    if (n > 0)
      done += (gsize)n;
    else if (errno != EINTR) {
      dstack_set_errno(error, errno, "failed to write to standard output");
      return FALSE;
    }
  }
  return TRUE;
}

GBytes *command_read_input(gsize max, GError **error) {
  g_autoptr(GByteArray) content = g_byte_array_new();
  guint8 chunk[16384];
  for (;;) {
    ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      dstack_set_errno(error, errno, "failed to read standard input");
      return NULL;
    }
    if (n == 0)
      return g_byte_array_free_to_bytes(g_steal_pointer(&content));
    if ((gsize)n > max - content->len) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE,
                  "standard input is longer than %" G_GSIZE_FORMAT " bytes", max);
      return NULL;
    }
    g_byte_array_append(content, chunk, (guint)n);
  }
}
