#include "transport.h"

#include "fail.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ANSWER_SIZE (16u << 20)
#define IDLE_SECONDS 10L /* below the agent's 15, so that no call meets a connection it just closed */
#define USER_AGENT "dstack-sdk-c/" DSTACK_VERSION

struct transport {
  char *endpoint;
  char *base; /* URL without a slash at the end */
  bool is_unix;
  CURL *curl; /* keeps the connection between calls */
  struct curl_slist *headers;
};

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

static char *make_base(const char *endpoint, bool is_unix) {
  char *base = strdup(is_unix ? "http://localhost" : endpoint);
  for (size_t length = base ? strlen(base) : 0; length > 0 && base[length - 1] == '/'; length--)
    base[length - 1] = '\0';
  return base;
}

static struct curl_slist *make_headers(void) {
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  struct curl_slist *both = headers ? curl_slist_append(headers, "Expect:") : NULL;
  if (!both)
    curl_slist_free_all(headers);
  return both;
}

transport *transport_new(const char *endpoint) {
  transport *self = calloc(1, sizeof *self);
  if (!self)
    return NULL;
  self->is_unix = !starts_with(endpoint, "http://") && !starts_with(endpoint, "https://");
  self->endpoint = strdup(endpoint);
  self->base = make_base(endpoint, self->is_unix);
  self->headers = make_headers();
  self->curl = curl_easy_init();
  if (self->endpoint && self->base && self->headers && self->curl)
    return self;
  transport_free(self);
  return NULL;
}

void transport_free(transport *self) {
  if (!self)
    return;
  curl_easy_cleanup(self->curl);
  curl_slist_free_all(self->headers);
  free(self->endpoint);
  free(self->base);
  free(self);
}

const char *transport_endpoint(const transport *self) { return self->endpoint; }

/* Grows by copying, so that no piece of an answer, which may hold a key, is left in freed memory. */
static size_t collect(char *data, size_t unit, size_t count, void *user_data) {
  dstack_bytes *answer = user_data;
  size_t more = unit * count;
  if (more > MAX_ANSWER_SIZE - answer->size)
    return 0;
  uint8_t *grown = malloc(answer->size + more + 1);
  if (!grown)
    return 0;
  if (answer->size)
    memcpy(grown, answer->data, answer->size);
  memcpy(grown + answer->size, data, more);
  size_t size = answer->size + more;
  grown[size] = '\0';
  dstack_bytes_clear(answer);
  answer->data = grown;
  answer->size = size;
  return more;
}

static void set_options(transport *self, const char *url, const char *body, unsigned timeout_ms, dstack_bytes *answer) {
  CURL *curl = self->curl;
  curl_easy_reset(curl); /* options only: the connection stays */
  curl_easy_setopt(curl, CURLOPT_URL, url);
  if (self->is_unix)
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, self->endpoint);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* none of the environment's either */
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
  curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, USER_AGENT);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, self->headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
}

static dstack_status fail_curl(const transport *self, CURLcode code, const char *method, dstack_error *error) {
  const char *why = curl_easy_strerror(code);
  switch (code) {
  case CURLE_OPERATION_TIMEDOUT:
    return fail(error, DSTACK_TIMEOUT, "failed to call %s: no answer from %s in time", method, self->endpoint);
  case CURLE_OUT_OF_MEMORY:
    return fail_memory(error);
  case CURLE_WRITE_ERROR:
    return fail(error, DSTACK_MALFORMED, "failed to call %s: the answer is larger than %u bytes", method,
                MAX_ANSWER_SIZE);
  case CURLE_COULDNT_CONNECT:
  case CURLE_COULDNT_RESOLVE_HOST:
    return fail(error, DSTACK_UNREACHABLE, "failed to call %s: cannot connect to %s", method, self->endpoint);
  default:
    return fail(error, DSTACK_UNREACHABLE, "failed to call %s: %s: %s", method, self->endpoint, why);
  }
}

dstack_status transport_post(transport *self, const char *path, const char *method, const char *body,
                             unsigned timeout_ms, int *http_status, dstack_bytes *answer, dstack_error *error) {
  size_t size = strlen(self->base) + strlen(path) + 1;
  char *url = malloc(size);
  *answer = (dstack_bytes){calloc(1, 1), 0};
  if (!url || !answer->data) {
    free(url);
    dstack_bytes_clear(answer);
    return fail_memory(error);
  }
  snprintf(url, size, "%s%s", self->base, path);
  set_options(self, url, body, timeout_ms, answer);
  CURLcode code = curl_easy_perform(self->curl);
  free(url);
  if (code != CURLE_OK) {
    dstack_bytes_clear(answer);
    return fail_curl(self, code, method, error);
  }
  long status = 0;
  curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &status);
  *http_status = (int)status;
  return DSTACK_OK;
}
