/* Unpacking archives: what is taken, and the many ways in which one is refused. */
#include "image/archive.h"
#include "tar.h"

#include "base/error.h"
#include "base/file.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const ArchiveLimits limits = {.max_bytes = 1 << 20, .max_members = 8};

static gboolean unpack_within(GBytes *archive, const char *dir, const ArchiveLimits *bounds, GError **error) {
  gsize len;
  const void *data = g_bytes_get_data(archive, &len);
  int fd = memfd_create("archive", MFD_CLOEXEC), dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint(write(fd, data, len), ==, (gssize)len);
  gboolean done = archive_unpack(fd, dir_fd, bounds, error);
  close(fd);
  close(dir_fd);
  return done;
}

static gboolean unpack(GBytes *archive, const char *dir, GError **error) {
  return unpack_within(archive, dir, &limits, error);
}

static void assert_file(const char *dir, const char *name, const char *expected, gsize len) {
  g_autofree char *path = g_build_filename(dir, name, NULL), *content = NULL;
  gsize actual;
  g_assert_true(g_file_get_contents(path, &content, &actual, NULL));
  g_assert_cmpmem(content, actual, expected, len);
}

static void assert_unpacks(GBytes *archive) {
  g_autofree char *dir = g_dir_make_tmp("dstack-archive-XXXXXX", NULL);
  g_autoptr(GError) error = NULL;
  unpack(archive, dir, &error);
  g_assert_no_error(error);
  assert_file(dir, "a", "hello", 5);
  assert_file(dir, "empty", "", 0);
  g_assert_true(file_remove_tree(dir, NULL));
}

static const TarMember plain[] = {
    {"./", '5', NULL, 0, NULL}, {"./a", '0', "hello", 5, NULL}, {"empty", '\0', NULL, 0, NULL}};

static void test_plain(void) {
  g_autoptr(GBytes) archive = tar_gz(plain, G_N_ELEMENTS(plain));
  assert_unpacks(archive);
}

static void test_several_gzip_members(void) {
  g_autoptr(GByteArray) tar = tar_build(plain, G_N_ELEMENTS(plain)), both = g_byte_array_new();
  g_autoptr(GBytes) first = gzip_bytes(tar->data, 700), second = gzip_bytes(tar->data + 700, tar->len - 700);
  g_byte_array_append(both, g_bytes_get_data(first, NULL), (guint)g_bytes_get_size(first));
  g_byte_array_append(both, g_bytes_get_data(second, NULL), (guint)g_bytes_get_size(second));
  g_autoptr(GBytes) archive = g_byte_array_free_to_bytes(g_steal_pointer(&both));
  assert_unpacks(archive);
}

static void test_extended_headers(void) {
  static const char times[] = "30 mtime=1700000000.123456789\n";
  const TarMember members[] = {
      {"pax", 'x', times, strlen(times), NULL}, {"a", '0', "hello", 5, NULL}, {"empty", '0', NULL, 0, NULL}};
  g_autoptr(GBytes) archive = tar_gz(members, G_N_ELEMENTS(members));
  assert_unpacks(archive);
}

/* Whatever it is, it must not be taken, and nothing may appear outside of the directory. */
static void assert_refused(GBytes *archive, int code) {
  g_autofree char *outer = g_dir_make_tmp("dstack-archive-XXXXXX", NULL);
  g_autofree char *dir = g_build_filename(outer, "in", NULL);
  g_assert_true(file_make_dirs(dir, 0755, NULL));
  g_autoptr(GError) error = NULL;
  g_assert_false(unpack(archive, dir, &error));
  g_assert_error(error, DSTACK_ERROR, code);
  g_autoptr(GDir) listing = g_dir_open(outer, 0, NULL);
  g_assert_cmpstr(g_dir_read_name(listing), ==, "in");
  g_assert_null(g_dir_read_name(listing));
  g_assert_true(file_remove_tree(outer, NULL));
}

static void refuse_member(const TarMember *member, int code) {
  g_autoptr(GBytes) archive = tar_gz(member, 1);
  assert_refused(archive, code);
}

static void test_hostile_members(void) {
  static const char *const names[] = {"../a",   "/a",    "/etc/passwd", "b/a", "..",  ".",    "",
                                      "./../a", "././a", ".hidden",     "a b", "a\n", "-\xff"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    refuse_member(&(TarMember){names[i], '0', "hello", 5, NULL}, DSTACK_ERROR_INVALID);
  static const char types[] = "123467LKSVXZ\x01"; /* links, devices, fifos, long names, sparse files */
  for (const char *type = types; *type; type++)
    refuse_member(&(TarMember){"a", *type, NULL, 0, NULL}, DSTACK_ERROR_INVALID);
  refuse_member(&(TarMember){"d", '5', "hello", 5, NULL}, DSTACK_ERROR_INVALID);
}

static void test_hostile_sizes(void) {
  refuse_member(&(TarMember){"a", '0', "hello", 5, "77777777777"}, DSTACK_ERROR_TOO_LARGE); /* 8 GiB */
  refuse_member(&(TarMember){"a", '0', "hello", 5, "00004000001"}, DSTACK_ERROR_TOO_LARGE); /* one over the limit */
  refuse_member(&(TarMember){"a", '0', "hello", 5, "00000010000"}, DSTACK_ERROR_INVALID);   /* more than is there */
  refuse_member(&(TarMember){"a", '0', "hello", 5, "\x80\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"},
                DSTACK_ERROR_INVALID);
  refuse_member(&(TarMember){"a", '0', "hello", 5, "-0000000005"}, DSTACK_ERROR_INVALID);
  refuse_member(&(TarMember){"a", '0', "hello", 5, "0000000000x"}, DSTACK_ERROR_INVALID);
  refuse_member(&(TarMember){"a", '0', "hello", 5, "           "}, DSTACK_ERROR_INVALID);
  refuse_member(&(TarMember){"p", 'x', "hello", 5, "00000100000"}, DSTACK_ERROR_TOO_LARGE);
}

static void test_hostile_extended_headers(void) {
  static const char *const records[] = {"13 path=../a\n", "13 size=9999\n", "18 linkpath=/etc\n",
                                        "20 GNU.sparse.x=1\n"};
  for (guint i = 0; i < G_N_ELEMENTS(records); i++) {
    const TarMember members[] = {{"pax", 'x', records[i], strlen(records[i]), NULL}, {"a", '0', "hello", 5, NULL}};
    g_autoptr(GBytes) archive = tar_gz(members, 2);
    assert_refused(archive, DSTACK_ERROR_INVALID);
  }
}

static void test_twice_and_too_many(void) {
  const TarMember twice[] = {{"a", '0', "hello", 5, NULL}, {"./a", '0', "other", 5, NULL}};
  g_autoptr(GBytes) same = tar_gz(twice, 2);
  assert_refused(same, DSTACK_ERROR_INVALID);
  TarMember many[9];
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < G_N_ELEMENTS(many); i++) {
    g_ptr_array_add(names, g_strdup_printf("f%u", i));
    many[i] = (TarMember){names->pdata[i], '0', NULL, 0, NULL};
  }
  g_autoptr(GBytes) crowd = tar_gz(many, G_N_ELEMENTS(many));
  assert_refused(crowd, DSTACK_ERROR_TOO_LARGE);
}

/* Small as a file, large when unpacked. */
static void test_bomb(void) {
  const gsize size = 8 << 20;
  g_autofree guint8 *zeros = g_malloc0(size);
  refuse_member(&(TarMember){"a", '0', zeros, size, NULL}, DSTACK_ERROR_TOO_LARGE);
}

static void assert_in_time(GBytes *archive, gint64 allowed_us, gboolean good, const char *dir) {
  const ArchiveLimits bounds = {
      .max_bytes = 1 << 30, .max_members = 8, .deadline = g_get_monotonic_time() + allowed_us};
  g_autoptr(GError) error = NULL;
  g_assert_cmpint(unpack_within(archive, dir, &bounds, &error), ==, good);
  g_assert_cmpstr(error ? error->message : NULL, ==, good ? NULL : "archive: unpacking takes too long");
  g_assert_true(good || g_error_matches(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT));
}

/* It ends soon after its deadline: between members that have no content, and inside a large one. */
static void test_deadline(void) {
  const gsize size = 64 << 20;
  g_autofree guint8 *zeros = g_malloc0(size);
  const TarMember empty = {"a", '0', NULL, 0, NULL}, large = {"b", '0', zeros, size, NULL};
  g_autoptr(GBytes) short_one = tar_gz(&empty, 1), long_one = tar_gz(&large, 1);
  g_autofree char *dir = g_dir_make_tmp("dstack-archive-XXXXXX", NULL), *path = g_build_filename(dir, "b", NULL);
  assert_in_time(short_one, -1, FALSE, dir);
  assert_in_time(short_one, 60 * G_USEC_PER_SEC, TRUE, dir);
  assert_in_time(long_one, 5000, FALSE, dir);
  GStatBuf status;
  if (g_stat(path, &status) == 0)
    g_assert_cmpint(status.st_size, <, size);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_damage(void) {
  g_autoptr(GBytes) archive = tar_gz(plain, G_N_ELEMENTS(plain));
  gsize len;
  const guint8 *data = g_bytes_get_data(archive, &len);
  for (gsize keep = 0; keep < len - 24; keep += 5) { /* the rest is the end of the archive, which may be short */
    g_autoptr(GBytes) cut = g_bytes_new(data, keep);
    g_autofree char *dir = g_dir_make_tmp("dstack-archive-XXXXXX", NULL);
    (void)unpack(cut, dir, NULL); /* must come back */
    g_assert_true(file_remove_tree(dir, NULL));
  }
  g_autoptr(GBytes) none = g_bytes_new(data, 0), text = g_bytes_new_static("<html>not found</html>", 22);
  assert_refused(none, DSTACK_ERROR_INVALID);
  assert_refused(text, DSTACK_ERROR_INVALID);
}

static void test_header_damage(void) {
  g_autoptr(GByteArray) tar = tar_build(plain + 1, 1);
  for (guint at = 0; at < 512; at += 3) {
    if (at >= 148 && at < 156)
      continue;            /* the checksum itself, where a blank is as good as a zero */
    tar->data[at] ^= 0x10; /* which catches all else */
    g_autoptr(GBytes) archive = gzip_bytes(tar->data, tar->len);
    assert_refused(archive, DSTACK_ERROR_INVALID);
    tar->data[at] ^= 0x10;
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/archive/plain", test_plain);
  g_test_add_func("/image/archive/several-gzip-members", test_several_gzip_members);
  g_test_add_func("/image/archive/extended-headers", test_extended_headers);
  g_test_add_func("/image/archive/hostile-members", test_hostile_members);
  g_test_add_func("/image/archive/hostile-sizes", test_hostile_sizes);
  g_test_add_func("/image/archive/hostile-extended-headers", test_hostile_extended_headers);
  g_test_add_func("/image/archive/twice-and-too-many", test_twice_and_too_many);
  g_test_add_func("/image/archive/bomb", test_bomb);
  g_test_add_func("/image/archive/deadline", test_deadline);
  g_test_add_func("/image/archive/damage", test_damage);
  g_test_add_func("/image/archive/header-damage", test_header_damage);
  return g_test_run();
}
