/* The agent over its unix socket, in one run with what it is measured against: GetKey beside a bare evhttp server,
 * GetQuote on the simulated TEE beside the signatures it can not do without (what any call costs apart), and its memory
 * after a million calls.
 *
 * Usage: bench-agent [CALLS], 1000000 calls by default. */
#include "../../integration/guest-agent/harness.h"
#include "load.h"

#include "crypto/p256.h"
#include "tdx/simulated/ecdsa.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 7
#define SECONDS 0.7
#define CONNECTIONS 32
#define LEAST_GET_KEY 0.60       /* of evhttp's rate */
#define MOST_GET_QUOTE 1.3       /* times its signatures */
#define MOST_RESIDENT (10 << 20) /* bytes */

static const char hello[] = "GET /hello HTTP/1.1\r\nHost: dstack\r\n\r\n";

/* A call. Newly allocated. */
static char *post(const char *method, const char *body) {
  return g_strdup_printf("POST /%s HTTP/1.1\r\nHost: dstack\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\n\r\n%s",
                         method, strlen(body), body);
}

static gboolean compare_get_key(const char *agent, const char *peer) {
  g_autofree char *get_key = post("GetKey", "{\"path\":\"/\",\"purpose\":\"test\"}");
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

/* A path that was not asked for lately costs its derivation and a signature. Only for information: it is the curve's
 * price. */
static void report_fresh_paths(const char *agent) {
  enum { PATHS = 2000 };
  g_auto(GStrv) requests = g_new0(char *, PATHS + 1);
  for (guint i = 0; i < PATHS; i++) {
    g_autofree char *body = g_strdup_printf("{\"path\":\"%u\",\"purpose\":\"x\"}", i);
    requests[i] = post("GetKey", body);
  }
  gdouble rate = load_calls(agent, (const char *const *)requests, PATHS, CONNECTIONS, 5 * PATHS);
  printf("GetKey of paths not asked for lately: %.0f/s\n", rate);
}

static gdouble own_cpu_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (gdouble)time.tv_sec + (gdouble)time.tv_nsec / 1e9;
}

/* Processor time of the two signatures a quote consists of: the quoting enclave's certificate and the quote itself. */
static gdouble signature_seconds(void) {
  enum { SIGNATURES = 1000 };
  g_autoptr(EVP_PKEY) key = p256_generate();
  guint8 report[632] = {0}, signature[64];
  gdouble start = own_cpu_seconds();
  for (guint i = 0; i < SIGNATURES; i++)
    simulated_sign_raw(key, report, sizeof report, signature);
  return 2 * (own_cpu_seconds() - start) / SIGNATURES;
}

/* Processor time of one call in the agent, all that it does for it included, at full load. */
static gdouble call_seconds(const char *agent, const char *request) {
  enum { CALLS = 1000 };
  gdouble start = load_cpu_seconds(simulator_pid());
  (void)load_calls(agent, &request, 1, CONNECTIONS, CALLS); /* the rate depends on who else runs */
  return (load_cpu_seconds(simulator_pid()) - start) / CALLS;
}

static gboolean compare_get_quote(const char *agent) {
  g_autofree char *quote = post("GetQuote", "{}"), *version = post("Version", "");
  gdouble ratios[ROUNDS], floors[ROUNDS];
  for (guint i = 0; i < ROUNDS; i++) {
    gdouble signatures = signature_seconds();
    ratios[i] = call_seconds(agent, quote) / signatures;
    floors[i] = call_seconds(agent, version) / signatures;
  }
  gdouble total = load_median(ratios, ROUNDS), floor = load_median(floors, ROUNDS);
  printf("GetQuote: %.2f times the processor time of its signatures, at most %.2f wanted; beside %.2f that any call "
         "costs\n",
         total - floor, MOST_GET_QUOTE, floor);
  return total - floor <= MOST_GET_QUOTE;
}

/* Calls of every kind. */
static gboolean measure_memory(const char *agent, gsize calls) {
  static const char *const bodies[][2] = {
      {"GetKey", "{\"path\":\"/\",\"purpose\":\"test\"}"},
      {"GetKey", "{\"path\":\"a\",\"algorithm\":\"ed25519\"}"},
      {"Version", ""},
      {"GetKey", "{\"path\":\"b/c\"}"},
      {"Sign", "{\"algorithm\":\"ed25519\",\"data\":\"00\"}"},
      {"Info", "null"},
      {"GetKey", "{}"},
  };
  g_auto(GStrv) requests = g_new0(char *, G_N_ELEMENTS(bodies) + 1);
  for (guint i = 0; i < G_N_ELEMENTS(bodies); i++)
    requests[i] = post(bodies[i][0], bodies[i][1]);
  gsize before = load_resident(simulator_pid());
  gdouble rate = load_calls(agent, (const char *const *)requests, G_N_ELEMENTS(bodies), CONNECTIONS, calls);
  gsize after = load_resident(simulator_pid());
  printf("memory: %zu KiB resident before %zu calls, %zu KiB after, at most %d wanted (%.0f calls/s)\n", before / 1024,
         calls, after / 1024, MOST_RESIDENT / 1024, rate);
  return after <= MOST_RESIDENT;
}

int main(int argc, char **argv) {
  gsize calls = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
  simulator_set_up();
  simulator_start();
  g_autofree char *agent = simulator_path("dstack.sock"), *peer = simulator_path("peer.sock");
  pid_t peer_pid = load_start_evhttp(peer);
  gboolean ok = compare_get_key(agent, peer);
  load_stop(peer_pid);
  report_fresh_paths(agent);
  ok = compare_get_quote(agent) && ok;
  simulator_stop(SIGTERM); /* the calls are counted from the start of an agent */
  simulator_start();
  ok = measure_memory(agent, calls) && ok;
  simulator_stop(SIGTERM);
  simulator_tear_down();
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
