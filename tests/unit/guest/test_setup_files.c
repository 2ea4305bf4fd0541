/* Tests of setup's smaller parts: kernel options, the registry mirror, agent.json, compose services, orphans. */
#include "agent_config.h"
#include "base/error.h"
#include "base/file.h"
#include "compose_services.h"
#include "docker_mirror.h"
#include "kernel_options.h"

#include <string.h>
#include <unistd.h>

static void test_kernel_options(void) {
  g_autoptr(KernelOptions) options =
      kernel_options_parse("console=ttyS0 dstack.storage_fs=Ext4 dstack.storage_encrypted=yes\n", NULL);
  g_assert_cmpstr(options->storage_fs, ==, "Ext4");
  g_assert_true(options->storage_encrypted);
  g_autoptr(KernelOptions) none = kernel_options_parse("", NULL);
  g_assert_true(none->storage_encrypted);
  g_assert_null(none->storage_fs);
  g_assert_null(kernel_options_parse("dstack.storage_encrypted=maybe", NULL));
  g_assert_null(kernel_options_parse("dstack.storage_encrypted=", NULL));
}

static void assert_filesystem(const char *wish, const char *command_line, const char *expected, int code) {
  g_autoptr(KernelOptions) options = kernel_options_parse(command_line, NULL);
  g_autoptr(GError) error = NULL;
  g_assert_cmpstr(storage_filesystem(wish, options, &error), ==, expected);
  if (!expected)
    g_assert_error(error, DSTACK_ERROR, code);
}

static void test_filesystem(void) {
  assert_filesystem(NULL, "dstack.storage_fs=ext4", "ext4", 0);
  assert_filesystem("EXT4", "dstack.storage_fs=zfs", "ext4", 0);
  assert_filesystem("zfs", "dstack.storage_fs=ext4", NULL, DSTACK_ERROR_NOT_IMPLEMENTED);
  assert_filesystem(NULL, "", NULL, DSTACK_ERROR_NOT_IMPLEMENTED);
  assert_filesystem("btrfs", "", NULL, DSTACK_ERROR_INVALID);
  assert_filesystem("ext4", "dstack.storage_encrypted=0", NULL, DSTACK_ERROR_NOT_IMPLEMENTED);
}

static void assert_content(const char *directory, const char *name, const char *expected) {
  g_autofree char *path = g_build_filename(directory, name, NULL);
  g_autofree char *text = file_read_text(path, 65536, NULL);
  g_assert_cmpstr(text, ==, expected);
}

static void test_docker_mirror(void) {
  g_autofree char *directory = g_dir_make_tmp("dstack-docker-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(directory, "etc", "daemon.json", NULL);
  g_assert_true(docker_mirror_set(path, "http://10.0.2.2:5000", NULL));
  assert_content(directory, "etc/daemon.json", "{\"registry-mirrors\":[\"http://10.0.2.2:5000\"]}");
  const char *before = "{\"a\":1,\"registry-mirrors\":[\"x\",\"y\"]}";
  g_assert_true(file_write_atomic(path, before, strlen(before), 0644, NULL));
  g_assert_true(docker_mirror_set(path, "https://m", NULL));
  assert_content(directory, "etc/daemon.json", "{\"a\":1,\"registry-mirrors\":[\"https://m\"]}");
  static const char *const bad[] = {"", "ftp://x", "http://", "x", "file:///etc", "http://u:p@h", "http://a b"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_false(docker_mirror_set(path, bad[i], NULL));
  g_assert_true(file_write_atomic(path, "[]", 2, 0644, NULL));
  g_assert_false(docker_mirror_set(path, "https://m", NULL));
  g_assert_true(file_remove_tree(directory, NULL));
}

static void test_agent_config(void) {
  g_autofree char *directory = g_dir_make_tmp("dstack-work-XXXXXX", NULL);
  g_assert_true(agent_config_write(directory, "/mnt/data", NULL, NULL));
  g_assert_true(agent_config_write(directory, "/mnt/data", NULL, NULL)); /* again, over the links */
  assert_content(
      directory, "agent.json",
      "{\n  \"default\": {\n    \"core\": {\n      \"pccs_url\": null,\n      \"data_disks\": [\n        \"/\",\n"
      "        \"/mnt/data\"\n      ]\n    }\n  }\n}");
  g_autofree char *link = g_build_filename(directory, "user_config", NULL);
  char target[64] = {0};
  g_assert_cmpint(readlink(link, target, sizeof target - 1), >, 0);
  g_assert_cmpstr(target, ==, ".host-shared/.user-config");
  g_assert_true(file_remove_tree(directory, NULL));
}

static gboolean has(const ComposeServices *services, const char *name) {
  return g_strv_contains((const char *const *)services->services, name);
}

static void test_compose_services(void) {
  const char *text = "name: demo\nx-base: &base\n  one: {image: a}\nservices:\n  <<: *base\n  two: &two\n    image: b\n"
                     "  three: *two\n";
  g_autoptr(ComposeServices) services = compose_services_parse(text, strlen(text), NULL);
  g_assert_cmpstr(services->project, ==, "demo");
  g_assert_cmpuint(g_strv_length(services->services), ==, 3);
  g_assert_true(has(services, "one") && has(services, "two") && has(services, "three"));
  static const char *const bad[] = {"", "- a", "a: [", "\t", "a: *nowhere"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_null(compose_services_parse(bad[i], strlen(bad[i]), NULL));
  g_autofree char *project = compose_project_of_directory("/srv/My App_1.x");
  g_assert_cmpstr(project, ==, "myapp_1x");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/setup/kernel-options", test_kernel_options);
  g_test_add_func("/setup/filesystem", test_filesystem);
  g_test_add_func("/setup/docker-mirror", test_docker_mirror);
  g_test_add_func("/setup/agent-config", test_agent_config);
  g_test_add_func("/setup/compose-services", test_compose_services);
  return g_test_run();
}
