/* GetAppKey over fresh RA-TLS connections: rate, latencies and memory. Usage: bench-kms-app-key [SECONDS [CLIENTS]] */
#include "../../integration/kms/harness.h"

#include "kms.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  Kms *kms;
  TdxPlatform *platform;
  gint64 end_us;
  GArray *latencies; /* gint64, microseconds */
} Client;

static gboolean ask_once(Client *client) {
  g_autoptr(PrpcClient) connection = kms_attested_client(client->kms, client->platform);
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.vm_config = (char *)VM_CONFIG;
  gint64 start = g_get_monotonic_time();
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(connection, "GetAppKey", &request.base, &kms__app_key_response__descriptor, &error);
  gint64 took = g_get_monotonic_time() - start;
  if (!answer) {
    fprintf(stderr, "refused: %s\n", error->message);
    return FALSE;
  }
  g_array_append_val(client->latencies, took);
  return TRUE;
}

static gpointer run_client(gpointer data) {
  Client *client = data;
  while (g_get_monotonic_time() < client->end_us && ask_once(client))
    ;
  return NULL;
}

static gint compare_times(gconstpointer a, gconstpointer b) {
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return (x > y) - (x < y);
}

static double cpu_seconds(pid_t pid) {
  g_autofree char *path = g_strdup_printf("/proc/%d/schedstat", pid);
  g_autofree char *text = NULL;
  return g_file_get_contents(path, &text, NULL, NULL) ? g_ascii_strtod(text, NULL) / 1e9 : 0;
}

static void report_process(const char *name, pid_t pid) {
  printf("  %-12s RSS %6" G_GUINT64_FORMAT " KiB, main thread %.2f s CPU\n", name, process_rss(pid), cpu_seconds(pid));
}

static void report(Kms *kms, GArray *latencies, double seconds) {
  g_array_sort(latencies, compare_times);
  if (latencies->len == 0)
    return;
  gint64 median = g_array_index(latencies, gint64, latencies->len / 2);
  gint64 p99 = g_array_index(latencies, gint64, latencies->len * 99 / 100);
  printf("GetAppKey, fresh RA-TLS connections: %.1f/s, median %.2f ms, p99 %.2f ms (%u calls)\n",
         latencies->len / seconds, (double)median / 1000, (double)p99 / 1000, latencies->len);
  report_process("front", kms->pid);
  report_process("verifier", kms_helper(kms, "dstack-kms-verifier"));
  report_process("key holder", kms_helper(kms, "dstack-kms-keyholder"));
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? g_ascii_strtod(argv[1], NULL) : 5;
  guint n_clients = argc > 2 ? (guint)strtoul(argv[2], NULL, 10) : 4;
  g_autoptr(Kms) kms = kms_new();
  kms_start(kms);
  g_autofree Client *clients = g_new0(Client, n_clients);
  g_autofree GThread **threads = g_new0(GThread *, n_clients);
  gint64 end_us = g_get_monotonic_time() + (gint64)(seconds * G_USEC_PER_SEC);
  for (guint i = 0; i < n_clients; i++) {
    clients[i] = (Client){kms, kms_client_platform(kms, (guint8)(i + 1), 1, GOOD_IMAGE), end_us,
                          g_array_new(FALSE, FALSE, sizeof(gint64))};
    threads[i] = g_thread_new("client", run_client, &clients[i]);
  }
  g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(gint64));
  for (guint i = 0; i < n_clients; i++) {
    (void)g_thread_join(threads[i]);
    g_array_append_vals(all, clients[i].latencies->data, clients[i].latencies->len);
    g_array_unref(clients[i].latencies);
    tdx_platform_free(clients[i].platform);
  }
  report(kms, all, seconds);
  return EXIT_SUCCESS;
}
