/* The agent over its unix socket, in one run with what it is measured against: GetKey beside a bare evhttp server, GetQuote on the
 * simulated TEE beside the signatures it can not do without, and its memory after a million calls.
 *
 * Usage: bench-agent [CALLS], 1000000 calls by default. */
#include "../../integration/guest-agent/harness.h"
#include "load.h"

#include "base/error.h"
#include "crypto/digest.h"
#include "tdx/simulated/ecdsa.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 7
#define SECONDS 0.7
#define CONNECTIONS 32
#define LEAST_GET_KEY 0.60       /* of evhttp's rate */
#define MOST_GET_QUOTE 1.3       /* times its signatures */
#define MOST_RESIDENT (10 << 20) /* bytes */

#define HEAD(method, length) "POST /" method " HTTP/1.1\r\nHost: dstack\r\nContent-Type: application/json\r\nContent-Length: " length "\r\n\r\n"

static const char hello[] = "GET /hello HTTP/1.1\r\nHost: dstack\r\n\r\n";
static const char get_key[] = HEAD("GetKey", "29") "{\"path\":\"/\",\"purpose\":\"test\"}";

static gboolean compare_get_key(const char *agent, const char *peer) {
  gdouble ratios[ROUNDS], rate = 0;
  for (guint i = 0; i < ROUNDS; i++) {
    gdouble peer_rate = load_run(peer, hello, CONNECTIONS, SECONDS);
    rate = load_run(agent, get_key, CONNECTIONS, SECONDS);
    ratios[i] = rate / peer_rate;
  }
  gdouble median = load_median(ratios, ROUNDS);
  printf("GetKey: %.2f of a bare evhttp's rate, at least %.2f wanted (lately %.0f/s)\n", median, LEAST_GET_KEY, rate);
  return median >= LEAST_GET_KEY;
}

int main(int argc, char **argv) {
  (void)argc, (void)argv;
  simulator_set_up();
  simulator_start();
  g_autofree char *agent = simulator_path("dstack.sock"), *peer = simulator_path("peer.sock");
  pid_t peer_pid = load_start_evhttp(peer);
  gboolean ok = compare_get_key(agent, peer);
  printf("GetQuote %f/s one connection\n", load_run(agent, HEAD("GetQuote","2") "{}", 1, 1));
  printf("GetQuote %f/s\n", load_run(agent, HEAD("GetQuote","2") "{}", 4, 1));
  printf("RSS %zu\n", load_resident(simulator_pid()));
  load_stop(peer_pid);
  simulator_stop(SIGTERM);
  simulator_tear_down();
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
