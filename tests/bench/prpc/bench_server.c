/* The server beside a bare evhttp server in the same run: a plain route, and a method with a JSON body. The ratio of
 * their rates survives a busy machine, the rates themselves do not. */
#include "load.h"

#include "base/error.h"
#include "base/log.h"
#include "guest_agent.pb-c.h"
#include "prpc/server.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ROUNDS 7
#define SECONDS 0.7
#define CONNECTIONS 32
#define WORKERS 2
#define LEAST_ROUTE 0.6 /* of evhttp's rate */
#define LEAST_METHOD 0.5

static const char route_request[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
static const char method_request[] =
    "POST /GetKey HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n"
    "{\"path\":\"/\",\"purpose\":\"test\"}";

static void hello(PrpcHttpRequest *request, gpointer data) {
  (void)data;
  prpc_http_reply(request, 200, "text/plain", "hello", 5, NULL);
}

static gboolean get_key(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                        GError **error) {
  (void)call, (void)data, (void)error;
  const char *path = ((const DstackGuest__GetKeyArgs *)request)->path;
  prpc_set_bytes(&((DstackGuest__GetKeyResponse *)response)->key, path, strlen(path));
  return TRUE;
}

static void serve(const char *path) {
  g_autofree char *url = g_strconcat("unix:", path, NULL);
  g_autoptr(GError) error = NULL;
  PrpcRouter *router = prpc_router_new("bench");
  PrpcService *service = prpc_service_new(&dstack_guest__dstack_guest__descriptor, "", NULL);
  prpc_service_handle(service, "GetKey", get_key);
  prpc_router_mount(router, "", service);
  prpc_router_route(router, "GET", "/hello", 0, hello, NULL);
  PrpcServer *server = prpc_server_new(WORKERS, 1000, &error);
  if (!server || !prpc_server_listen(server, url, router, NULL, &error))
    g_error("%s", error->message);
  prpc_server_run(server);
}

static pid_t start_server(const char *path) {
  pid_t child = fork();
  if (child != 0)
    return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  serve(path);
  _exit(0);
}

/* The median ratio of our rate to evhttp's, in rounds taken in turn. */
static gdouble compare(const char *name, const char *ours, const char *peer, const char *request) {
  gdouble ratios[ROUNDS], rate = 0;
  for (guint i = 0; i < ROUNDS; i++) {
    gdouble peer_rate = load_run(peer, route_request, CONNECTIONS, SECONDS);
    rate = load_run(ours, request, CONNECTIONS, SECONDS);
    ratios[i] = rate / peer_rate;
  }
  gdouble median = load_median(ratios, ROUNDS);
  printf("%s: %.2f of a bare evhttp's rate (lately %.0f requests/s)\n", name, median, rate);
  return median;
}

int main(void) {
  log_init("bench", LOG_WARN);
  g_autofree char *dir = g_dir_make_tmp("dstack-bench-XXXXXX", NULL);
  g_autofree char *ours = g_build_filename(dir, "ours", NULL), *peer = g_build_filename(dir, "peer", NULL);
  g_autofree char *lock = g_strconcat(ours, ".lock", NULL);
  pid_t peer_pid = load_start_evhttp(peer), our_pid = start_server(ours);
  gdouble route = compare("prpc plain route", ours, peer, route_request);
  gdouble method = compare("prpc json method", ours, peer, method_request);
  printf("prpc server: %zu KiB resident afterwards, a bare evhttp %zu KiB\n", load_resident(our_pid) / 1024,
         load_resident(peer_pid) / 1024);
  load_stop(our_pid);
  load_stop(peer_pid);
  for (const char *const *path = (const char *const[]){ours, peer, lock, NULL}; *path; path++)
    (void)g_unlink(*path); /* only tidiness */
  (void)g_rmdir(dir);
  return route >= LEAST_ROUTE && method >= LEAST_METHOD ? EXIT_SUCCESS : EXIT_FAILURE;
}
