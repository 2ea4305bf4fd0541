/* Tests of the client over every transport, against the server. */
#include "fixture.h"

#include "base/error.h"
#include "google/protobuf/empty.pb-c.h"
#include "guest_agent.pb-c.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static ProtobufCMessage *get_key(PrpcClient *client, const char *path, GError **error) {
  DstackGuest__GetKeyArgs request = DSTACK_GUEST__GET_KEY_ARGS__INIT;
  request.path = (char *)path;
  request.purpose = (char *)"p";
  return prpc_client_call(client, "GetKey", &request.base, &dstack_guest__get_key_response__descriptor, error);
}

static void assert_key(PrpcClient *client, const char *path, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = get_key(client, path, &error);
  g_assert_no_error(error);
  const DstackGuest__GetKeyResponse *response = (DstackGuest__GetKeyResponse *)message;
  g_autofree char *key = g_strndup((const char *)response->key.data, response->key.len);
  g_assert_cmpstr(key, ==, expected);
}

static void test_unix_and_tcp(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autoptr(GError) error = NULL;
  g_autofree char *prefixed = g_strconcat(fixture->unix_url, "|/prpc/", NULL);
  g_autofree char *tcp = g_strdup_printf("http://127.0.0.1:%u/prpc", prpc_server_port(fixture->server, fixture->tcp_listener));
  for (const char *const *url = (const char *const[]){fixture->unix_url, prefixed, tcp, NULL}; *url; url++) {
    g_autoptr(PrpcClient) client = prpc_client_new(*url, &error);
    g_assert_no_error(error);
    assert_key(client, "a", "a|p");
    DstackGuest__EmitEventArgs event = DSTACK_GUEST__EMIT_EVENT_ARGS__INIT;
    g_autoptr(PrpcMessage) empty =
        prpc_client_call(client, "EmitEvent", &event.base, &google__protobuf__empty__descriptor, &error);
    g_assert_no_error(error);
    g_autoptr(PrpcMessage) info = prpc_client_call(client, "Info", NULL, &dstack_guest__app_info__descriptor, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(((DstackGuest__AppInfo *)info)->app_name, ==, "n\xc3\xa4me");
    g_assert_null(get_key(client, "fail", &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
    g_assert_cmpstr(error->message, ==, "GetKey: no key for you: \"p\"");
    g_clear_error(&error);
    g_assert_null(prpc_client_call(client, "x/y", NULL, &google__protobuf__empty__descriptor, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_clear_error(&error);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prpc/client/unix-and-tcp", test_unix_and_tcp);
  return g_test_run();
}
