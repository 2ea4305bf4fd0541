#include "verify_file.h"

#include "base/file.h"
#include "base/json.h"
#include "request.h"
#include "response.h"

#include <string.h>

#define REQUEST_MAX_SIZE (16 * 1024 * 1024)
#define RESULT_MODE 0644

static gboolean judge(const VerificationContext *context, const char *path, Verification *out, gboolean *debug,
                      GError **error) {
  g_auto(VerifyRequest) request = {0};
  g_autoptr(GBytes) body = file_read(path, REQUEST_MAX_SIZE, error);
  if (!body ||
      verify_request_parse(g_bytes_get_data(body, NULL), g_bytes_get_size(body), &request, error) != REQUEST_OK)
    return FALSE;
  *debug = request.debug;
  verify_request(context, &request, out);
  return TRUE;
}

static gboolean write_result(const char *path, const json_t *response, GError **error) {
  g_autofree char *result_path = g_strconcat(path, ".verification.json", NULL);
  char *pretty = json_dumps(response, JSON_INDENT(2));
  gboolean written = file_write_atomic(result_path, pretty, strlen(pretty), RESULT_MODE, error);
  free(pretty);
  return written;
}

int verify_file(const VerificationContext *context, const char *path) {
  g_auto(Verification) verification = {0};
  g_autoptr(GError) error = NULL;
  gboolean debug = FALSE;
  if (!judge(context, path, &verification, &debug, &error))
    verification.reason = g_strdup_printf("internal error: %s", error->message);
  g_clear_error(&error);
  g_autoptr(json_t) response = verification_describe(&verification, debug);
  g_autofree char *line = json_print(response);
  g_print("%s\n", line);
  if (write_result(path, response, &error))
    return verification.is_valid ? 0 : 1;
  g_printerr("dstack-verifier: %s\n", error->message);
  return 1;
}
