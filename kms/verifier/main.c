/* dstack-kms-verifier: started by dstack-kms, never by hand. Judges evidence, one thread a lane from the front. */
#include "base/footprint.h"
#include "kms/protocol.h"
#include "kms/sandbox.h"
#include "kms/verifier/state_dir.h"
#include "kms/verifier/verifier.h"

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_LANES 64

typedef struct {
  KmsVerifier *verifier;
  int fd;
} Lane;

/* Until the front closes the lane; the main thread sees that too and ends the process. */
static gpointer serve_lane(gpointer data) {
  Lane *lane = data;
  g_autoptr(GError) error = NULL;
  for (;;) {
    g_autoptr(WireBuffer) request = wire_receive(lane->fd, WIRE_MAX_FRAME, &error);
    if (!request)
      break;
    g_autoptr(WireBuffer) answer = kms_verifier_answer(lane->verifier, request);
    if (!wire_send(lane->fd, answer, &error))
      break;
  }
  log_info("lane ends: %s", error->message);
  _exit(EXIT_FAILURE); /* other lanes may be at work: nothing they use is torn down */
}

static void start_lanes(KmsVerifier *verifier, guint n_lanes, Lane *lanes) {
  for (guint i = 0; i < n_lanes; i++) {
    lanes[i] = (Lane){verifier, KMS_CHANNEL_FIRST_LANE + (int)i};
    g_thread_unref(g_thread_new("lane", serve_lane, &lanes[i]));
  }
}

static void wait_for_end(void) {
  struct pollfd keyholder = {.fd = KMS_CHANNEL_KEYHOLDER}; /* only hang-ups are reported */
  while (poll(&keyholder, 1, -1) < 0 && errno == EINTR)
    ;
  log_info("ends: key holder is gone");
}

static gboolean run(const char *config_path, guint n_lanes, GError **error) {
  g_autoptr(KmsConfig) config = kms_config_load(*config_path ? config_path : NULL, error);
  if (!config || !state_dir_keep_reachable(config, error))
    return FALSE;
  g_autoptr(KmsVerifier) verifier = kms_verifier_new(config, KMS_CHANNEL_KEYHOLDER, error);
  footprint_shed_startup(); /* while /proc is readable */
  if (!verifier || !sandbox_drop_privileges(config->verifier_user, error) || !sandbox_enter(SANDBOX_VERIFIER, error))
    return FALSE;
  g_autofree Lane *lanes = g_new0(Lane, n_lanes);
  start_lanes(verifier, n_lanes, lanes);
  wait_for_end();
  _exit(EXIT_FAILURE); /* lanes may still be at work: nothing they use is torn down */
}

int main(int argc, char **argv) {
  log_init("dstack-kms-verifier", LOG_INFO);
  footprint_limit_arenas();
  guint64 n_lanes;
  if (argc != 3 || !g_ascii_string_to_unsigned(argv[2], 10, 1, MAX_LANES, &n_lanes, NULL)) {
    log_error("this program is started by dstack-kms");
    return EXIT_FAILURE;
  }
  secret_protect_process();
  (void)signal(SIGINT, SIG_IGN); /* the front drains its requests first, then closes the lanes */
  (void)signal(SIGTERM, SIG_IGN);
  (void)signal(SIGPIPE, SIG_IGN);
  g_autoptr(GError) error = NULL;
  (void)run(argv[1], (guint)n_lanes, &error); /* only comes back with an error */
  log_error("%s", error->message);
  return EXIT_FAILURE;
}
