/* Tests of who may call the guest API: the host by its CID, and nobody else on vsock. */
#include "base/error.h"
#include "base/file.h"
#include "guest-agent/services.h"
#include "guest_api.pb-c.h"
#include "prpc/client.h"

#include <string.h>

typedef struct {
  char *dir;
  Agent agent;
  PrpcRouter *router;
  PrpcServer *server;
} Setup;

static void setup_open(Setup *setup) {
  static char *disks[] = {(char *)"/", NULL};
  *setup = (Setup){.dir = g_dir_make_tmp("dstack-guest-api-XXXXXX", NULL), .agent = {.data_disks = disks}};
  setup->router = prpc_router_new("test");
  prpc_router_mount(setup->router, "/api", guest_api_service_new(&setup->agent));
  setup->server = prpc_server_new(1, 10, NULL);
  prpc_server_start(setup->server);
}

static void setup_close(Setup *setup) {
  prpc_server_free(setup->server);
  prpc_router_free(setup->router);
  g_assert_true(file_remove_tree(setup->dir, NULL));
  g_free(setup->dir);
}

/* Calls as a peer of that CID would; 0: over a plain unix socket. */
static PrpcMessage *call_as(Setup *setup, guint32 cid, const char *method, const ProtobufCMessageDescriptor *type,
                            GError **error) {
  g_autofree char *url = g_strdup_printf("unix:%s/%u", setup->dir, cid), *mounted = g_strconcat(url, "|/api", NULL);
  PrpcListenOptions options = {.act_as_vsock_cid = cid};
  guint listener = prpc_server_listen(setup->server, url, setup->router, &options, error);
  g_assert_cmpuint(listener, >, 0);
  g_autoptr(PrpcClient) client = prpc_client_new(mounted, NULL);
  PrpcMessage *answer = prpc_client_call(client, method, NULL, type, error);
  prpc_server_unlisten(setup->server, listener);
  return answer;
}

static void test_callers(void) {
  Setup setup;
  setup_open(&setup);
  static const guint32 allowed[] = {0, 2}, refused[] = {1, 3, 42, G_MAXUINT32};
  for (gsize i = 0; i < G_N_ELEMENTS(allowed); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(PrpcMessage) answer =
        call_as(&setup, allowed[i], "SysInfo", &guest_api__system_info__descriptor, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(((GuestApi__SystemInfo *)answer)->n_disks, ==, 1);
  }
  static const char *const methods[] = {"Info", "SysInfo", "NetworkInfo", "ListContainers", "Shutdown"};
  for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
    for (gsize j = 0; j < G_N_ELEMENTS(methods); j++) {
      g_autoptr(GError) error = NULL;
      g_assert_null(call_as(&setup, refused[i], methods[j], &guest_api__system_info__descriptor, &error));
      g_assert_nonnull(strstr(error->message, "only the host may call the guest api"));
    }
  setup_close(&setup);
}

static void test_no_power_off(void) {
  Setup setup;
  setup_open(&setup);
  g_autoptr(GError) error = NULL;
  g_assert_null(call_as(&setup, 2, "Shutdown", &guest_api__system_info__descriptor, &error));
  g_assert_nonnull(strstr(error->message, "does not power its machine off"));
  setup_close(&setup);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/guest-api/callers", test_callers);
  g_test_add_func("/guest-api/no-power-off", test_no_power_off);
  return g_test_run();
}
