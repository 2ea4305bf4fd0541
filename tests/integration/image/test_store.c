/* The image store beside servers that are honest, broken, lying or gone, on disks that are full, and killed at work.
 * Whatever happens, images/<hash>/ is either not there or the right image. */
#include "double.h"
#include "image/store.h"
#include "tar.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 1500
#define MAX_ARCHIVE (1 << 20)
#define MAX_UNPACKED (4 << 20)

typedef struct {
  char *cache_dir;
  Double *server;
  guint8 hash[32];
  char *name; /* the hash in hex */
  GBytes *archive;
} World;

static const char metadata[] =
    "{\"bios\":\"ovmf.fd\",\"kernel\":\"bzImage\",\"initrd\":\"initrd\",\"cmdline\":\"console=ttyS0\"}";

static void add_sum(GString *sums, const TarMember *member) {
  guint8 digest[32];
  digest_sha256(member->content, member->len, digest);
  g_autofree char *hex = hex_encode(digest, sizeof digest);
  g_string_append_printf(sums, "%s  %s\n", hex, member->name);
}

/* An image's archive with `extra` beside what it needs; `hash` gets its identity. */
static GBytes *make_archive(const TarMember *extra, guint8 hash[32]) {
  g_autofree guint8 *noise = g_malloc(200000); /* does not compress */
  guint32 state = 1;
  for (guint i = 0; i < 200000; i++)
    noise[i] = (guint8)((state = state * 1664525 + 1013904223) >> 24);
  TarMember members[] = {{"./", '5', NULL, 0, NULL},
                         {"ovmf.fd", '0', "firmware", 8, NULL},
                         {"bzImage", '0', noise, 200000, NULL},
                         {"initrd", '0', "initrd", 6, NULL},
                         {"metadata.json", '0', metadata, strlen(metadata), NULL},
                         {"sha256sum.txt", '0', NULL, 0, NULL},
                         {"digest.txt", '0', "unlisted", 8, NULL},
                         {NULL}};
  g_autoptr(GString) sums = g_string_new(NULL);
  for (guint i = 1; i <= 4; i++)
    add_sum(sums, &members[i]);
  members[5].content = sums->str;
  members[5].len = sums->len;
  digest_sha256(sums->str, sums->len, hash);
  if (extra)
    members[7] = *extra;
  return tar_gz(members, extra ? 8 : 7);
}

static void world_init(World *world) {
  world->cache_dir = g_dir_make_tmp("dstack-images-XXXXXX", NULL);
  world->server = double_new();
  world->archive = make_archive(NULL, world->hash);
  world->name = hex_encode(world->hash, 32);
  double_serve(world->server, SERVE_GOOD, world->archive);
}

static void world_clear(World *world) {
  double_free(world->server);
  g_assert_true(file_remove_tree(world->cache_dir, NULL));
  g_free(world->cache_dir);
  g_free(world->name);
  g_bytes_unref(world->archive);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

static ImageStore *open_store(const World *world, const char *url) {
  const ImageStoreOptions options = {.cache_dir = world->cache_dir,
                                     .download_url = url,
                                     .download_timeout_ms = TIMEOUT_MS,
                                     .max_archive_bytes = MAX_ARCHIVE,
                                     .max_unpacked_bytes = MAX_UNPACKED};
  g_autoptr(GError) error = NULL;
  ImageStore *store = image_store_new(&options, &error);
  g_assert_no_error(error);
  return store;
}

static char *image_path(const World *world) { return g_build_filename(world->cache_dir, "images", world->name, NULL); }

static guint count_entries(const char *path) {
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  guint n = 0;
  while (dir && g_dir_read_name(dir))
    n++;
  return n;
}

static void assert_no_leftovers(const World *world) {
  g_autofree char *staging = g_build_filename(world->cache_dir, "images", "tmp", NULL);
  g_assert_cmpuint(count_entries(staging), ==, 0);
}

static void assert_good(const World *world, ImageStore *store) {
  g_autoptr(GError) error = NULL;
  g_autoptr(OsImage) image = image_store_open(store, world->hash, &error);
  g_assert_no_error(error);
  g_assert_cmpmem(image->os_image_hash, 32, world->hash, 32);
  g_assert_cmpuint(count_entries(image->dir), ==, 5); /* what the image lists, and the list */
  assert_no_leftovers(world);
}

static void assert_refused(const World *world, ImageStore *store, int code) {
  g_autoptr(GError) error = NULL;
  g_autofree char *path = image_path(world);
  g_assert_null(image_store_open(store, world->hash, &error));
  g_assert_error(error, DSTACK_ERROR, code);
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  assert_no_leftovers(world);
}

static void test_download(void) {
  g_auto(World) world = {0};
  world_init(&world);
  g_autoptr(ImageStore) store = open_store(&world, double_url(world.server));
  assert_good(&world, store);
  g_autofree char *asked = double_last_path(world.server), *expected = g_strdup_printf("/%s.tar.gz", world.name);
  g_assert_cmpstr(asked, ==, expected);
  assert_good(&world, store);
  g_assert_cmpuint(double_requests(world.server), ==, 1); /* then it is there */
  g_autoptr(ImageStore) offline = open_store(&world, NULL);
  assert_good(&world, offline);
}

static void test_offline(void) {
  g_auto(World) world = {0};
  world_init(&world);
  g_autoptr(ImageStore) store = open_store(&world, NULL);
  assert_refused(&world, store, DSTACK_ERROR_NOT_FOUND);
  g_assert_cmpuint(double_requests(world.server), ==, 0);
}

static void test_redirect(void) {
  g_auto(World) world = {0};
  world_init(&world);
  g_autoptr(ImageStore) store = open_store(&world, double_url(world.server));
  double_serve(world.server, SERVE_REDIRECT, world.archive);
  assert_good(&world, store);
}

static void test_bad_servers(void) {
  static const struct {
    ServeMode mode;
    int code;
  } cases[] = {{SERVE_404, DSTACK_ERROR_NOT_FOUND},     {SERVE_HANG, DSTACK_ERROR_TIMEOUT},
               {SERVE_TRICKLE, DSTACK_ERROR_TIMEOUT},   {SERVE_CUT, DSTACK_ERROR_UNAVAILABLE},
               {SERVE_ENDLESS, DSTACK_ERROR_TOO_LARGE}, {SERVE_ANNOUNCES, DSTACK_ERROR_TOO_LARGE},
               {SERVE_LOOP, DSTACK_ERROR_UNAVAILABLE},  {SERVE_FILE_URL, DSTACK_ERROR_UNAVAILABLE}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_auto(World) world = {0};
    world_init(&world);
    double_serve(world.server, cases[i].mode, world.archive);
    g_autoptr(ImageStore) store = open_store(&world, double_url(world.server));
    gint64 start = g_get_monotonic_time();
    assert_refused(&world, store, cases[i].code);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 20 * G_USEC_PER_SEC);
    /* Asked again at once, it does not ask the server again. */
    guint requests = double_requests(world.server);
    assert_refused(&world, store, cases[i].code);
    g_assert_cmpuint(double_requests(world.server), ==, requests);
  }
}

static void test_nobody_there(void) {
  g_auto(World) world = {0};
  world_init(&world);
  g_autoptr(ImageStore) store = open_store(&world, "http://127.0.0.1:1/{OS_IMAGE_HASH}");
  assert_refused(&world, store, DSTACK_ERROR_UNAVAILABLE);
}

static void refuse_archive(GBytes *archive, const guint8 *hash, int code) {
  g_auto(World) world = {0};
  world_init(&world);
  if (hash) {
    memcpy(world.hash, hash, 32);
    g_free(world.name);
    world.name = hex_encode(world.hash, 32);
  }
  double_serve(world.server, SERVE_GOOD, archive);
  g_autoptr(ImageStore) store = open_store(&world, double_url(world.server));
  assert_refused(&world, store, code);
}

static void test_lies(void) {
  guint8 hash[32], other[32] = {7};
  const TarMember link = {"link", '2', NULL, 0, NULL}, path = {"../../../escaped", '0', "x", 1, NULL};
  g_autoptr(GBytes) good = make_archive(NULL, hash), with_link = make_archive(&link, hash),
                    with_path = make_archive(&path, hash), text = g_bytes_new_static("not an archive", 14);
  refuse_archive(good, other, DSTACK_ERROR_UNVERIFIED); /* another image than asked for */
  refuse_archive(with_link, hash, DSTACK_ERROR_INVALID);
  refuse_archive(with_path, hash, DSTACK_ERROR_INVALID);
  refuse_archive(text, NULL, DSTACK_ERROR_INVALID);
  const TarMember only[] = {{"metadata.json", '0', metadata, strlen(metadata), NULL}};
  g_autoptr(GBytes) no_sums = tar_gz(only, 1);
  refuse_archive(no_sums, NULL, DSTACK_ERROR_NOT_FOUND);
}

/* The list is right, but a file it lists is another. */
static void test_changed_file(void) {
  guint8 hash[32];
  g_autoptr(GBytes) good = make_archive(NULL, hash);
  const char sums_of_other[] = "0000000000000000000000000000000000000000000000000000000000000000  metadata.json\n"
                               "0000000000000000000000000000000000000000000000000000000000000000  k\n"
                               "0000000000000000000000000000000000000000000000000000000000000000  i\n";
  const char small[] = "{\"kernel\":\"k\",\"initrd\":\"i\"}";
  const TarMember members[] = {{"metadata.json", '0', small, strlen(small), NULL},
                               {"k", '0', "k", 1, NULL},
                               {"i", '0', "i", 1, NULL},
                               {"sha256sum.txt", '0', sums_of_other, strlen(sums_of_other), NULL}};
  digest_sha256(sums_of_other, strlen(sums_of_other), hash);
  g_autoptr(GBytes) archive = tar_gz(members, G_N_ELEMENTS(members));
  refuse_archive(archive, hash, DSTACK_ERROR_UNVERIFIED);
}

static void test_bomb(void) {
  guint8 hash[32];
  g_autofree guint8 *zeros = g_malloc0(32 << 20);
  const TarMember bomb = {"rootfs.img", '0', zeros, 32 << 20, NULL};
  g_autoptr(GBytes) archive = make_archive(&bomb, hash);
  g_assert_cmpuint(g_bytes_get_size(archive), <, MAX_ARCHIVE);
  refuse_archive(archive, hash, DSTACK_ERROR_TOO_LARGE);
}

/* A header, and then a gibibyte of zeros in a megabyte of gzip members. */
static GBytes *slow_archive(void) {
  const TarMember member = {"large", '0', NULL, 0, "10000000000"};
  g_autoptr(GByteArray) tar = tar_build(&member, 1), out = g_byte_array_new();
  const gsize piece = 1 << 20;
  g_autofree guint8 *zeros = g_malloc0(piece);
  g_autoptr(GBytes) header = gzip_bytes(tar->data, 512), filling = gzip_bytes(zeros, piece);
  g_byte_array_append(out, g_bytes_get_data(header, NULL), (guint)g_bytes_get_size(header));
  for (guint i = 0; i < 1024; i++)
    g_byte_array_append(out, g_bytes_get_data(filling, NULL), (guint)g_bytes_get_size(filling));
  return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

/* The time is that of the whole operation: an archive that came quickly must also be unpacked by then. */
static void test_slow_to_unpack(void) {
  g_autoptr(GBytes) archive = slow_archive();
  gboolean while_unpacking = FALSE;
  for (guint timeout_ms = 100; !while_unpacking && timeout_ms <= 800; timeout_ms *= 2) { /* on a busy machine, too */
    g_auto(World) world = {0};
    world_init(&world);
    double_serve(world.server, SERVE_GOOD, archive);
    const ImageStoreOptions options = {
        .cache_dir = world.cache_dir, .download_url = double_url(world.server), .download_timeout_ms = timeout_ms};
    g_autoptr(GError) error = NULL;
    g_autoptr(ImageStore) store = image_store_new(&options, &error);
    g_assert_no_error(error);
    g_assert_null(image_store_open(store, world.hash, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT);
    while_unpacking = strstr(error->message, "unpacking takes too long") != NULL;
    assert_no_leftovers(&world);
  }
  g_assert_true(while_unpacking);
}

static void test_damaged_cache(void) {
  g_auto(World) world = {0};
  world_init(&world);
  g_autoptr(ImageStore) store = open_store(&world, double_url(world.server)), offline = open_store(&world, NULL);
  assert_good(&world, store);
  g_autofree char *path = image_path(&world), *kernel = g_build_filename(path, "bzImage", NULL);
  g_assert_true(g_file_set_contents(kernel, "other", -1, NULL));
  g_autoptr(GError) error = NULL;
  g_assert_null(image_store_open(offline, world.hash, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  assert_good(&world, store); /* put right by a new download */
  g_assert_cmpuint(double_requests(world.server), ==, 2);
  g_autofree char *sums = g_build_filename(path, "sha256sum.txt", NULL);
  g_assert_cmpint(unlink(sums), ==, 0); /* as older caches leave it */
  assert_good(&world, store);
}

static gpointer open_in_thread(gpointer data) {
  gpointer *both = data;
  const World *world = both[1];
  return image_store_open(both[0], world->hash, NULL);
}

static void test_one_download_for_many(void) {
  g_auto(World) world = {0};
  world_init(&world);
  g_autoptr(ImageStore) store = open_store(&world, double_url(world.server));
  gpointer both[] = {store, &world};
  GThread *threads[8];
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
    threads[i] = g_thread_new("asks", open_in_thread, both);
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
    g_autoptr(OsImage) image = g_thread_join(threads[i]);
    g_assert_nonnull(image);
  }
  g_assert_cmpuint(double_requests(world.server), ==, 1);
}

static gpointer ask_other(gpointer data) {
  gpointer *both = data;
  guint8 hash[32] = {0};
  hash[0] = (guint8)GPOINTER_TO_UINT(both[1]);
  g_autoptr(GError) error = NULL;
  g_assert_null(image_store_open(both[0], hash, &error));
  return GINT_TO_POINTER(error->code);
}

/* Hashes are anybody's claim: those of images that no server has must not keep everybody busy. */
static void test_few_downloads_at_once(void) {
  g_auto(World) world = {0};
  world_init(&world);
  double_serve(world.server, SERVE_HANG, NULL);
  g_autoptr(ImageStore) store = open_store(&world, double_url(world.server));
  gpointer claims[6][2];
  GThread *threads[6];
  guint timeouts = 0, refused = 0;
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
    claims[i][0] = store, claims[i][1] = GUINT_TO_POINTER(i + 1);
    threads[i] = g_thread_new("claims", ask_other, claims[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
    int code = GPOINTER_TO_INT(g_thread_join(threads[i]));
    timeouts += code == DSTACK_ERROR_TIMEOUT;
    refused += code == DSTACK_ERROR_UNAVAILABLE;
  }
  g_assert_cmpuint(timeouts, ==, 2);
  g_assert_cmpuint(refused, ==, 4);
}

/* A child downloads and is killed at every place it can be: the cache is empty or right afterwards, and the next one
 * puts everything in order. */
static void test_killed(void) {
  for (guint round = 0; round < 40; round++) {
    g_auto(World) world = {0};
    world_init(&world);
    pid_t child = fork();
    if (child == 0) {
      ImageStore *store = open_store(&world, double_url(world.server));
      OsImage *image = image_store_open(store, world.hash, NULL);
      _exit(image ? 0 : 1);
    }
    g_usleep(round * 400);
    kill(child, SIGKILL);
    g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
    g_autoptr(ImageStore) offline = open_store(&world, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(OsImage) image = image_store_open(offline, world.hash, &error);
    g_assert_true(image || g_error_matches(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND));
    g_autoptr(ImageStore) store = open_store(&world, double_url(world.server));
    g_autoptr(OsImage) again = image_store_open(store, world.hash, NULL);
    g_assert_nonnull(again);
  }
}

/* What is left of a download whose process is gone is removed; one under way is not. */
static void test_sweep(void) {
  g_auto(World) world = {0};
  world_init(&world);
  g_autofree char *staging = g_build_filename(world.cache_dir, "images", "tmp", NULL);
  g_autofree char *dead = g_build_filename(staging, "tmp-download-AAAAAA", NULL);
  g_autofree char *archive = g_build_filename(dead, "image.tar.gz", NULL);
  g_autofree char *fresh = g_build_filename(staging, "tmp-download-BBBBBB", NULL);
  g_assert_true(file_make_dirs(dead, 0755, NULL) && file_make_dirs(fresh, 0755, NULL));
  g_assert_true(g_file_set_contents(archive, "half", 4, NULL));
  int fd = open(archive, O_RDWR | O_CLOEXEC);
  const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  g_assert_cmpint(fcntl(fd, F_OFD_SETLK, &whole), ==, 0);
  g_autoptr(ImageStore) first = open_store(&world, NULL);
  g_assert_true(g_file_test(dead, G_FILE_TEST_IS_DIR)); /* its owner lives */
  close(fd);
  g_autoptr(ImageStore) second = open_store(&world, NULL);
  g_assert_false(g_file_test(dead, G_FILE_TEST_EXISTS));
  g_assert_true(g_file_test(fresh, G_FILE_TEST_IS_DIR)); /* perhaps just being made */
}

static void test_full_disk(void) {
  g_auto(World) world = {0};
  world_init(&world);
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("tmpfs", world.cache_dir, "tmpfs", 0, "size=320k,mode=0755") != 0) {
    g_test_skip("no right to mount");
    return;
  }
  g_autoptr(ImageStore) store = open_store(&world, double_url(world.server));
  assert_refused(&world, store, DSTACK_ERROR_IO);
  g_assert_cmpint(mount("tmpfs", world.cache_dir, "tmpfs", MS_REMOUNT, "size=4m"), ==, 0);
  g_autoptr(ImageStore) roomy = open_store(&world, double_url(world.server));
  assert_good(&world, roomy);
  g_assert_true(image_store_clear(roomy, "all", "all", NULL));
  g_assert_cmpint(umount(world.cache_dir), ==, 0);
}

static void test_clear(void) {
  g_auto(World) world = {0};
  world_init(&world);
  g_autoptr(ImageStore) store = open_store(&world, double_url(world.server));
  g_autofree char *path = image_path(&world), *measurements = g_build_filename(world.cache_dir, "measurements", NULL);
  g_autofree char *file = g_strconcat(world.name, ".json", NULL), *entry = g_build_filename(measurements, file, NULL);
  assert_good(&world, store);
  g_assert_true(file_make_dirs(measurements, 0755, NULL) && g_file_set_contents(entry, "{}", 2, NULL));
  static const char *const bad[] = {"..", "../images", "tmp", "00", "*", "ALL"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_assert_false(image_store_clear(store, bad[i], NULL, NULL));
    g_assert_false(image_store_clear(store, NULL, bad[i], NULL));
  }
  g_assert_true(image_store_clear(store, "", "", NULL));
  g_assert_true(g_file_test(path, G_FILE_TEST_IS_DIR) && g_file_test(entry, G_FILE_TEST_EXISTS));
  g_assert_true(image_store_clear(store, world.name, NULL, NULL));
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  g_assert_true(image_store_clear(store, NULL, world.name, NULL));
  g_assert_false(g_file_test(entry, G_FILE_TEST_EXISTS));
  assert_good(&world, store);
  g_assert_true(image_store_clear(store, "all", "all", NULL));
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/store/download", test_download);
  g_test_add_func("/image/store/offline", test_offline);
  g_test_add_func("/image/store/redirect", test_redirect);
  g_test_add_func("/image/store/bad-servers", test_bad_servers);
  g_test_add_func("/image/store/nobody-there", test_nobody_there);
  g_test_add_func("/image/store/lies", test_lies);
  g_test_add_func("/image/store/changed-file", test_changed_file);
  g_test_add_func("/image/store/bomb", test_bomb);
  g_test_add_func("/image/store/slow-to-unpack", test_slow_to_unpack);
  g_test_add_func("/image/store/damaged-cache", test_damaged_cache);
  g_test_add_func("/image/store/one-download-for-many", test_one_download_for_many);
  g_test_add_func("/image/store/few-downloads-at-once", test_few_downloads_at_once);
  g_test_add_func("/image/store/sweep", test_sweep);
  g_test_add_func("/image/store/clear", test_clear);
  g_test_add_func("/image/store/killed", test_killed);
  g_test_add_func("/image/store/full-disk", test_full_disk);
  return g_test_run();
}
