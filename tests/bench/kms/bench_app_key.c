/* GetAppKey over fresh RA-TLS connections, each with evidence that was never seen before: rate against what its cryptography
 * alone allows in the same run, latencies and memory. Usage: bench-kms-app-key [ROUNDS [CALLS_A_ROUND]] */
#include "../../integration/kms/half_open.h"
#include "crypto_alone.h"
#include "fresh_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_ROUNDS 5
#define DEFAULT_CALLS 600
#define ALONE_SECONDS 0.5 /* before and after each round */
#define MIN_SHARE 0.70
#define MAX_TAIL 5.0 /* p99 to median */
#define SINGLE_CALLS 30
#define N_HALF_OPEN 10000
#define MAX_RSS_KIB (16 * 1024)
#define N_CPU 4 /* clients, front, verifier, key holder */

/* One round: its clients take identities that were prepared, so that making quotes is not measured. */
typedef struct {
  const FreshCaller *caller;
  GPtrArray *identities; /* FreshIdentity */
  gint next, refused;    /* atomic */
  gint64 *latencies;     /* microseconds, by identity */
} Round;

static gpointer run_client(gpointer data) {
  Round *round = data;
  for (guint i; (i = (guint)g_atomic_int_add(&round->next, 1)) < round->identities->len;) {
    gint64 start = g_get_monotonic_time();
    if (!fresh_call(round->caller, round->identities->pdata[i]))
      g_atomic_int_inc(&round->refused);
    round->latencies[i] = g_get_monotonic_time() - start;
  }
  return NULL;
}

static GPtrArray *prepare(TdxPlatform *platform, guint n_calls) {
  GPtrArray *identities = g_ptr_array_new_with_free_func((GDestroyNotify)fresh_identity_free);
  for (guint i = 0; i < n_calls; i++)
    g_ptr_array_add(identities, fresh_identity_new(platform));
  return identities;
}

/* Processor time that all threads of a process have taken, in seconds. */
static double process_cpu(pid_t pid) {
  clockid_t clock;
  struct timespec time;
  g_assert_true(clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Of the clients (and the webhook, which is in this process too) and of the KMS. */
static void read_cpu(Kms *kms, double cpu[N_CPU]) {
  cpu[0] = process_cpu(getpid());
  cpu[1] = process_cpu(kms->pid);
  cpu[2] = process_cpu(kms_helper(kms, "dstack-kms-verifier"));
  cpu[3] = process_cpu(kms_helper(kms, "dstack-kms-keyholder"));
}

/* Calls a second. Latencies are appended to `all`, processor time is added to `spent`. */
static double run_round(Kms *kms, TdxPlatform *platform, guint n_calls, guint n_clients, GArray *all,
                        double spent[N_CPU]) {
  g_autoptr(GPtrArray) identities = prepare(platform, n_calls);
  g_autoptr(FreshCaller) caller = fresh_caller_new(kms);
  g_autofree gint64 *latencies = g_new0(gint64, n_calls);
  g_autofree GThread **threads = g_new0(GThread *, n_clients);
  Round round = {caller, identities, 0, 0, latencies};
  double before[N_CPU], after[N_CPU];
  read_cpu(kms, before);
  gint64 start = g_get_monotonic_time();
  for (guint i = 0; i < n_clients; i++)
    threads[i] = g_thread_new("client", run_client, &round);
  for (guint i = 0; i < n_clients; i++)
    (void)g_thread_join(threads[i]);
  double seconds = (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
  read_cpu(kms, after);
  for (guint i = 0; i < N_CPU; i++)
    spent[i] += after[i] - before[i];
  g_array_append_vals(all, latencies, n_calls);
  if (round.refused)
    exit(EXIT_FAILURE);
  return n_calls / seconds;
}

static gint compare_times(gconstpointer a, gconstpointer b) {
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return (x > y) - (x < y);
}

static gint compare_shares(gconstpointer a, gconstpointer b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static const char *verdict(gboolean good) { return good ? "ok" : "MISSED"; }

static gboolean report_latencies(GArray *latencies, guint n_clients) {
  g_array_sort(latencies, compare_times);
  double median = (double)g_array_index(latencies, gint64, latencies->len / 2) / 1000;
  double p99 = (double)g_array_index(latencies, gint64, latencies->len * 99 / 100) / 1000;
  gboolean good = p99 < MAX_TAIL * median;
  printf("with %u clients: median %.2f ms, p99 %.2f ms = %.1f x (limit %.1f): %s\n", n_clients, median, p99,
         p99 / median, MAX_TAIL, verdict(good));
  return good;
}

/* The figure that other load on the machine disturbs least. */
static void report_cpu(CryptoAlone *crypto, const double spent[N_CPU], guint n_calls) {
  double alone = 1e6 * crypto_alone_cpu(crypto), total = 0, us[N_CPU];
  for (guint i = 0; i < N_CPU; i++)
    total += us[i] = 1e6 * spent[i] / n_calls;
  printf("processor time a call: clients %.0f us, front %.0f us, verifier %.0f us, key holder %.0f us; "
         "its cryptography alone %.0f us = %.0f %%\n",
         us[0], us[1], us[2], us[3], alone, 100 * alone / total);
}

static gboolean report_memory(const char *name, pid_t pid) {
  guint64 rss = process_rss(pid);
  printf("  %-12s RSS %6" G_GUINT64_FORMAT " KiB (limit %d): %s\n", name, rss, MAX_RSS_KIB,
         verdict(rss < MAX_RSS_KIB));
  return rss < MAX_RSS_KIB;
}

/* One call after another; the median's milliseconds. */
static double single_calls(Kms *kms, TdxPlatform *platform) {
  g_autoptr(GArray) latencies = g_array_new(FALSE, FALSE, sizeof(gint64));
  double ignored[N_CPU] = {0};
  (void)run_round(kms, platform, SINGLE_CALLS, 1, latencies, ignored); /* only the latencies count */
  g_array_sort(latencies, compare_times);
  return (double)g_array_index(latencies, gint64, SINGLE_CALLS / 2) / 1000;
}

static gboolean report_half_open(Kms *kms, TdxPlatform *platform) {
  g_autoptr(HalfOpen) half_open = half_open_new(kms, N_HALF_OPEN);
  if (!half_open) {
    printf("%d half-open connections: skipped, the limit of open files can't be raised that far\n", N_HALF_OPEN);
    return TRUE;
  }
  double alone = single_calls(kms, platform);
  while (half_open_add(half_open))
    ;
  double beside = single_calls(kms, platform);
  printf("beside %d half-open connections: median %.2f ms, without them %.2f ms (limit %.0f x): %s\n", N_HALF_OPEN, beside,
         alone, MAX_TAIL, verdict(beside < MAX_TAIL * alone));
  return beside < MAX_TAIL * alone;
}

int main(int argc, char **argv) {
  guint n_rounds = argc > 1 ? (guint)strtoul(argv[1], NULL, 10) : DEFAULT_ROUNDS;
  guint n_calls = argc > 2 ? (guint)strtoul(argv[2], NULL, 10) : DEFAULT_CALLS;
  guint n_cores = g_get_num_processors();
  g_autoptr(Kms) kms = kms_new();
  kms_start(kms);
  g_autoptr(TdxPlatform) platform = kms_client_platform(kms, 1, 1, GOOD_IMAGE);
  g_autoptr(CryptoAlone) crypto = crypto_alone_new(kms);
  g_autoptr(GArray) latencies = g_array_new(FALSE, FALSE, sizeof(gint64));
  g_autoptr(GArray) shares = g_array_new(FALSE, FALSE, sizeof(double));
  double spent[N_CPU] = {0};
  crypto_alone_list(crypto);
  for (guint i = 0; i < n_rounds; i++) {
    double before = crypto_alone_rate(crypto, n_cores, ALONE_SECONDS);
    double rate = run_round(kms, platform, n_calls, 2 * n_cores, latencies, spent);
    double alone = (before + crypto_alone_rate(crypto, n_cores, ALONE_SECONDS)) / 2, share = rate / alone;
    printf("  GetAppKey %.0f/s, its cryptography alone %.0f/s: %.0f %%\n", rate, alone, 100 * share);
    g_array_append_val(shares, share);
  }
  g_array_sort(shares, compare_shares);
  double share = g_array_index(shares, double, n_rounds / 2);
  gboolean good = share >= MIN_SHARE;
  printf("GetAppKey over fresh RA-TLS connections: %.0f %% of its cryptography alone (limit %.0f %%): %s\n", 100 * share,
         100 * MIN_SHARE, verdict(good));
  report_cpu(crypto, spent, n_rounds * n_calls);
  good = report_latencies(latencies, 2 * n_cores) && good;
  good = report_memory("front", kms->pid) && good;
  good = report_memory("verifier", kms_helper(kms, "dstack-kms-verifier")) && good;
  good = report_memory("key holder", kms_helper(kms, "dstack-kms-keyholder")) && good;
  good = report_half_open(kms, platform) && good; /* last: what each of them holds is not counted above */
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
