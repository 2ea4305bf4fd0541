/* The KMS's verifier fetches collateral and keeps it without privileges and behind its system call filter. */
#include "base/file.h"
#include "crypto/x509.h"
#include "dcap/collateral_source.h"
#include "kms/sandbox.h"
#include "service_double.h"
#include "tdx/simulated/scenario.h"

#include "base/json.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1795000000
#define NOBODY "65534"

typedef struct {
  X509 *root;
  GBytes *quote;
  char *url, *cache_dir;
} Task;

/* In the child: TRUE when the quote verified. */
static gboolean fetch_and_verify(const Task *task) {
  const DcapServiceOptions service = {.url = task->url, .cache_dir = task->cache_dir, .timeout_ms = 30000};
  const DcapOptions options = {.root = task->root, .now = NOW};
  g_autoptr(DcapCollateralSource) source = dcap_collateral_source_service(&service, NULL);
  if (!sandbox_drop_privileges(NOBODY, NULL) || !sandbox_enter(SANDBOX_VERIFIER, NULL))
    return FALSE;
  g_auto(DcapVerdict) verdict = {0};
  g_autoptr(GError) error = NULL;
  gboolean verified = dcap_verify_from(source, task->quote, &options, &verdict, NULL, &error);
  if (error)
    g_printerr("# %s\n", error->message);
  return verified;
}

static gboolean verified_in_child(const Task *task) {
  pid_t pid = fork();
  g_assert_cmpint(pid, >=, 0);
  if (pid == 0)
    _exit(fetch_and_verify(task) ? 0 : 1);
  int status;
  g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* As the KMS does it: the directory belongs to the verifier's user, who reaches it by a descriptor only. */
static char *make_cache_dir(const char *parent, int *fd) {
  g_autofree char *dir = g_build_filename(parent, "cache", NULL);
  g_assert_true(file_make_dirs(dir, 0755, NULL));
  if (geteuid() == 0)
    g_assert_true(sandbox_give_to_user(dir, NOBODY, NULL));
  *fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint(*fd, >=, 0);
  return g_strdup_printf("/proc/self/fd/%d", *fd);
}

static void test_fetch(void) {
  guint8 bytes[32] = {5};
  g_autoptr(Secret) seed = secret_new(bytes, sizeof bytes);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(seed, NULL);
  g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(pki, 4);
  g_autofree char *text = simulated_scenario_collateral(scenario), *root = simulated_pki_root_pem(pki);
  g_autoptr(json_t) collateral = json_parse(text, strlen(text), "collateral", NULL);
  g_autoptr(ServiceDouble) service = service_double_new();
  service_double_serve(service, collateral);
  g_autofree char *parent = g_dir_make_tmp("dstack-sandboxed-XXXXXX", NULL);
  int fd;
  g_autofree char *cache_dir = make_cache_dir(parent, &fd);
  const char *port = strrchr(service_double_url(service), ':');
  g_autofree char *url = g_strconcat("http://localhost", port, NULL); /* a name: resolved in there, too */
  g_autoptr(X509) anchor = cert_from_pem(root, strlen(root), NULL);
  g_autoptr(GBytes) quote = simulated_scenario_quote(scenario);
  const Task task = {anchor, quote, url, cache_dir};
  g_assert_true(verified_in_child(&task));
  g_assert_cmpuint(service_double_count(service), ==, 4);
  service_double_unplug(service, TRUE);
  g_assert_true(verified_in_child(&task)); /* from what the first one kept */
  close(fd);
  file_remove_tree(parent, NULL);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_setenv("no_proxy", "*", TRUE);
  g_test_add_func("/dcap/sandboxed-fetch", test_fetch);
  return g_test_run();
}
