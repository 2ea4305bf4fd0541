#include "prpc/client_exchange.h"

#include "base/error.h"
#include "prpc/client_tls.h"

#include <curl/curl.h>
#include <string.h>

/* What curl's callbacks need beside the exchange itself. */
typedef struct {
  PrpcExchange *exchange;
  CURL *curl;
  int *status;
  PrpcClientTls tls;
  GError *failure;  /* set in a callback, more telling than curl's own */
  gboolean stopped; /* by the sink */
} Transfer;

static void read_status(Transfer *transfer) {
  long status = 0;
  curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
  *transfer->status = (int)status;
}

static size_t on_data(char *data, size_t size, size_t count, void *user_data) {
  Transfer *transfer = user_data;
  read_status(transfer);
  gboolean more = prpc_exchange_take(transfer->exchange, data, size * count, &transfer->failure);
  transfer->stopped = !more && !transfer->failure;
  return more ? size * count : 0;
}

static void apply_transport(Transfer *transfer, CURL *curl) {
  const PrpcClient *client = transfer->exchange->client;
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_ms);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)transfer->exchange->total_ms);
  if (transfer->exchange->idle_ms) {
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)(transfer->exchange->idle_ms + 999) / 1000);
  }
  prpc_client_tls_apply(&transfer->tls, curl, client->verify_host);
}

static struct curl_slist *make_headers(const PrpcExchange *exchange) {
  const PrpcClient *client = exchange->client;
  g_autofree char *type =
      g_strconcat("Content-Type:", exchange->content_type ? " " : NULL, exchange->content_type, NULL);
  struct curl_slist *headers = curl_slist_append(NULL, type); /* an empty value keeps curl from sending its own */
  headers = curl_slist_append(headers, "Expect:");
  for (guint i = 0; i < client->headers->len; i++)
    headers = curl_slist_append(headers, client->headers->pdata[i]);
  return headers;
}

static void apply_request(Transfer *transfer, CURL *curl, const char *url, struct curl_slist *headers) {
  const PrpcExchange *exchange = transfer->exchange;
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
  if (exchange->body || strcmp(exchange->verb, "POST") == 0) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body_len);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, exchange->body ? exchange->body : "");
  }
  if (strcmp(exchange->verb, "HEAD") == 0)
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  else
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, exchange->verb);
}

static void set_curl_error(Transfer *transfer, CURLcode code, const char *detail, GError **error) {
  if (transfer->tls.refusal) {
    g_propagate_error(error, g_steal_pointer(&transfer->tls.refusal));
    return;
  }
  if (transfer->failure) {
    g_propagate_error(error, g_steal_pointer(&transfer->failure));
    return;
  }
  DstackErrorCode kind = code == CURLE_OPERATION_TIMEDOUT         ? DSTACK_ERROR_TIMEOUT
                         : code == CURLE_PEER_FAILED_VERIFICATION ? DSTACK_ERROR_UNVERIFIED
                         : code == CURLE_URL_MALFORMAT            ? DSTACK_ERROR_INVALID
                         : code == CURLE_WEIRD_SERVER_REPLY       ? DSTACK_ERROR_INVALID
                         : code == CURLE_UNSUPPORTED_PROTOCOL     ? DSTACK_ERROR_INVALID
                                                                  : DSTACK_ERROR_UNAVAILABLE;
  g_set_error(error, DSTACK_ERROR, kind, "%s: %s", transfer->exchange->client->url.base,
              *detail ? detail : curl_easy_strerror(code));
}

static CURLcode perform(Transfer *transfer, CURL *curl, char *detail) {
  const PrpcExchange *exchange = transfer->exchange;
  g_autofree char *url = g_strconcat(exchange->client->url.base, exchange->path, NULL);
  struct curl_slist *headers = make_headers(exchange);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  apply_transport(transfer, curl);
  apply_request(transfer, curl, url, headers);
  CURLcode code = curl_easy_perform(curl);
  read_status(transfer);
  curl_slist_free_all(headers);
  return code;
}

static CURL *take_handle(const PrpcClient *client) {
  static gsize initialised;
  if (g_once_init_enter(&initialised)) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_once_init_leave(&initialised, 1);
  }
  CURL *idle = client->idle_curl ? g_async_queue_try_pop(client->idle_curl) : NULL;
  return idle ? idle : curl_easy_init();
}

void prpc_exchange_drop_curl(gpointer curl) { curl_easy_cleanup(curl); }

static void give_back(const PrpcClient *client, CURL *curl, gboolean good) {
  if (!good || !client->idle_curl) {
    curl_easy_cleanup(curl);
    return;
  }
  curl_easy_reset(curl); /* forgets the request and what it points to, but not the connection */
  g_async_queue_push(client->idle_curl, curl);
}

gboolean prpc_exchange_run_curl(PrpcExchange *exchange, int *status, GError **error) {
  CURL *curl = take_handle(exchange->client);
  if (!curl) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "failed to set up an http client");
    return FALSE;
  }
  const PrpcClient *client = exchange->client;
  Transfer transfer = {.exchange = exchange,
                       .curl = curl,
                       .status = status,
                       .tls = {client->tls, client->check, client->check_data, NULL}};
  char detail[CURL_ERROR_SIZE] = "";
  CURLcode code = perform(&transfer, curl, detail);
  give_back(client, curl, code == CURLE_OK);
  gboolean ok = code == CURLE_OK || transfer.stopped;
  if (!ok)
    set_curl_error(&transfer, code, detail, error);
  g_clear_error(&transfer.failure);
  g_clear_error(&transfer.tls.refusal);
  return ok;
}
