#include "bytes.h"
#include "fail.h"
#include "rpc.h"

void dstack_version_clear(dstack_version *version) {
  wipe_string(version->version);
  wipe_string(version->revision);
  *version = (dstack_version){0};
}

dstack_status dstack_get_version(dstack_client *client, dstack_version *version, dstack_error *error) {
  json_t *answer = NULL;
  dstack_version result = {0};
  dstack_status status = rpc_call(client, "/Version", json_object(), &answer, error);
  if (status == DSTACK_OK)
    status = rpc_get_text(answer, "version", true, &result.version, error);
  if (status == DSTACK_OK && !*result.version)
    status = fail(error, DSTACK_MALFORMED, "the answer holds no version");
  if (status == DSTACK_OK)
    status = rpc_get_text(answer, "rev", false, &result.revision, error);
  rpc_release(answer);
  if (status == DSTACK_OK)
    *version = result;
  else
    dstack_version_clear(&result);
  return status;
}

dstack_status rpc_require_version(dstack_client *client, const char *what, dstack_error *error) {
  dstack_version version;
  dstack_error why;
  dstack_status status = dstack_get_version(client, &version, &why);
  if (status == DSTACK_OK) {
    dstack_version_clear(&version);
    return DSTACK_OK;
  }
  if (status == DSTACK_MALFORMED || (status == DSTACK_REFUSED && why.http_status < 500))
    return fail(error, DSTACK_UNSUPPORTED, "%s not supported: OS version too old (Version RPC unavailable)", what);
  if (error)
    *error = why;
  return status;
}
