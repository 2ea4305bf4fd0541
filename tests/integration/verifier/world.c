#include "world.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/process.h"
#include "crypto/digest.h"
#include "measure/measure.h"
#include "tar.h"

#include <string.h>
#include <sys/wait.h>

#define FIRMWARE_SIZE 16384
#define KERNEL_SIZE 8192
#define PAGE 4096
#define MAX_ARGUMENTS 16

char *world_path(const World *world, const char *name) { return g_build_filename(world->dir, name, NULL); }

char *world_write(const World *world, const char *name, const void *data, gssize len) {
  char *path = world_path(world, name);
  g_assert_true(g_file_set_contents(path, data, len, NULL));
  return path;
}

static void put(guint8 *at, const char *hex) {
  g_autoptr(GBytes) bytes = hex_decode(hex, strlen(hex), NULL);
  memcpy(at, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

/* One page of variables and one of code, and the metadata that says so where TDX firmware has it. */
static GBytes *make_firmware(void) {
  guint8 *file = g_malloc(FIRMWARE_SIZE), *end = file + FIRMWARE_SIZE;
  for (gsize i = 0; i < FIRMWARE_SIZE; i++)
    file[i] = (guint8)(i * 13);
  put(end - 1024, "54445646"
                  "50000000"
                  "01000000"
                  "02000000"
                  "00100000"
                  "00100000"
                  "00f0ffff00000000"
                  "0010000000000000"
                  "00000000"
                  "01000000"
                  "00000000"
                  "00100000"
                  "00e0ffff00000000"
                  "0010000000000000"
                  "01000000"
                  "00000000");
  put(end - 72, "00040000"
                "1600"
                "35657ae44a989847865e4685a7bf8ec2"
                "2800"
                "de82b596b21ff745baeaa366c55a082d");
  return g_bytes_new_take(file, FIRMWARE_SIZE);
}

/* What a bzImage with an EFI stub shows a loader: a PE header without sections and the boot protocol's header. */
static GBytes *make_kernel(void) {
  guint8 *file = g_malloc0(KERNEL_SIZE);
  for (gsize i = 1024; i < KERNEL_SIZE; i++)
    file[i] = (guint8)(i * 5);
  put(file + 0x3c, "40000000");
  put(file + 0x40, "504500006486"
                   "0000");
  put(file + 0x40 + 20, "f000");
  put(file + 0x40 + 24, "0b02");
  put(file + 0x40 + 24 + 60, "00040000");
  put(file + 0x202, "48647253"
                    "0f02");
  file[0x211] = 1;
  return g_bytes_new_take(file, KERNEL_SIZE);
}

static void add_file(const char *dir, const char *name, GBytes *content, GString *sums) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  gsize len;
  const void *data = g_bytes_get_data(content, &len);
  guint8 digest[SHA256_SIZE];
  digest_sha256(data, len, digest);
  g_autofree char *hex = hex_encode(digest, sizeof digest);
  g_string_append_printf(sums, "%s  %s\n", hex, name);
  g_assert_true(g_file_set_contents(path, data, (gssize)len, NULL));
}

static GBytes *text_bytes(const char *text) { return g_bytes_new_static(text, strlen(text)); }

static void make_image(World *world) {
  static const char metadata[] = "{\"bios\":\"ovmf.fd\",\"kernel\":\"bzImage\",\"initrd\":\"initramfs.cpio.gz\","
                                 "\"cmdline\":\"console=ttyS0\",\"version\":\"9.9.9\",\"is_dev\":true}";
  g_autofree char *making = world_path(world, "image");
  g_assert_true(file_make_dirs(making, 0755, NULL));
  g_autoptr(GString) sums = g_string_new(NULL);
  g_autoptr(GBytes) firmware = make_firmware();
  g_autoptr(GBytes) kernel = make_kernel();
  g_autoptr(GBytes) initrd = text_bytes("an initrd");
  g_autoptr(GBytes) description = text_bytes(metadata);
  add_file(making, "ovmf.fd", firmware, sums);
  add_file(making, "bzImage", kernel, sums);
  add_file(making, "initramfs.cpio.gz", initrd, sums);
  add_file(making, "metadata.json", description, sums);
  g_autofree char *sums_path = g_build_filename(making, "sha256sum.txt", NULL);
  g_assert_true(g_file_set_contents(sums_path, sums->str, -1, NULL));
  guint8 digest[SHA256_SIZE];
  digest_sha256(sums->str, sums->len, digest);
  world->image_hash = hex_encode(digest, sizeof digest);
  g_autofree char *images = g_build_filename(world->cache_dir, "images", NULL);
  g_assert_true(file_make_dirs(images, 0755, NULL));
  world->image_dir = g_build_filename(images, world->image_hash, NULL);
  g_assert_cmpint(rename(making, world->image_dir), ==, 0);
}

char *world_vm_config(const World *world, guint cpus, const char *image_hash) {
  return g_strdup_printf("{\"spec_version\":1,\"os_image_hash\":\"%s\",\"cpu_count\":%u,\"memory_size\":2147483648}",
                         image_hash ? image_hash : world->image_hash, cpus);
}

static void emit(TdxPlatform *platform, const char *name, const char *payload, gsize len) {
  g_autoptr(GError) error = NULL;
  tdx_emit_event(platform, name, payload, len, &error);
  g_assert_no_error(error);
}

static void boot(World *world, SimulatedPki *pki) {
  g_autoptr(GError) error = NULL;
  g_autoptr(OsImage) image = os_image_open(world->image_dir, TRUE, &error);
  g_assert_no_error(error);
  MeasureVm vm;
  g_autoptr(GBytes) storage = NULL;
  gboolean has_hash;
  g_assert_true(measure_vm_parse(world->vm_config, &vm, NULL, &has_hash, &storage, NULL));
  g_auto(Measurements) measurements = {0};
  measure_image(image, &vm, &measurements, &error);
  g_assert_no_error(error);
  g_autofree char *state = world_path(world, "tee");
  g_assert_true(file_make_dirs(state, 0700, NULL));
  const guint8 mr_config_id[48] = {0};
  g_autoptr(TdxPlatform) platform =
      tdx_platform_simulated(pki, measurements.mrtd, mr_config_id, measurements.boot_log, state, &error);
  g_assert_no_error(error);
  static const char provider[] = "{\"name\":\"none\",\"id\":\"\"}";
  emit(platform, "system-preparing", "", 0);
  emit(platform, "app-id", "aaaaaaaaaaaaaaaaaaaa", 20);
  emit(platform, "compose-hash", "cccccccccccccccccccccccccccccccc", 32);
  emit(platform, "instance-id", "iiiiiiiiiiiiiiiiiiii", 20);
  emit(platform, "boot-mr-done", "", 0);
  emit(platform, "key-provider", provider, strlen(provider));
  emit(platform, "system-ready", "", 0);
  const guint8 report_data[TDX_REPORT_DATA_SIZE] = {1, 2, 3, 4};
  g_autoptr(TdxEvidence) evidence = tdx_get_evidence(platform, report_data, &error);
  g_assert_no_error(error);
  world->quote = g_bytes_ref(evidence->quote);
  world->event_log = tdx_event_log_print(evidence->log);
}

World *world_new(void) {
  World *world = g_new0(World, 1);
  world->dir = g_dir_make_tmp("dstack-verifier-XXXXXX", NULL);
  world->cache_dir = world_path(world, "cache");
  world->server = double_new();
  double_serve(world->server, SERVE_404, NULL);
  make_image(world);
  world->vm_config = world_vm_config(world, 2, NULL);
  g_autoptr(Secret) seed = secret_new_random(32);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(seed, NULL);
  g_autofree char *root = simulated_pki_root_pem(pki);
  g_autofree char *collateral = simulated_pki_collateral(pki, g_get_real_time() / G_USEC_PER_SEC, NULL);
  world->root_path = world_write(world, "root.pem", root, -1);
  world->collateral_path = world_write(world, "collateral.json", collateral, -1);
  boot(world, pki);
  return world;
}

void world_free(World *world) {
  double_free(world->server);
  g_assert_true(file_remove_tree(world->dir, NULL));
  char *texts[] = {world->dir,       world->root_path,  world->collateral_path, world->cache_dir,
                   world->image_dir, world->image_hash, world->vm_config,       world->event_log};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
  g_bytes_unref(world->quote);
  g_free(world);
}

GBytes *world_archive(const World *world) {
  static const char *const names[] = {"ovmf.fd", "bzImage", "initramfs.cpio.gz", "metadata.json", "sha256sum.txt"};
  TarMember members[G_N_ELEMENTS(names)];
  g_autoptr(GPtrArray) contents = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(world->image_dir, names[i], NULL);
    char *content;
    gsize len;
    g_assert_true(g_file_get_contents(path, &content, &len, NULL));
    g_ptr_array_add(contents, content);
    members[i] = (TarMember){names[i], '0', content, len, NULL};
  }
  return tar_gz(members, G_N_ELEMENTS(names));
}

json_t *world_request(const World *world) {
  g_autofree char *quote = hex_encode_bytes(world->quote);
  return json_pack("{s:s,s:s,s:s}", "quote", quote, "event_log", world->event_log, "vm_config", world->vm_config);
}

int run_verifier(const char *const *arguments, char **output, char **errors) {
  const char *argv[MAX_ARGUMENTS] = {g_getenv("VERIFIER_PROGRAM")};
  for (gsize i = 0; arguments[i]; i++) {
    g_assert_cmpuint(i + 2, <, MAX_ARGUMENTS);
    argv[i + 1] = arguments[i];
  }
  g_auto(ProcessResult) result = {0};
  g_autoptr(GError) error = NULL;
  process_run(&(ProcessSpec){.argv = argv}, &result, &error);
  g_assert_no_error(error);
  g_assert_true(WIFEXITED(result.status));
  if (output)
    *output = g_steal_pointer(&result.output);
  if (errors)
    *errors = g_steal_pointer(&result.errors);
  return WEXITSTATUS(result.status);
}
