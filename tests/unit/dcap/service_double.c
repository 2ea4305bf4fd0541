#include "service_double.h"

#include "base/hex.h"
#include "crypto/x509.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HUGE_SIZE (10 * 1024 * 1024)
#define HUGE_HEADER_SIZE (90 * 1024)
#define N_MANY_HEADERS 200
#define REQUEST_MAX_SIZE (32 * 1024)

struct ServiceDouble {
  int listener, wake[2];
  GThread *thread;
  char *url;
  GMutex lock;
  json_t *collateral;
  Mischief mischief[N_PARTS];
  gboolean hex, unplugged;
  char *tcbm;
  guint count;
  GString *requests;
  GArray *held; /* connections that are never answered */
  SSL_CTX *tls; /* NULL: in the clear */
};

typedef struct {
  int fd;
  SSL *tls; /* NULL: in the clear */
} Peer;

static const char *const paths[N_PARTS] = {
    [PART_PCK_CRL] = "/pckcrl?",    [PART_TCB_INFO] = "/tcb?",     [PART_QE_IDENTITY] = "/qe/identity?",
    [PART_ROOT_CRL] = "/rootcacrl", [PART_PCK_CERT] = "/pckcert?",
};

typedef struct {
  GString *head;
  GByteArray *body;
} Answer;

static const char *member(ServiceDouble *service, const char *key) {
  const char *text = json_string_value(json_object_get(service->collateral, key));
  return text ? text : "";
}

static void put_chain(ServiceDouble *service, Answer *answer, const char *header, const char *pem, Mischief mischief) {
  (void)service;
  if (mischief == NO_CHAIN_HEADER)
    return;
  gsize len = mischief == CUT_CHAIN_HEADER ? strlen(pem) / 3 : strlen(pem);
  g_autofree char *part = g_strndup(pem, len);
  g_autofree char *escaped = g_uri_escape_string(part, NULL, FALSE);
  g_string_append_printf(answer->head, "%s: %s\r\n", header, escaped);
}

static void put_text(Answer *answer, const char *text) {
  g_byte_array_append(answer->body, (const guint8 *)text, (guint)strlen(text));
}

static void put_crl(ServiceDouble *service, Answer *answer, const char *key) {
  const char *hex = member(service, key);
  if (service->hex) {
    put_text(answer, hex);
    put_text(answer, "\n");
    return;
  }
  g_autoptr(GBytes) der = hex_decode(hex, strlen(hex), NULL);
  g_byte_array_append(answer->body, g_bytes_get_data(der, NULL), (guint)g_bytes_get_size(der));
}

static void put_document(ServiceDouble *service, Answer *answer, const char *key, const char *name, Mischief mischief) {
  g_autofree char *signature_key = g_strconcat(key, "_signature", NULL);
  put_text(answer, "{ \"");
  put_text(answer, name);
  put_text(answer, "\":");
  put_text(answer, member(service, key));
  if (mischief == DUPLICATE_MEMBER) {
    put_text(answer, ",\"");
    put_text(answer, name);
    put_text(answer, "\":{}");
  }
  if (mischief != NO_SIGNATURE) {
    put_text(answer, ",\n\"signature\": \"");
    put_text(answer, member(service, signature_key));
    put_text(answer, "\"");
  }
  put_text(answer, mischief == NOT_JSON ? "," : "}");
}

static void put_pck_cert(ServiceDouble *service, Answer *answer, Mischief mischief) {
  const char *chain = member(service, "pck_certificate_chain");
  const char *end = strstr(chain, "-----END CERTIFICATE-----");
  gsize leaf_len = end ? (gsize)(end - chain) + strlen("-----END CERTIFICATE-----\n") : 0;
  g_autofree char *leaf = g_strndup(chain, leaf_len);
  put_text(answer, leaf);
  put_chain(service, answer, "SGX-PCK-Certificate-Issuer-Chain", chain + leaf_len, mischief);
  if (service->tcbm)
    g_string_append_printf(answer->head, "SGX-TCBm: %s\r\n", service->tcbm);
}

static void put_part(ServiceDouble *service, Part part, Answer *answer) {
  Mischief mischief = service->mischief[part];
  switch (part) {
  case PART_PCK_CRL:
    put_crl(service, answer, "pck_crl");
    put_chain(service, answer, "SGX-PCK-CRL-Issuer-Chain", member(service, "pck_crl_issuer_chain"), mischief);
    break;
  case PART_TCB_INFO:
    put_document(service, answer, "tcb_info", "tcbInfo", mischief);
    put_chain(service, answer, "TCB-Info-Issuer-Chain", member(service, "tcb_info_issuer_chain"), mischief);
    break;
  case PART_QE_IDENTITY:
    put_document(service, answer, "qe_identity", "enclaveIdentity", mischief);
    put_chain(service, answer, "sgx-enclave-identity-issuer-chain", member(service, "qe_identity_issuer_chain"),
              mischief);
    break;
  case PART_ROOT_CRL:
    put_crl(service, answer, "root_ca_crl");
    break;
  default:
    put_pck_cert(service, answer, mischief);
  }
}

static void spoil(Answer *answer, Mischief mischief) {
  if (mischief == HUGE_BODY)
    g_byte_array_set_size(answer->body, HUGE_SIZE);
  if (mischief == RAW_BINARY)
    memset(answer->body->data, 0, answer->body->len);
  if (mischief == HUGE_HEADER) {
    g_autofree char *value = g_strnfill(HUGE_HEADER_SIZE, 'A');
    g_string_append_printf(answer->head, "X-Much: %s\r\n", value);
  }
  for (guint i = 0; mischief == MANY_HEADERS && i < N_MANY_HEADERS; i++)
    g_string_append_printf(answer->head, "X-Many-%u: 1\r\n", i);
}

static void send_all(const Peer *peer, const void *data, gsize len) {
  const char *at = data;
  while (len > 0) {
    ssize_t n = peer->tls ? SSL_write(peer->tls, at, (int)len) : send(peer->fd, at, len, MSG_NOSIGNAL);
    if (n <= 0)
      return;
    at += n;
    len -= (gsize)n;
  }
}

static void answer_part(ServiceDouble *service, const Peer *peer, Part part) {
  Mischief mischief = service->mischief[part];
  Answer answer = {g_string_new(NULL), g_byte_array_new()};
  put_part(service, part, &answer);
  spoil(&answer, mischief);
  const char *status = mischief == STATUS_500 ? "500 Broken" : mischief == STATUS_302 ? "302 Elsewhere" : "200 OK";
  g_autofree char *first =
      g_strdup_printf("HTTP/1.1 %s\r\nConnection: close\r\nLocation: %s/\r\nContent-Length: %u\r\n", status,
                      service->url, answer.body->len);
  send_all(peer, first, strlen(first));
  send_all(peer, answer.head->str, answer.head->len);
  send_all(peer, "\r\n", 2);
  send_all(peer, answer.body->data, mischief == CUT_BODY ? answer.body->len / 2 : answer.body->len);
  g_string_free(answer.head, TRUE);
  g_byte_array_unref(answer.body);
}

/* The request's target; NULL when there is none within bounds. */
static char *read_target(const Peer *peer) {
  g_autoptr(GString) request = g_string_new(NULL);
  char buffer[4096];
  while (!strstr(request->str, "\r\n\r\n") && request->len < REQUEST_MAX_SIZE) {
    ssize_t n = peer->tls ? SSL_read(peer->tls, buffer, sizeof buffer) : recv(peer->fd, buffer, sizeof buffer, 0);
    if (n <= 0)
      return NULL;
    g_string_append_len(request, buffer, n);
  }
  g_auto(GStrv) words = g_strsplit(request->str, " ", 3);
  return g_strv_length(words) == 3 ? g_strdup(words[1]) : NULL;
}

static gboolean greet(ServiceDouble *service, Peer *peer) {
  if (!service->tls)
    return TRUE;
  peer->tls = SSL_new(service->tls);
  SSL_set_fd(peer->tls, peer->fd);
  return SSL_accept(peer->tls) == 1;
}

static void serve_one(ServiceDouble *service, int fd) {
  Peer peer = {.fd = fd};
  g_autofree char *target = greet(service, &peer) ? read_target(&peer) : NULL;
  g_mutex_lock(&service->lock);
  gboolean hold = FALSE;
  if (target) {
    service->count++;
    g_string_append_printf(service->requests, "%s\n", target);
  }
  for (Part part = 0; target && part < N_PARTS; part++) {
    if (!strstr(target, paths[part]))
      continue;
    hold = service->mischief[part] == HANG;
    if (!hold && service->mischief[part] != CLOSE_AT_ONCE)
      answer_part(service, &peer, part);
  }
  if (hold)
    g_array_append_val(service->held, fd);
  g_mutex_unlock(&service->lock);
  if (peer.tls)
    SSL_shutdown(peer.tls);
  SSL_free(peer.tls);
  if (!hold)
    close(fd);
}

static gpointer serve(gpointer data) {
  ServiceDouble *service = data;
  for (;;) {
    struct pollfd both[] = {{service->listener, POLLIN, 0}, {service->wake[0], POLLIN, 0}};
    poll(both, 2, -1);
    if (both[1].revents)
      return NULL;
    int fd = accept(service->listener, NULL, NULL);
    g_mutex_lock(&service->lock);
    gboolean unplugged = service->unplugged;
    g_mutex_unlock(&service->lock);
    if (fd >= 0 && unplugged)
      close(fd);
    else if (fd >= 0)
      serve_one(service, fd);
  }
}

static SSL_CTX *make_tls(void) {
  const CertSpec spec = {.common_name = "localhost",
                         .alt_names = (const char *const[]){"127.0.0.1", NULL},
                         .server_auth = TRUE,
                         .ca_path_len = -1};
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) cert = cert_build(&spec, key, NULL, key, NULL);
  SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
  g_assert_cmpint(SSL_CTX_use_certificate(tls, cert), ==, 1);
  g_assert_cmpint(SSL_CTX_use_PrivateKey(tls, key), ==, 1);
  return tls;
}

static ServiceDouble *start(const char *scheme, SSL_CTX *tls) {
  ServiceDouble *service = g_new0(ServiceDouble, 1);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  service->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(service->listener, (struct sockaddr *)&address, len), ==, 0);
  g_assert_cmpint(listen(service->listener, 16), ==, 0);
  g_assert_cmpint(getsockname(service->listener, (struct sockaddr *)&address, &len), ==, 0);
  g_assert_cmpint(pipe(service->wake), ==, 0);
  service->url = g_strdup_printf("%s://127.0.0.1:%u", scheme, ntohs(address.sin_port));
  service->tls = tls;
  service->requests = g_string_new(NULL);
  service->held = g_array_new(FALSE, FALSE, sizeof(int));
  g_mutex_init(&service->lock);
  service->thread = g_thread_new("service", serve, service);
  return service;
}

ServiceDouble *service_double_new(void) { return start("http", NULL); }
ServiceDouble *service_double_new_tls(void) { return start("https", make_tls()); }

void service_double_free(ServiceDouble *service) {
  g_assert_cmpint(write(service->wake[1], "x", 1), ==, 1);
  g_thread_join(service->thread);
  for (guint i = 0; i < service->held->len; i++)
    close(g_array_index(service->held, int, i));
  close(service->listener);
  close(service->wake[0]);
  close(service->wake[1]);
  g_array_unref(service->held);
  g_string_free(service->requests, TRUE);
  json_decref(service->collateral);
  g_mutex_clear(&service->lock);
  SSL_CTX_free(service->tls);
  g_free(service->tcbm);
  g_free(service->url);
  g_free(service);
}

const char *service_double_url(ServiceDouble *service) { return service->url; }

void service_double_serve(ServiceDouble *service, const json_t *collateral) {
  g_mutex_lock(&service->lock);
  json_decref(service->collateral);
  service->collateral = json_deep_copy(collateral);
  g_mutex_unlock(&service->lock);
}

void service_double_misbehave(ServiceDouble *service, Part part, Mischief mischief) {
  g_mutex_lock(&service->lock);
  service->mischief[part] = mischief;
  g_mutex_unlock(&service->lock);
}

void service_double_set_hex(ServiceDouble *service, gboolean hex) {
  g_mutex_lock(&service->lock);
  service->hex = hex;
  g_mutex_unlock(&service->lock);
}

void service_double_set_tcbm(ServiceDouble *service, const char *tcbm) {
  g_mutex_lock(&service->lock);
  g_free(service->tcbm);
  service->tcbm = g_strdup(tcbm);
  g_mutex_unlock(&service->lock);
}

void service_double_unplug(ServiceDouble *service, gboolean unplugged) {
  g_mutex_lock(&service->lock);
  service->unplugged = unplugged;
  g_mutex_unlock(&service->lock);
}

guint service_double_count(ServiceDouble *service) {
  g_mutex_lock(&service->lock);
  guint count = service->count;
  g_mutex_unlock(&service->lock);
  return count;
}

char *service_double_requests(ServiceDouble *service) {
  g_mutex_lock(&service->lock);
  char *requests = g_strdup(service->requests->str);
  g_mutex_unlock(&service->lock);
  return requests;
}
