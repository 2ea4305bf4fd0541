/* The example app: a web page that shows what a confidential VM gives to the container inside it.
 *
 * It talks to the guest agent through the mounted /var/run/dstack.sock and serves on port 80:
 *   GET /              the page, for people
 *   GET /json          the same as JSON, for programs
 * Both take ?nonce=<up to 64 bytes in hex>: it comes back inside a fresh quote, so that you know the quote is not old. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define AGENT_SOCKET "/var/run/dstack.sock"
#define MAX_ANSWER (16 * 1024 * 1024)
#define MAX_NONCE 128 /* hex digits */
#define PORT 80

/* ---- asking the guest agent ---- */

static int connect_agent(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = AGENT_SOCKET};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  if (fd >= 0)
    close(fd);
  return -1;
}

static char *read_to_end(int fd) {
  size_t len = 0, room = 65536;
  char *text = malloc(room + 1);
  ssize_t n;
  while (text && len < MAX_ANSWER && (n = read(fd, text + len, room - len)) > 0) {
    len += (size_t)n;
    if (len == room) {
      room *= 2;
      char *larger = realloc(text, room + 1);
      if (!larger)
        free(text);
      text = larger;
    }
  }
  if (text)
    text[len] = '\0';
  return text;
}

/* Calls one method of the agent with JSON in and out. Returns a new reference, or an object with the member "error". */
static json_t *ask_agent(const char *method, json_t *request) {
  char *body = json_dumps(request, JSON_COMPACT);
  json_decref(request);
  int fd = connect_agent();
  if (fd < 0 || !body) {
    free(body);
    return json_pack("{s:s}", "error", "the guest agent's socket " AGENT_SOCKET " does not answer; is it mounted?");
  }
  dprintf(fd, "POST /%s HTTP/1.1\r\nHost: dstack\r\nConnection: close\r\nContent-Type: application/json\r\n"
              "Content-Length: %zu\r\n\r\n%s", method, strlen(body), body);
  free(body);
  char *answer = read_to_end(fd);
  close(fd);
  char *content = answer ? strstr(answer, "\r\n\r\n") : NULL;
  json_t *parsed = content ? json_loads(content + 4, 0, NULL) : NULL;
  free(answer);
  return parsed ? parsed : json_pack("{s:s}", "error", "the guest agent's answer is no json");
}

/* ---- what the page tells ---- */

static json_t *text_of(json_t *object, const char *key) {
  json_t *value = json_object_get(object, key);
  return value ? json_incref(value) : json_null();
}

/* The secret itself never leaves; its digest proves to who sent it that it arrived whole. */
static void describe_secret(json_t *page) {
  const char *secret = getenv("HELLO_SECRET");
  json_object_set_new(page, "secret_arrived", json_boolean(secret && *secret));
  if (!secret || !*secret)
    return;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  char hex[2 * SHA256_DIGEST_LENGTH + 1];
  SHA256((const unsigned char *)secret, strlen(secret), digest);
  for (size_t i = 0; i < sizeof digest; i++)
    snprintf(hex + 2 * i, 3, "%02x", digest[i]);
  json_object_set_new(page, "secret_sha256", json_string(hex));
}

static json_t *describe(const char *nonce) {
  json_t *info = ask_agent("Info", json_object());
  json_t *key = ask_agent("GetKey", json_pack("{s:s, s:s}", "path", "hello/page", "purpose", "demo"));
  json_t *quote = ask_agent("GetQuote", json_pack("{s:s}", "report_data", nonce));
  json_t *page = json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "app_id", text_of(info, "app_id"), "instance_id",
                           text_of(info, "instance_id"), "key", text_of(key, "key"), "nonce", nonce, "quote",
                           text_of(quote, "quote"), "event_log", text_of(quote, "event_log"), "vm_config",
                           text_of(quote, "vm_config"));
  describe_secret(page);
  json_t *answers[] = {info, key, quote};
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    json_t *error = json_object_get(answers[i], "error");
    if (error)
      json_object_set(page, "error", error);
    json_decref(answers[i]);
  }
  return page;
}

/* ---- serving it ---- */

static void add_row(struct evbuffer *out, const char *title, json_t *value) {
  char *text = json_is_string(value) ? evhttp_htmlescape(json_string_value(value)) : NULL;
  evbuffer_add_printf(out, "<dt>%s</dt><dd><code>%s</code></dd>\n", title, text ? text : "&ndash;");
  free(text);
}

static void print_html(struct evbuffer *out, json_t *page) {
  evbuffer_add_printf(
      out, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>hello from a confidential vm</title>\n"
           "<style>body{font:16px/1.5 system-ui;max-width:50rem;margin:3rem auto;padding:0 1rem}"
           "code{overflow-wrap:anywhere}dt{font-weight:600;margin-top:1rem}dd{margin:0}"
           ".quote{max-height:12rem;overflow:auto}</style>\n"
           "<h1>Hello from a confidential VM</h1>\n<dl>\n");
  add_row(out, "App id", json_object_get(page, "app_id"));
  add_row(out, "Instance id", json_object_get(page, "instance_id"));
  add_row(out, "A key only this app can derive (a real app would never show one)", json_object_get(page, "key"));
  evbuffer_add_printf(out, "<dt>Encrypted environment variable</dt><dd>%s</dd>\n",
                      json_is_true(json_object_get(page, "secret_arrived")) ? "arrived" : "did not arrive");
  if (json_object_get(page, "error"))
    add_row(out, "Error", json_object_get(page, "error"));
  add_row(out, "Nonce (set it with ?nonce=&lt;hex&gt;)", json_object_get(page, "nonce"));
  evbuffer_add_printf(out, "</dl><div class=\"quote\"><dl>\n");
  add_row(out, "Quote over the nonce", json_object_get(page, "quote"));
  evbuffer_add_printf(out, "</dl></div></html>\n");
}

/* The nonce goes into a request to the agent: only hex digits, an even number of them. */
static const char *nonce_of(struct evkeyvalq *query) {
  const char *nonce = evhttp_find_header(query, "nonce");
  if (!nonce)
    return "";
  size_t len = strlen(nonce);
  return len <= MAX_NONCE && len % 2 == 0 && strspn(nonce, "0123456789abcdefABCDEF") == len ? nonce : NULL;
}

static void reply(struct evhttp_request *request, int status, const char *type, struct evbuffer *body) {
  evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
  evhttp_send_reply(request, status, NULL, body);
  evbuffer_free(body);
}

static void serve(struct evhttp_request *request, void *as_json) {
  const char *raw_query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
  struct evkeyvalq query = {0};
  struct evbuffer *body = evbuffer_new();
  const char *nonce = evhttp_parse_query_str(raw_query ? raw_query : "", &query) == 0 ? nonce_of(&query) : NULL;
  if (!nonce) {
    evbuffer_add_printf(body, "nonce must be hex, at most %d digits\n", MAX_NONCE);
    reply(request, 400, "text/plain; charset=utf-8", body);
  } else {
    json_t *page = describe(nonce);
    char *text = as_json ? json_dumps(page, JSON_INDENT(2)) : NULL;
    if (as_json)
      evbuffer_add_printf(body, "%s\n", text);
    else
      print_html(body, page);
    reply(request, 200, as_json ? "application/json" : "text/html; charset=utf-8", body);
    free(text);
    json_decref(page);
  }
  evhttp_clear_headers(&query);
}

int main(void) {
  static int json_marker;
  struct event_base *base = event_base_new();
  struct evhttp *http = evhttp_new(base);
  evhttp_set_cb(http, "/", serve, NULL);
  evhttp_set_cb(http, "/json", serve, &json_marker);
  if (evhttp_bind_socket(http, "0.0.0.0", PORT) != 0) {
    perror("failed to listen on port 80");
    return 1;
  }
  printf("serving on port %d\n", PORT);
  fflush(stdout);
  event_base_dispatch(base);
  return 0;
}
