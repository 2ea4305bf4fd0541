/* Tests of the data disk's header: a real one is made by libcryptsetup, then every way of tampering is refused. */
#include "base/error.h"
#include "base/secret.h"
#include "crypto/digest.h"
#include "luks.h"
#include "luks_header.h"
#include "luks_metadata.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define DISK_SIZE (32 * 1024 * 1024)
#define HDR_SIZE 16384
#define JSON_OFFSET 4096
#define CHECKSUM_OFFSET 448

static char *disk_path;
static Secret *disk_key;
static guint8 *good; /* the header area of a formatted disk */

static void make_disk(void) {
  int fd = g_file_open_tmp("dstack-disk-XXXXXX", &disk_path, NULL);
  g_assert_cmpint(ftruncate(fd, DISK_SIZE), ==, 0);
  g_assert_cmpint(close(fd), ==, 0);
  disk_key = secret_new_random(32);
}

static guint8 *read_disk(void) {
  guint8 *area = g_malloc(LUKS_PAYLOAD_OFFSET);
  int fd = g_open(disk_path, O_RDONLY, 0);
  g_assert_cmpint(pread(fd, area, LUKS_PAYLOAD_OFFSET, 0), ==, LUKS_PAYLOAD_OFFSET);
  g_assert_cmpint(close(fd), ==, 0);
  return area;
}

static void write_disk(const guint8 *area) {
  int fd = g_open(disk_path, O_WRONLY, 0);
  g_assert_cmpint(pwrite(fd, area, LUKS_PAYLOAD_OFFSET, 0), ==, LUKS_PAYLOAD_OFFSET);
  g_assert_cmpint(close(fd), ==, 0);
}

static void test_format_and_open(void) {
  g_autoptr(GError) error = NULL;
  gboolean present = TRUE;
  g_assert_true(luks_probe(disk_path, &present, &error));
  g_assert_false(present);
  g_autoptr(LuksHeader) fresh = luks_header_create(disk_path, disk_key, &error);
  g_assert_no_error(error);
  g_assert_true(luks_probe(disk_path, &present, NULL));
  g_assert_false(present); /* nothing is written yet */
  g_assert_true(luks_open(fresh, disk_path, disk_key, NULL, &error));
  g_assert_true(luks_header_write(fresh, disk_path, &error));
  g_assert_true(luks_probe(disk_path, &present, NULL));
  g_assert_true(present);
  g_autoptr(LuksHeader) again = luks_header_read(disk_path, &error);
  g_assert_no_error(error);
  g_assert_true(luks_open(again, disk_path, disk_key, NULL, &error));
  g_autoptr(Secret) other = secret_new_random(32);
  g_assert_false(luks_open(again, disk_path, other, NULL, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
  good = read_disk();
  g_assert_true(luks_header_check(good, LUKS_PAYLOAD_OFFSET, NULL));
}

static void fix_checksum(guint8 *header) {
  guint8 digest[SHA256_SIZE];
  memset(header + CHECKSUM_OFFSET, 0, 64);
  digest_sha256(header, HDR_SIZE, digest);
  memcpy(header + CHECKSUM_OFFSET, digest, sizeof digest);
}

static void assert_refused(const guint8 *area, const char *reason) {
  g_autoptr(GError) error = NULL;
  g_assert_false(luks_header_check(area, LUKS_PAYLOAD_OFFSET, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  if (!strstr(error->message, reason))
    g_error("expected \"%s\" in \"%s\"", reason, error->message);
}

/* Replaces text in both JSON areas, with the checksums made right again: what a careful host would do. */
static guint8 *tampered(const char *from, const char *to) {
  guint8 *area = g_memdup2(good, LUKS_PAYLOAD_OFFSET);
  for (guint i = 0; i < 2; i++) {
    guint8 *header = area + i * HDR_SIZE;
    g_autoptr(GString) json = g_string_new((const char *)header + JSON_OFFSET);
    if (g_string_replace(json, from, to, 0) == 0)
      g_error("the header has no %s", from);
    memset(header + JSON_OFFSET, 0, HDR_SIZE - JSON_OFFSET);
    memcpy(header + JSON_OFFSET, json->str, json->len);
    fix_checksum(header);
  }
  return area;
}

static void test_metadata_tampered(void) {
  static const struct {
    const char *from, *to, *reason;
  } rows[] = {
      {"\"encryption\":\"aes-xts-plain64\",\"key_size\":64", "\"encryption\":\"cipher_null-ecb\",\"key_size\":64",
       "invalid LUKS keyslot encryption"},
      {"\"encryption\":\"aes-xts-plain64\",\"sector_size\"", "\"encryption\":\"cipher_null-ecb\",\"sector_size\"",
       "invalid LUKS segment encryption"},
      {"\"offset\":\"32768\"", "\"offset\":\"768\"", "invalid LUKS keyslot area"},
      {"\"offset\":\"32768\"", "\"offset\":\"16777216\"", "invalid LUKS keyslot area"},
      {"\"offset\":\"32768\"", "\"offset\":\"+32768\"", "invalid LUKS keyslot area"},
      {"\"offset\":\"16777216\"", "\"offset\":\"16777728\"", "invalid LUKS segment geometry"},
      {"\"size\":\"dynamic\"", "\"size\":\"1048576\"", "invalid LUKS segment geometry"},
      {"\"iv_tweak\":\"0\"", "\"iv_tweak\":\"1\"", "invalid LUKS segment geometry"},
      {"\"sector_size\":512", "\"sector_size\":4096", "invalid LUKS segment geometry"},
      {"\"sector_size\":512", "\"sector_size\":512,\"integrity\":{}", "invalid LUKS segment"},
      {"\"sector_size\":512", "\"sector_size\":512,\"flags\":[\"in-reencryption\"]", "invalid LUKS segment"},
      {"\"tokens\":{}", "\"tokens\":{\"0\":{\"type\":\"x\"}}", "invalid LUKS tokens"},
      {"\"tokens\":{}", "\"tokens\":{},\"extra\":1", "invalid LUKS metadata members"},
      {"\"tokens\":{}", "\"tokens\":{},\"tokens\":{}", "invalid LUKS metadata"},
      {"\"keyslots\":{\"0\":", "\"keyslots\":{\"1\":", "expected one keyslot"},
      {"\"keyslots\":{\"0\":", "\"keyslots\":{\"7\":{},\"0\":", "expected one keyslot"},
      {"\"segments\":{\"0\":", "\"segments\":{\"1\":{},\"0\":", "expected one keyslot"},
      {"\"stripes\":4000", "\"stripes\":1", "invalid LUKS keyslot anti-forensic"},
      {"\"iterations\":1000,", "\"iterations\":1000000000,", "invalid LUKS keyslot kdf"},
      {"\"type\":\"luks2\"", "\"type\":\"reencrypt\"", "invalid LUKS keyslot"},
      {"\"type\":\"luks2\"", "\"type\":\"luks2\",\"priority\":2", "invalid LUKS keyslot"},
      {"\"keyslots\":[\"0\"]", "\"keyslots\":[]", "invalid LUKS digest"},
      {"\"segments\":[\"0\"]", "\"segments\":[\"0\",\"1\"]", "invalid LUKS digest"},
      {"\"json_size\":\"12288\"", "\"json_size\":\"12288\",\"flags\":[\"allow-discards\"]", "invalid LUKS config"},
      {"\"json_size\":\"12288\"", "\"json_size\":\"12288\",\"requirements\":{}", "invalid LUKS config"},
      {"\"json_size\":\"12288\"", "\"json_size\":\"16384\"", "invalid LUKS config"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree guint8 *area = tampered(rows[i].from, rows[i].to);
    assert_refused(area, rows[i].reason);
  }
}

static void test_binary_tampered(void) {
  static const struct {
    gsize offset;
    const char *reason;
  } rows[] = {
      {0, "no magic"},    {7, "version"},       {8, "size out of bounds"}, {24, "label"}, {72, "checksum algorithm"},
      {208, "subsystem"}, {263, "wrong offset"}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree guint8 *area = g_memdup2(good, LUKS_PAYLOAD_OFFSET);
    area[rows[i].offset] ^= 0x40;
    fix_checksum(area);
    assert_refused(area, rows[i].reason);
  }
  for (guint copy = 0; copy < 2;
       copy++) { /* a flipped byte anywhere in the checked area, without care for the checksum */
    g_autofree guint8 *area = g_memdup2(good, LUKS_PAYLOAD_OFFSET);
    area[copy * HDR_SIZE + JSON_OFFSET + 9000] ^= 1;
    assert_refused(area, "wrong checksum");
  }
}

static void test_copies_differ(void) {
  g_autofree guint8 *area = g_memdup2(good, LUKS_PAYLOAD_OFFSET);
  area[HDR_SIZE + 23] ^= 1; /* sequence number */
  fix_checksum(area + HDR_SIZE);
  assert_refused(area, "differs");
  g_autofree guint8 *second_missing = g_memdup2(good, LUKS_PAYLOAD_OFFSET);
  memset(second_missing + HDR_SIZE, 0, HDR_SIZE);
  assert_refused(second_missing, "no magic");
  g_autofree guint8 *first_missing = g_memdup2(good, LUKS_PAYLOAD_OFFSET);
  memset(first_missing, 0, HDR_SIZE);
  assert_refused(first_missing, "no magic");
  gboolean present = FALSE;
  write_disk(first_missing);
  g_assert_true(luks_probe(disk_path, &present, NULL));
  g_assert_true(present); /* so it is never formatted over */
  write_disk(good);
}

static void test_damaged_disk_is_refused(void) {
  g_autofree guint8 *area = g_memdup2(good, LUKS_PAYLOAD_OFFSET);
  area[5000] ^= 1;
  write_disk(area);
  g_autoptr(GError) error = NULL;
  g_assert_null(luks_header_read(disk_path, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  write_disk(good);
}

static void test_short_areas(void) {
  static const gsize lengths[] = {0, 1, 511, 4095, 4096, HDR_SIZE, HDR_SIZE + 1, 2 * HDR_SIZE - 1};
  for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
    g_autofree guint8 *cut = g_memdup2(good, lengths[i]); /* exact size: ASan sees every byte too far */
    g_assert_false(luks_header_check(cut, lengths[i], NULL));
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  make_disk();
  g_test_add_func("/luks/format-and-open", test_format_and_open);
  g_test_add_func("/luks/metadata", test_metadata_tampered);
  g_test_add_func("/luks/binary", test_binary_tampered);
  g_test_add_func("/luks/copies-differ", test_copies_differ);
  g_test_add_func("/luks/damaged", test_damaged_disk_is_refused);
  g_test_add_func("/luks/short", test_short_areas);
  int status = g_test_run();
  g_assert_cmpint(g_unlink(disk_path), ==, 0);
  g_free(disk_path);
  g_free(good);
  secret_free(disk_key);
  return status;
}
