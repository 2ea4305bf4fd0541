/* Tests of the agent's configuration: addresses, limits of methods, mistakes. */
#include "base/error.h"
#include "guest-agent/config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* The defaults with `text` over them; NULL with *error when that is refused. */
static AgentConfig *load(const char *text, GError **error) {
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp("dstack-config-XXXXXX.toml", &path, NULL);
  g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
  close(fd);
  g_autoptr(Config) raw = config_new(agent_config_defaults);
  gboolean read = config_add_file(raw, path, error);
  AgentConfig *config = read ? agent_config_new(raw, error) : NULL;
  g_unlink(path);
  return config;
}

static void test_defaults(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AgentConfig) config = load("", &error);
  g_assert_no_error(error);
  g_assert_cmpstr(config->ident, ==, "dstack guest agent");
  g_assert_cmpuint(config->workers, ==, 8);
  g_assert_cmpstr(config->internal_address, ==, "unix:/var/run/dstack.sock");
  g_assert_cmpstr(config->internal_v0_address, ==, "unix:/var/run/tappd.sock");
  g_assert_cmpstr(config->external_address, ==, "0.0.0.0:8090");
  g_assert_cmpstr(config->guest_api_address, ==, "vsock:0xffffffff:8000");
  g_assert_cmpstr(config->keys_file, ==, "/dstack/.host-shared/.appkeys.json");
  g_assert_cmpuint(config->limits[AGENT_LISTENER_INTERNAL]->len, ==, 0);
}

static void assert_limit(const AgentConfig *config, AgentListener listener, guint index, const char *method, gsize bytes) {
  g_assert_cmpuint(config->limits[listener]->len, >, index);
  const AgentMethodLimit *limit = &g_array_index(config->limits[listener], AgentMethodLimit, index);
  g_assert_cmpstr(limit->method, ==, method);
  g_assert_cmpuint(limit->bytes, ==, bytes);
}

static void test_limits(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AgentConfig) config = load("[default.limits]\nGetQuote = \"1 MiB\"\n[internal.limits]\nGetKey = 1000\n"
                                       "[external]\nport = 1234\n",
                                       &error);
  g_assert_no_error(error);
  assert_limit(config, AGENT_LISTENER_INTERNAL, 0, "GetQuote", 1 << 20);
  assert_limit(config, AGENT_LISTENER_INTERNAL, 1, "GetKey", 1000);
  assert_limit(config, AGENT_LISTENER_EXTERNAL, 0, "GetQuote", 1 << 20);
  g_assert_cmpuint(config->limits[AGENT_LISTENER_EXTERNAL]->len, ==, 1);
  g_assert_cmpstr(config->external_address, ==, "0.0.0.0:1234");
}

static void test_mistakes(void) {
  static const char *const texts[] = {
      "[default]\nworkers = 0\n",      "[default]\nworkers = 1000\n",          "[default]\nworkers = \"8\"\n",
      "[default.core]\ndata_disks = 5\n", "[external]\nport = \"8090\"\n",     "[internal]\naddress = 5\n",
      "[default.limits]\nGetKey = \"many\"\n", "[default.limits]\nGetKey = -1\n",
  };
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(AgentConfig) config = load(texts[i], &error);
    g_assert_null(config);
    g_test_message("%s", error->message);
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/config/defaults", test_defaults);
  g_test_add_func("/config/limits", test_limits);
  g_test_add_func("/config/mistakes", test_mistakes);
  return g_test_run();
}
