#include "bytes.h"
#include "canonical.h"
#include "fail.h"

#include <openssl/evp.h>
#include <string.h>

#define SHA256_SIZE 32

static bool is_falsy(const json_t *value) {
  return json_is_null(value) || json_is_false(value) || (json_is_number(value) && json_number_value(value) == 0) ||
         (json_is_string(value) && json_string_length(value) == 0);
}

static void normalize_compose(json_t *compose) {
  const char *runner = json_string_value(json_object_get(compose, "runner"));
  if (runner && strcmp(runner, "bash") == 0)
    json_object_del(compose, "docker_compose_file");
  else if (runner && (strcmp(runner, "docker-compose") == 0 || strcmp(runner, "nerdctl-compose") == 0))
    json_object_del(compose, "bash_script");
  if (is_falsy(json_object_get(compose, "pre_launch_script")))
    json_object_del(compose, "pre_launch_script");
}

dstack_status dstack_canonical_compose(const char *compose, size_t size, bool normalize, char **text,
                                       dstack_error *error) {
  json_error_t why;
  json_t *parsed = json_loadb(compose, size, JSON_ALLOW_NUL, &why);
  dstack_status status;
  if (!parsed)
    return fail(error, DSTACK_INVALID, "failed to parse the app compose: line %d: %s", why.line, why.text);
  if (normalize)
    normalize_compose(parsed);
  if (json_is_object(parsed))
    status = canonical_print(parsed, text, error);
  else
    status = fail(error, DSTACK_INVALID, "the app compose is no JSON object");
  json_decref(parsed);
  return status;
}

dstack_status dstack_get_compose_hash(const char *compose, size_t size, bool normalize, char hash[2 * SHA256_SIZE + 1],
                                      dstack_error *error) {
  char *text;
  uint8_t digest[SHA256_SIZE];
  dstack_status status = dstack_canonical_compose(compose, size, normalize, &text, error);
  if (status != DSTACK_OK)
    return status;
  /* A NUL is escaped in the text, so that none cuts it. */
  if (!EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL))
    status = fail_memory(error);
  else
    hex_encode_to(digest, sizeof digest, hash);
  dstack_string_free(text);
  return status;
}
