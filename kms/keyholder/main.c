/* dstack-kms-keyholder: started by dstack-kms, never by hand. Holds the root keys behind two socketpairs. */
#include "kms/keyholder/keyholder.h"
#include "kms/protocol.h"
#include "kms/sandbox.h"

#include "base/error.h"
#include "base/log.h"
#include "crypto/envelope.h"
#include "crypto/k256.h"
#include "crypto/x509.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define PEER_TIMEOUT_SECONDS 10
/* Bytes: private numbers of the root keys, of one app's keys and of a signature, several times over. */
#define SECURE_HEAP_SIZE (64 * 1024)
#define SECURE_HEAP_MIN 32

/* Private numbers that the crypto library makes are locked, guarded and not dumped. Without an allowance for locked memory
 * they are still apart from everything else. */
static void use_secure_heap(void) {
  int made = CRYPTO_secure_malloc_init(SECURE_HEAP_SIZE, SECURE_HEAP_MIN);
  if (made != 1)
    log_warn("memory of keys is %s: the limit of locked memory is too low", made == 2 ? "not locked" : "not apart");
}

/* Libraries initialise on first use, partly from files: all that is used later is used once while there are files. */
static gboolean warm_up(GError **error) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  CertSpec spec = {.common_name = "warm-up", .ca_path_len = 0};
  g_autoptr(X509) certificate = cert_build(&spec, key, NULL, key, error);
  g_autoptr(Secret) scalar = k256_generate();
  guint8 signature[K256_SIGNATURE_SIZE], recipient[X25519_SIZE];
  x25519_public(secret_peek(scalar), recipient);
  g_autoptr(GBytes) sealed = envelope_seal(recipient, "warm-up", 7, error);
  return certificate && sealed && k256_sign_message(scalar, "warm-up", 7, signature, error);
}

static gboolean seal(gpointer user, GError **error) {
  if (!warm_up(error) || !sandbox_drop_privileges(user, error) || !sandbox_enter(SANDBOX_KEYHOLDER, error))
    return FALSE;
  log_info("root keys are loaded; files and network are out of reach from here on");
  return TRUE;
}

static gboolean set_timeouts(int fd, GError **error) {
  struct timeval limit = {.tv_sec = PEER_TIMEOUT_SECONDS};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to set time limits on channel %d", fd);
  return FALSE;
}

static gboolean answer_one(KeyHolder *holder, KeyHolderPeer peer, int fd, GError **error) {
  g_autoptr(WireBuffer) request = wire_receive(fd, keyholder_max_request(holder, peer), error);
  if (!request)
    return FALSE;
  g_autoptr(WireBuffer) answer = keyholder_answer(holder, peer, request);
  return wire_send(fd, answer, error);
}

/* Until a peer goes away. The order matters when both end at once: the front ending is how the KMS ends. */
static gboolean serve(KeyHolder *holder, GError **error) {
  struct pollfd channels[] = {{.fd = KMS_CHANNEL_FRONT, .events = POLLIN},
                              {.fd = KMS_CHANNEL_VERIFIER, .events = POLLIN}};
  for (;;) {
    if (poll(channels, G_N_ELEMENTS(channels), keyholder_tend_due(holder)) < 0 && errno != EINTR) {
      dstack_set_errno(error, errno, "failed to wait for requests");
      return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(channels); i++) {
      KeyHolderPeer peer = i == 0 ? KEYHOLDER_FROM_FRONT : KEYHOLDER_FROM_VERIFIER;
      if (channels[i].revents && !answer_one(holder, peer, channels[i].fd, error)) {
        g_prefix_error(error, "%s: ", i == 0 ? "front" : "verifier");
        return FALSE;
      }
    }
    keyholder_tend(holder);
  }
}

typedef struct {
  const char *cert_dir;
  char *user;
  gboolean plain_handover;
  const char *audit_dir; /* "": nothing is recorded */
  gboolean audit_sync_each;
} Settings;

static gboolean run(const Settings *settings, GError **error) {
  g_autoptr(KeyHolder) holder = keyholder_new(settings->cert_dir, seal, settings->user);
  if (settings->plain_handover)
    keyholder_allow_plain_handover(holder);
  if (*settings->audit_dir)
    keyholder_record(holder, settings->audit_dir, settings->audit_sync_each);
  return sandbox_forbid_network(error) && set_timeouts(KMS_CHANNEL_FRONT, error) &&
         set_timeouts(KMS_CHANNEL_VERIFIER, error) && keyholder_prepare(holder, error) && serve(holder, error);
}

int main(int argc, char **argv) {
  log_init("dstack-kms-keyholder", LOG_INFO);
  if (argc != 6) {
    log_error("this program is started by dstack-kms");
    return EXIT_FAILURE;
  }
  secret_protect_process();
  use_secure_heap();
  /* The front drains its requests first and then ends this process by closing its channel. */
  (void)signal(SIGINT, SIG_IGN);
  (void)signal(SIGTERM, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN); /* a log that may not grow is an error of its write */
  const Settings settings = {.cert_dir = argv[1],
                             .user = argv[2],
                             .plain_handover = strcmp(argv[3], KMS_PLAIN_HANDOVER) == 0,
                             .audit_dir = argv[4],
                             .audit_sync_each = strcmp(argv[5], KMS_AUDIT_SYNC) == 0};
  g_autoptr(GError) error = NULL;
  (void)run(&settings, &error); /* only ends with an error */
  log_info("ends: %s", error->message);
  return EXIT_FAILURE;
}
