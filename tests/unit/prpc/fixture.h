/* A server with the guest agent's contract and simple handlers, and raw sockets to talk to it byte by byte. */
#pragma once

#include "prpc/client.h"
#include "prpc/server.h"

#include <glib.h>

typedef struct {
  char *dir;
  char *unix_path, *unix_url;
  PrpcRouter *router;
  PrpcServer *server;
  guint unix_listener, tcp_listener;
} Fixture;

/* Mounts at "" without a prefix and at "/prpc" with "Tappd."; routes /hello, /echo, /stream, /forever. */
Fixture *fixture_new(void);
void fixture_free(Fixture *fixture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fixture, fixture_free)

int fixture_connect(Fixture *fixture);
int fixture_connect_tcp(Fixture *fixture);
void send_text(int fd, const char *text);
/* Reads until the peer closes, for at most 10 s. */
char *read_to_end(int fd);
/* Reads one answer: head, and the body by its Content-Length. */
char *read_answer(int fd);
/* Sends bytes, closes the write side and returns all that comes back. */
char *exchange(Fixture *fixture, const char *text);
int status_of(const char *answer);
const char *body_of(const char *answer);

/* A self-signed CA, and a leaf it signed for `alt_name` (an IP address becomes iPAddress), without extended key usage.
 */
typedef struct {
  X509 *ca, *certificate;
  EVP_PKEY *ca_key, *key;
} TestIdentity;
TestIdentity *identity_new(const char *alt_name);
/* A leaf of the same CA. */
TestIdentity *identity_sibling(TestIdentity *other, const char *alt_name);
void identity_free(TestIdentity *identity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TestIdentity, identity_free)
SSL_CTX *identity_server_context(TestIdentity *identity, gboolean ask_client);
SSL_CTX *identity_client_context(TestIdentity *identity, TestIdentity *ca_of);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_CTX, SSL_CTX_free)
