#include "cli/contract_code.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"

#include <string.h>

#define DEFAULT_DIR "kms/auth-eth/build/forge"
#define MAX_ARTIFACT (16 * 1024 * 1024)

static GBytes *read_code(const char *path, GError **error) {
  g_autoptr(json_t) artifact = json_parse_file(path, MAX_ARTIFACT, error);
  if (!artifact)
    return NULL;
  const char *text = json_string_value(json_object_get(json_object_get(artifact, "bytecode"), "object"));
  g_autoptr(GBytes) code = text && g_str_has_prefix(text, "0x") ? hex_decode(text + 2, strlen(text + 2), NULL) : NULL;
  if (!code || g_bytes_get_size(code) == 0)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: holds no code of a contract", path);
  return code && g_bytes_get_size(code) > 0 ? g_steal_pointer(&code) : NULL;
}

GBytes *contract_code_load(const char *dir, const char *name, GError **error) {
  if (!dir)
    dir = g_getenv("DSTACK_CONTRACTS");
  if (!dir)
    dir = DEFAULT_DIR;
  g_autofree char *folder = g_strconcat(name, ".sol", NULL), *file = g_strconcat(name, ".json", NULL);
  g_autofree char *path = g_build_filename(dir, folder, file, NULL);
  g_autoptr(GError) cause = NULL;
  GBytes *code = read_code(path, &cause);
  if (g_error_matches(cause, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND,
                "%s is not there: build the contracts with `make contracts`, or name the folder with --contracts",
                path);
  else if (cause)
    g_propagate_error(error, g_steal_pointer(&cause));
  return code;
}
