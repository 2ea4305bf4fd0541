/* The real program, a real FUSE mount, the guest's own code on it, and the verifier's verdict on what comes out. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "crypto/x509.h"
#include "dcap/dcap.h"
#include "tdx/app_info.h"
#include "tdx/platform.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_TIMEOUT_S 20

static const char *program;

typedef struct {
  char *directory, *pki, *run, *config, *tee;
  GPid pid;
} Guest;

static char *content_of(const char *directory, const char *name) {
  g_autofree char *path = g_build_filename(directory, name, NULL);
  char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  return text;
}

static void write_config(const Guest *guest) {
  g_autofree char *seed = content_of(guest->pki, "seed.hex");
  g_autofree char *mr = g_strnfill(96, '5');
  g_autoptr(json_t) event =
      json_pack("{s:i,s:i,s:s,s:s,s:s}", "imr", 1, "event_type", 4, "digest", mr, "event", "", "event_payload", "aa");
  g_autoptr(json_t) object =
      json_pack("{s:s,s:s,s:s,s:s,s:[O]}", "platform", "dstack-tdx", "mock_attestation_seed", g_strchomp(seed), "mrtd", mr,
                "mr_config_id", mr, "boot_log", event);
  g_autofree char *text = json_print(object);
  g_assert_true(g_file_set_contents(guest->config, text, -1, NULL));
}

static int listen_for_ready(const Guest *guest) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_autofree char *path = g_build_filename(guest->directory, "notify", NULL);
  g_assert_cmpuint(strlen(path), <, sizeof address.sun_path);
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = READY_TIMEOUT_S}, sizeof(struct timeval)),
                  ==, 0);
  return fd;
}

/* A failed test must not leave a mount behind. */
static void die_with_parent(gpointer unused) {
  (void)unused;
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
    _exit(127);
}

static void power_on(Guest *guest) {
  int notify = listen_for_ready(guest);
  g_autofree char *variable = g_strdup_printf("NOTIFY_SOCKET=%s/notify", guest->directory);
  char *argv[] = {(char *)program, "mount", "--config", guest->config, "--run", guest->run, NULL};
  char *environment[] = {variable, NULL};
  g_autoptr(GError) error = NULL;
  g_assert_true(g_spawn_async(NULL, argv, environment, G_SPAWN_DO_NOT_REAP_CHILD, die_with_parent, NULL, &guest->pid, &error));
  g_assert_no_error(error);
  char state[64] = {0};
  g_assert_cmpint(recv(notify, state, sizeof state - 1, 0), >, 0);
  g_assert_cmpstr(state, ==, "READY=1");
  (void)close(notify);
}

static void power_off(Guest *guest) {
  int status;
  g_assert_cmpint(kill(guest->pid, SIGTERM), ==, 0);
  g_assert_cmpint(waitpid(guest->pid, &status, 0), ==, guest->pid);
  g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void set_up(Guest *guest) {
  guest->directory = g_dir_make_tmp("dstack-tee-XXXXXX", NULL);
  guest->pki = g_build_filename(guest->directory, "pki", NULL);
  guest->run = g_build_filename(guest->directory, "run", NULL);
  guest->config = g_build_filename(guest->directory, "config.json", NULL);
  guest->tee = g_build_filename(guest->run, "tee", NULL);
  g_autoptr(GError) error = NULL;
  const char *const init[] = {program, "init", "--output", guest->pki, NULL};
  g_assert_true(process_check(init, NULL, &error));
  g_assert_no_error(error);
  write_config(guest);
}

static void tear_down(Guest *guest) {
  g_assert_true(file_remove_tree(guest->directory, NULL));
  char *texts[] = {guest->directory, guest->pki, guest->run, guest->config, guest->tee};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
}

/* The environment exactly as tee.env gives it to the guest's units. */
static void load_environment(const Guest *guest) {
  g_autofree char *text = content_of(guest->run, "tee.env");
  g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
  for (char **line = lines; *line; line++) {
    g_auto(GStrv) pair = g_strsplit(*line, "=", 2);
    g_setenv(pair[0], pair[1], TRUE);
  }
}

static TdxPlatform *guest_platform(const Guest *guest) {
  g_autoptr(GError) error = NULL;
  TdxPlatform *platform = tdx_platform_linux(&error);
  g_assert_no_error(error);
  g_free(platform->runtime_log_path);
  g_free(platform->runtime_lock_path);
  platform->runtime_log_path = g_build_filename(guest->run, "log/events", NULL);
  platform->runtime_lock_path = g_build_filename(guest->run, "log/lock", NULL);
  return platform;
}

static void emit(TdxPlatform *platform, const char *name, gsize len) {
  const guint8 payload[32] = {1};
  g_autoptr(GError) error = NULL;
  g_assert_true(tdx_emit_event(platform, name, payload, len, &error));
  g_assert_no_error(error);
}

static void verify(const Guest *guest, const TdxEvidence *evidence) {
  g_autofree char *anchors = g_build_filename(guest->run, "attestation", NULL);
  g_autofree char *root_pem = content_of(anchors, "root.pem"), *json = content_of(anchors, "collateral.json");
  g_autoptr(X509) root = cert_from_pem(root_pem, strlen(root_pem), NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(DcapCollateral) collateral = dcap_collateral_parse(json, strlen(json), &error);
  g_assert_no_error(error);
  g_autoptr(Quote) quote = quote_parse(evidence->quote, NULL);
  g_auto(DcapVerdict) verdict = {0};
  DcapOptions options = {.root = root, .now = time(NULL)};
  gboolean verified = dcap_verify(quote, collateral, &options, &verdict, &error);
  g_assert_no_error(error);
  g_assert_true(verified && verdict.external_root);
  g_assert_cmpstr(tcb_status_name(verdict.status), ==, "UpToDate");
  g_assert_cmpuint(verdict.advisory_ids->len, ==, 0);
  g_auto(DcapVerdict) vendor_verdict = {0};
  options.root = NULL; /* Intel's own root must not vouch for it */
  g_assert_false(dcap_verify(quote, collateral, &options, &vendor_verdict, NULL));
  g_autoptr(AppInfo) info = app_info_decode(quote, evidence->log, APP_INFO_RUNTIME, &error);
  g_assert_no_error(error);
}

static gboolean can_mount(void) {
  if (access("/dev/fuse", R_OK | W_OK) == 0 && geteuid() == 0 && access("/dev/tdx_guest", F_OK) != 0)
    return TRUE;
  g_test_skip("needs /dev/fuse, root, and no real tee");
  return FALSE;
}

static void test_guest_code(void) {
  if (!can_mount())
    return;
  Guest guest = {0};
  set_up(&guest);
  power_on(&guest);
  load_environment(&guest);
  g_autoptr(TdxPlatform) platform = guest_platform(&guest);
  emit(platform, "system-preparing", 0);
  emit(platform, "app-id", 20);
  emit(platform, "compose-hash", 32);
  g_autoptr(GError) error = NULL;
  const guint8 report_data[64] = {9};
  g_autoptr(TdxEvidence) evidence = tdx_get_evidence(platform, report_data, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(evidence->log->len, ==, 4);
  verify(&guest, evidence);
  /* The registers outlive the daemon, as the machine does. */
  power_off(&guest);
  g_assert_cmpint(access(g_getenv("DSTACK_CCEL_FILE"), F_OK), !=, 0);
  g_autofree char *anchors = g_build_filename(guest.run, "attestation", NULL);
  g_assert_cmpint(access(anchors, F_OK), !=, 0);
  g_autofree char *notify = g_build_filename(guest.directory, "notify", NULL);
  g_assert_cmpint(unlink(notify), ==, 0);
  power_on(&guest);
  emit(platform, "boot-mr-done", 0);
  g_autoptr(TdxEvidence) later = tdx_get_evidence(platform, report_data, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(later->log->len, ==, 5);
  power_off(&guest);
  tear_down(&guest);
}

/* The permissions of the kernel's files, also for root. */
static void test_permissions(void) {
  if (!can_mount())
    return;
  Guest guest = {0};
  set_up(&guest);
  power_on(&guest);
  const struct {
    const char *path;
    int flags;
  } refused[] = {
      {"measurements/rtmr0:sha384", O_WRONLY},           {"measurements/rtmr1:sha384", O_RDWR},
      {"tsm/report/com.intel.dcap/inblob", O_RDONLY},    {"tsm/report/com.intel.dcap/outblob", O_WRONLY},
      {"tsm/report/com.intel.dcap/generation", O_WRONLY}, {"ccel", O_WRONLY},
      {"nothing", O_RDONLY},                             {"new", O_WRONLY | O_CREAT},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
    g_autofree char *path = g_build_filename(guest.tee, refused[i].path, NULL);
    g_assert_cmpint(open(path, refused[i].flags | O_CLOEXEC, 0600), <, 0);
  }
  g_autofree char *inblob = g_build_filename(guest.tee, "tsm/report/com.intel.dcap/inblob", NULL);
  int fd = open(inblob, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint(write(fd, "short", 5), <, 0);
  (void)close(fd);
  /* A second daemon on the same place is refused and leaves the first one alone. */
  const char *const again[] = {program, "mount", "--config", guest.config, "--run", guest.run, NULL};
  g_auto(ProcessResult) result = {0};
  g_assert_true(process_run(&(ProcessSpec){.argv = again}, &result, NULL));
  g_assert_true(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 1);
  g_autofree char *environment = g_build_filename(guest.run, "tee.env", NULL);
  g_assert_cmpint(access(environment, F_OK), ==, 0);
  power_off(&guest);
  tear_down(&guest);
}

static void test_usage(void) {
  const char *const wrong[][4] = {{program, "init", NULL}, {program, "nonsense", NULL}, {program, "--nonsense", NULL},
                                  {program, "mount", "more", NULL}};
  for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_auto(ProcessResult) result = {0};
    g_assert_true(process_run(&(ProcessSpec){.argv = wrong[i]}, &result, NULL));
    g_assert_true(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 2);
  }
  const char *const help[] = {program, "--help", NULL};
  g_autofree char *output = NULL;
  g_assert_true(process_check(help, &output, NULL));
  g_assert_true(g_str_has_prefix(output, "usage:"));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_assert_cmpint(argc, ==, 2);
  program = argv[1];
  g_test_add_func("/guest/tee-simulator/guest-code", test_guest_code);
  g_test_add_func("/guest/tee-simulator/permissions", test_permissions);
  g_test_add_func("/guest/tee-simulator/usage", test_usage);
  return g_test_run();
}
