/* Firmware, kernel and initrd files, whole images, and what is refused of them (spec: measurement 2, 4.1, 6, 7, 12.3).
 */
#include "measure/boot_log.h"
#include "measure/kernel_image.h"
#include "measure/measure.h"
#include "measure/tdvf.h"
#include "samples.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/digest.h"

#include <glib/gstdio.h>
#include <string.h>

static void test_td_hob(void) {
  static const struct {
    guint64 memory;
    guint len;
    const char *digest;
  } vectors[] = {
      {1 * GIB, 440,
       "1055c9b9a1fc534e688560e2304e18c8597b7261818cf61fb163d40c130547309b750575947a4dcaedbdce4b8d0535f2"},
      {2 * GIB, 440,
       "0b8772e5b0b41b83e6044a68397e02f49fb47066b4fbe4917ea2c45c64f323fdacbb37948f821ebaf8bc9c938ba8a749"},
      {0xAFFFF000, 440,
       "4e7f62d8d6e4185576116da418582a3b0b73e9ce0837d8f9b14969fa1b23828025bc6fe96cdb2e85d4e9e1af41f40334"},
      {0xB0000000, 488,
       "8eb1a02074362aa0761541cdb4dc3f1788dfeb4538803b241477848e26de294dbe917ab56c5628732679b3abc168c2de"},
      {4 * GIB, 488,
       "5b684faf8d02a733945f821d9cdd170802e72103977acf66949c9382500283adc90cbec57f8e7653f8bee1cab83689de"},
      {64 * GIB, 488,
       "8ae1e425351df7992c444586eff99d35af3b779aa2b0e981cb4b73bc5b279f2ade19b6a62a203fc3c3bbdaae80af596d"},
  };
  TdHobLayout layout = standard_layout();
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    g_autoptr(GByteArray) hob = td_hob_build(&layout, vectors[i].memory);
    g_assert_cmpuint(hob->len, ==, vectors[i].len);
    assert_sha384(hob, vectors[i].digest);
  }
}

static void test_witness(void) {
  TdHobLayout layout = standard_layout(), back;
  g_autoptr(GError) error = NULL;
  g_autoptr(GByteArray) witness = td_hob_witness(&layout, &error);
  g_assert_no_error(error);
  assert_hex(witness->data, witness->len, "80100904000609020b021010");
  g_assert_true(td_hob_read_witness(witness->data, witness->len, &back, NULL));
  g_autoptr(GByteArray) once = td_hob_build(&layout, 4 * GIB);
  g_autoptr(GByteArray) again = td_hob_build(&back, 4 * GIB);
  g_assert_cmpmem(once->data, once->len, again->data, again->len);
  static const char *const bad[] = {"",
                                    "80",
                                    "801009",
                                    "8010090400060902",
                                    "80100904000609020b02101000",   /* cut, trailing */
                                    "80100900",                     /* no range */
                                    "80100904000609020b021000",     /* an empty one */
                                    "80100904000a09020b021010",     /* overlapping ones */
                                    "80100941",                     /* too many */
                                    "ffffffffffffffffff0109010001", /* 64 bits */
                                    "ffffffffffff7f09010001"};      /* out of the address space */
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GBytes) bytes = hex_decode(bad[i], strlen(bad[i]), NULL);
    gsize len;
    const void *data = g_bytes_get_data(bytes, &len);
    g_assert_false(td_hob_read_witness(data, len, &back, NULL));
  }
  layout.ranges[0] = layout.ranges[1];
  g_assert_null(td_hob_witness(&layout, NULL));
  layout.ranges[0] = (TdHobRange){G_GUINT64_CONSTANT(1) << 60, G_GUINT64_CONSTANT(2) << 60};
  g_assert_null(td_hob_witness(&layout, NULL)); /* nothing could read it */
}

static void test_firmware(void) {
  g_autoptr(GBytes) firmware = sample_firmware();
  gsize len;
  const guint8 *data = g_bytes_get_data(firmware, &len);
  guint8 sha256[32], single[48], two[48];
  digest_sha256(data, len, sha256);
  assert_hex(sha256, sizeof sha256, "4e04acef12a20f61078cace495a9efbbf494f88b1e558a7afdfb9f7354f7a713");
  g_autoptr(GError) error = NULL;
  g_autoptr(Tdvf) tdvf = tdvf_parse(firmware, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(tdvf->n_sections, ==, 7);
  tdvf_mrtd(tdvf, FALSE, single);
  tdvf_mrtd(tdvf, TRUE, two);
  assert_hex(single, 48,
             "519aa7e7f4b1f2a16405fbd872520db8207a883e100e1b948e2bcd1b93ae0c15240ecbf22b004a6bc8b91d50a5361880");
  assert_hex(two, 48,
             "c420bcc3f6c4d333e908e2f6726cf858fda9da0a5b4c9edde5f0961396de8b9f65a1ce0373261d18831cf34854a2c151");
}

/* No cut and no flip of the metadata may crash or hang; no cut may pass. */
static void test_firmware_damage(void) {
  g_autoptr(GBytes) firmware = sample_firmware();
  gsize len;
  const guint8 *data = g_bytes_get_data(firmware, &len);
  for (gsize keep = 0; keep < len; keep += 61) {
    g_autoptr(GBytes) part = g_bytes_new(data, keep);
    g_autoptr(Tdvf) none = tdvf_parse(part, NULL);
    g_assert_null(none);
  }
  for (gsize i = 0; i < 240 + 40; i++) {
    g_autofree guint8 *copy = g_memdup2(data, len);
    copy[i < 240 ? 0x8000 + i : 65504 - 280 + i] ^= 0xff;
    g_autoptr(GBytes) damaged = g_bytes_new(copy, len);
    g_autoptr(Tdvf) maybe = tdvf_parse(damaged, NULL);
    guint8 mrtd[48];
    if (maybe)
      tdvf_mrtd(maybe, FALSE, mrtd);
  }
}

static void refuse_firmware(gsize at, const char *hex, const char *expected) {
  g_autoptr(GBytes) firmware = sample_firmware();
  g_autoptr(GBytes) patch = hex_decode(hex, strlen(hex), NULL);
  gsize len;
  g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(firmware, &len), g_bytes_get_size(firmware));
  len = g_bytes_get_size(firmware);
  memcpy(copy + at, g_bytes_get_data(patch, NULL), g_bytes_get_size(patch));
  g_autoptr(GBytes) changed = g_bytes_new(copy, len);
  g_autoptr(GError) error = NULL;
  g_autoptr(Tdvf) none = tdvf_parse(changed, &error);
  g_assert_null(none);
  g_assert_nonnull(strstr(error->message, expected));
}

static void test_firmware_refused(void) {
  const gsize table = 65504 - 40, section = 0x8010;
  refuse_firmware(table + 22, "1100", "wrong length"); /* the table, shorter than an entry */
  refuse_firmware(table + 22, "ffff", "wrong length"); /* longer than the file */
  refuse_firmware(table + 4, "0000", "wrong length");  /* an entry that would never end */
  refuse_firmware(table + 4, "1100", "wrong length");
  refuse_firmware(table + 6, "00", "no tdx metadata");
  refuse_firmware(table + 24, "00", "no guid table");
  refuse_firmware(table, "ffffffff", "outside of the file");
  refuse_firmware(0x8000, "58", "unsupported");
  refuse_firmware(0x8008, "02", "unsupported");
  refuse_firmware(0x800c, "41000000", "unsupported");          /* 65 sections */
  refuse_firmware(section + 8, "01", "wrong address or size"); /* not on a page */
  refuse_firmware(section + 16, "0100", "wrong address or size");
  refuse_firmware(section + 16, "00300000", "wrong address or size");        /* memory smaller than its contents */
  refuse_firmware(section + 20, "ffffffff", "wrong address or size");        /* larger than we take */
  refuse_firmware(section + 8, "00f0ffffffffffff", "wrong address or size"); /* the sum overflows */
  refuse_firmware(section, "00f0ffff", "outside of the file");
  refuse_firmware(section + 16, "00000200", "outside of the file");
}

static char *write_temporary(const void *data, gsize len) {
  char *path = NULL;
  int fd = g_file_open_tmp("dstack-kernel-XXXXXX", &path, NULL);
  g_assert_true(g_close(fd, NULL));
  g_assert_true(g_file_set_contents(path, data, (gssize)len, NULL));
  return path;
}

static void open_kernel(KernelImage *kernel, GBytes *bytes) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  g_autofree char *path = write_temporary(data, len);
  g_autoptr(GError) error = NULL;
  kernel_image_open(kernel, path, &error);
  g_assert_no_error(error);
  (void)g_unlink(path); /* the kernel stays open */
}

static void test_kernel(void) {
  static const struct {
    guint64 memory;
    const char *initrd_at, *authenticode;
  } vectors[] = {
      {0, NULL, "e8c15471161ba175977c32279cfdbd5adb71773ac85089e656730662bc00d61c5de95afabe5e2c4540479f756f61354b"},
      {1 * GIB, "0070ed3f",
       "15f83beb72bfa45b296d70fbc508c0bdf74099de987151fb5f3341432713148f7c021cbb30eb1825656a37968fa331c5"},
      {2 * GIB, "0070ed7f",
       "61899d566f7d3ba32ebc624c55756fa5149e86986bd5ee7f94a755daecc404ea75daf6d0e2424942e0e66c028dab6988"},
      {0xB0000000, "0070ed7f",
       "61899d566f7d3ba32ebc624c55756fa5149e86986bd5ee7f94a755daecc404ea75daf6d0e2424942e0e66c028dab6988"},
      {4 * GIB, "0070ed7f",
       "61899d566f7d3ba32ebc624c55756fa5149e86986bd5ee7f94a755daecc404ea75daf6d0e2424942e0e66c028dab6988"},
      {0xAFFFF000, "0060edaf",
       "8b3a9e135e1a54811a8c55df2c7ab30c0acf2d883131020cfe89687dffcb8d9a4aeb6edafb14f95e2873df605676a66f"}};
  g_autoptr(GBytes) bytes = sample_kernel();
  guint8 digest[48];
  digest_sha256(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), digest);
  assert_hex(digest, 32, "457af752817d764c58afd33b76580017e1fbc45fce225b120d67d8e8b0add084");
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    g_auto(KernelImage) kernel = {0};
    open_kernel(&kernel, bytes);
    if (vectors[i].memory) {
      g_assert_true(kernel_image_patch(&kernel, 0x100000, vectors[i].memory, NULL));
      assert_hex(kernel.head + 0x218, 4, vectors[i].initrd_at);
    }
    g_assert_true(kernel_image_authenticode(&kernel, digest, NULL));
    assert_hex(digest, 48, vectors[i].authenticode);
  }
}

static void refuse_kernel(gsize at, const char *hex, gsize cut) {
  g_autoptr(GBytes) bytes = sample_kernel();
  g_autoptr(GBytes) patch = hex_decode(hex, strlen(hex), NULL);
  g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
  memcpy(copy + at, g_bytes_get_data(patch, NULL), g_bytes_get_size(patch));
  g_autoptr(GBytes) changed = g_bytes_new(copy, cut ? cut : g_bytes_get_size(bytes));
  g_auto(KernelImage) kernel = {0};
  guint8 digest[48];
  open_kernel(&kernel, changed);
  gboolean done = kernel_image_patch(&kernel, 4096, 2 * GIB, NULL) && kernel_image_authenticode(&kernel, digest, NULL);
  g_assert_false(done);
}

static void test_kernel_refused(void) {
  refuse_kernel(0, "4d5a", 0xfff); /* too short */
  refuse_kernel(0, "4d5a", 3);
  refuse_kernel(0x202, "00", 0);      /* no setup header */
  refuse_kernel(0x206, "0b02", 0);    /* protocol too old */
  refuse_kernel(0x211, "00", 0);      /* not loaded high */
  refuse_kernel(0x3c, "ffffffff", 0); /* PE header outside */
  refuse_kernel(0x3c, "fc1f0000", 0);
  refuse_kernel(0x80, "58", 0);
  refuse_kernel(0x86, "ffff", 0);      /* number of sections */
  refuse_kernel(0x86, "6000", 0x1000); /* 96 sections reach out of the file */
  refuse_kernel(0x94, "ffff", 0);      /* section table outside */
  refuse_kernel(0xd4, "ffffffff", 0);  /* size of headers */
  refuse_kernel(0xd4, "00000000", 0);
  refuse_kernel(0x138 + 20, "ffffff7f", 0); /* section outside */
  g_autoptr(GBytes) bytes = sample_kernel();
  g_auto(KernelImage) kernel = {0};
  g_autoptr(GError) error = NULL;
  open_kernel(&kernel, bytes);
  g_assert_false(kernel_image_patch(&kernel, 2 * GIB, 2 * GIB, &error)); /* the initrd does not fit */
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_false(kernel_image_patch(&kernel, 1, 0x20000, NULL)); /* nor does anything */
}

/* 96 sections that all cover the file would be hashed 96 times; two that share a byte are no image either. */
static void test_kernel_sections_overlap(void) {
  static const struct {
    const char *first, *second; /* size and position, little-endian */
    gboolean good;
  } layouts[] = {{"0004000000100000", "000c000000040000", TRUE},  /* side by side */
                 {"0004000000100000", "010c000000040000", FALSE}, /* by one byte */
                 {"0004000000100000", "0004000000100000", FALSE}, /* the same twice */
                 {"0000010000040000", "0004000000100000", FALSE}, /* one inside the other, which the file's end cuts */
                 {"0000010000100000", "000c000000040000", TRUE}}; /* the last one may be cut */
  for (guint i = 0; i < G_N_ELEMENTS(layouts); i++) {
    g_autoptr(GBytes) bytes = sample_kernel();
    g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_assert_true(hex_decode_fixed(layouts[i].first, copy + 0x138 + 16, 8, NULL));
    g_assert_true(hex_decode_fixed(layouts[i].second, copy + 0x160 + 16, 8, NULL));
    g_autoptr(GBytes) changed = g_bytes_new(copy, g_bytes_get_size(bytes));
    g_auto(KernelImage) kernel = {0};
    guint8 digest[48];
    g_autoptr(GError) error = NULL;
    open_kernel(&kernel, changed);
    g_assert_cmpint(kernel_image_authenticode(&kernel, digest, &error), ==, layouts[i].good);
    g_assert_cmpstr(error ? error->message : NULL, ==, layouts[i].good ? NULL : "kernel: pe sections overlap");
  }
}

/* Every byte of the PE headers flipped: no crash, no read outside of the file. */
static void test_kernel_damage(void) {
  g_autoptr(GBytes) bytes = sample_kernel();
  for (gsize at = 0x3c; at < 0x190; at++) {
    g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    copy[at] ^= 0xff;
    g_autoptr(GBytes) damaged = g_bytes_new(copy, g_bytes_get_size(bytes));
    g_auto(KernelImage) kernel = {0};
    guint8 digest[48];
    open_kernel(&kernel, damaged);
    (void)kernel_image_authenticode(&kernel, digest, NULL); /* either answer is right */
  }
}

static GBytes *sample_initrd(gsize len) {
  guint8 *data = g_malloc(len);
  for (gsize i = 0; i < len; i++)
    data[i] = (guint8)(5 * i + 1);
  return g_bytes_new_take(data, len);
}

static void test_boot_events(void) {
  guint8 cmdline[48], initrd_digest[48], kernel[48], rtmr[48];
  g_autoptr(GBytes) initrd = sample_initrd(4096);
  g_assert_true(boot_log_hash_cmdline("console=ttyS0 init=/init", cmdline, NULL));
  assert_hex(cmdline, 48,
             "0b9f98a71f44da43dea18084fa4eecbde5d5a028f51a89c745220e23cee9aef7b051234022a31d68f9ae25944bbef7d6");
  digest_sha384(g_bytes_get_data(initrd, NULL), 4096, initrd_digest);
  assert_hex(initrd_digest, 48,
             "f68e7f12c18bcac7631de1c925db565943a3e56a0680ab124938835ea94215fd174fccd8e43de6acdf876d171946eb4a");
  g_assert_true(
      hex_decode_fixed("61899d566f7d3ba32ebc624c55756fa5149e86986bd5ee7f94a755daecc404ea75daf6d0e2424942e0e66c028dab"
                       "6988",
                       kernel, 48, NULL));
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  boot_log_add_kernel(log, kernel);
  boot_log_add_initrd(log, cmdline, initrd_digest);
  g_assert_true(tdx_replay(log, 1, NULL, rtmr, NULL));
  assert_hex(rtmr, 48,
             "4b0c1fc4899e8de32272afd39ba242a693c6fd6c6b62f1a1bf76307f647f9ecc185441f59aa992ae929a94d901234188");
  g_assert_true(tdx_replay(log, 2, NULL, rtmr, NULL));
  assert_hex(rtmr, 48,
             "23088764305de70abc8fabc2c734f9379a6154bc5a274b9d3cbe7de70a95095237c25c05ce0bf9c558cefa729cbf9200");
  g_assert_false(boot_log_hash_cmdline("\xff", cmdline, NULL));
}

static void assert_event(TdxEventLog *log, guint index, guint imr, guint32 type, const char *digest) {
  const TdxEvent *event = g_ptr_array_index(log, index);
  g_assert_cmpuint(event->imr, ==, imr);
  g_assert_cmphex(event->type, ==, type);
  assert_hex(event->digest, 48, digest);
}

#define SEPARATOR "394341b7182cd227c5c6b07ef8000cdfd86136c4292b8e576573ad7ed9ae41019f5818b4b971c9effc60e1ad9f1289f0"

/* The events that are the same on every machine, each by itself. */
static void test_constant_events(void) {
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  const FirmwareDigests firmware = {0};
  const guint8 kernel[48] = {0};
  boot_log_add_firmware(log, &firmware);
  boot_log_add_kernel(log, kernel);
  g_assert_cmpuint(log->len, ==, 13 + 5);
  assert_event(log, 2, 0, 0x80000001,
               "9dc3a1f80bcec915391dcda5ffbb15e7419f77eab462bbf72b42166fb70d50325e37b36f93537a863769bcf9bedae6fb");
  assert_event(log, 3, 0, 0x80000001,
               "6f2e3cbc14f9def86980f5f66fd85e99d63e69a73014ed8a5633ce56eca5b64b692108c56110e22acadcef58c3250f1b");
  assert_event(log, 4, 0, 0x80000001,
               "d607c0efb41c0d757d69bca0615c3a9ac0b1db06c557d992e906c6b7dee40e0e031640c7bfd7bcd35844ef9edeadc6f9");
  assert_event(log, 5, 0, 0x80000001,
               "08a74f8963b337acb6c93682f934496373679dd26af1089cb4eaf0c30cf260a12e814856385ab8843e56a9acea19e127");
  assert_event(log, 6, 0, 0x80000001,
               "18cc6e01f0c6ea99aa23f8a280423e94ad81d96d0aeb5180504fc0f7a40cb3619dd39bd6a95ec1680a86ed6ab0f9828d");
  assert_event(log, 7, 0, 4, SEPARATOR);
  assert_event(log, 11, 0, 0x80000002,
               "1dd6f7b457ad880d840d41c961283bab688e94e4b59359ea45686581e90feccea3c624b1226113f824f315eb60ae0a7c");
  assert_event(log, 12, 0, 0x80000002,
               "23ada07f5261f12f34a0bd8e46760962d6b4d576a416f1fea1c64bc656b1d28eacf7047ae6e967c58fd2a98bfa74c298");
  assert_event(log, 14, 1, 0x80000007,
               "77a0dab2312b4e1e57a84d865a21e5b2ee8d677a21012ada819d0a98988078d3d740f6346bfe0abaa938ca20439a8d71");
  assert_event(log, 15, 1, 4, SEPARATOR);
  assert_event(log, 16, 1, 0x80000007,
               "214b0bef1379756011344877743fdc2a5382bac6e70362d624ccf3f654407c1b4badf7d8f9295dd3dabdef65b27677e0");
  assert_event(log, 17, 1, 0x80000007,
               "0a2e01c85deae718a530ad8c6d20a84009babe6c8989269e950d8cf440c6e997695e64d455c4174a652cd080f6230b74");
}

/* RTMR1 and RTMR2 of two real quotes, from the digests of their logs. */
static void test_real_quotes(void) {
  static const struct {
    const char *kernel, *cmdline, *initrd, *rtmr1, *rtmr2;
  } quotes[] = {{"ac7e632dcf5cd2a1fe5c1f41f4d9b8219570e64ed3c61038fdbf25404e6f542ffd57f276bc5076307efaf882e6d64177",
                 "786280842b7364287a3a70d96f7e309252857beb45fb1f91314a2ea863db0adc04c8431ecbf29a966405604631a5aab8",
                 "4fe4f7710134a61d7def357add6ac50bdbfeee5032a4c100375e207216ffe42a3bd5822b24e679f91501fff795b81521",
                 "2023546e7f3b9d1228e274f70c44d481162540f8452544520a796a52f06879709b81a824a26792a7822327504b0d2aee",
                 "4c1b739ed451a637b0f82642e48a5ea83925d23633c72e7385c8e9aca4175e133ed1625b7d92eb39edf509c27ff392dc"},
                {"0761fbfa317a42d8edbe9e404178d102adc059cface98c5e07d1d535371c145c3497fd2a19b8398568b8c8a6f95e0a86",
                 "4027cb4ec64dbc24b6d98d9470daeefc749bbb6a9b011762d215f6ed3eb833d58fd72d9ad850958f72878182e6f61924",
                 "63e06e29cf98f2fce71abd3a9629dff48457b47c010b64e11f7a2b42dd99bfa14ee35660b3f5d3fc376261d6ba9a6d6b",
                 "a1b79d76021970f57c45c4a7c395f780bab37011a4df27fe44e8559bd1abb4d6e52f12f866d1d08405448eb797a5970f",
                 "1e31b59d605df7ee8160cf7966be9bafa6d0e1905de7e09695a24cd9748e71a603a51fae1297619fa0c30517addbcd07"}};
  for (guint i = 0; i < G_N_ELEMENTS(quotes); i++) {
    guint8 kernel[48], cmdline[48], initrd[48], rtmr[48];
    g_assert_true(hex_decode_fixed(quotes[i].kernel, kernel, 48, NULL) &&
                  hex_decode_fixed(quotes[i].cmdline, cmdline, 48, NULL) &&
                  hex_decode_fixed(quotes[i].initrd, initrd, 48, NULL));
    g_autoptr(TdxEventLog) log = tdx_event_log_new();
    boot_log_add_kernel(log, kernel);
    boot_log_add_initrd(log, cmdline, initrd);
    g_assert_true(tdx_replay(log, 1, NULL, rtmr, NULL));
    assert_hex(rtmr, 48, quotes[i].rtmr1);
    g_assert_true(tdx_replay(log, 2, NULL, rtmr, NULL));
    assert_hex(rtmr, 48, quotes[i].rtmr2);
  }
}

static void measure_sample(const char *dir, const MeasureVm *vm, Measurements *out) {
  g_autoptr(GError) error = NULL;
  g_autoptr(OsImage) image = os_image_open(dir, TRUE, &error);
  g_assert_no_error(error);
  measure_image(image, vm, out, &error);
  g_assert_no_error(error);
}

static char *make_sample_image(const char *more) {
  g_autoptr(GBytes) firmware = sample_firmware();
  g_autoptr(GBytes) kernel = sample_kernel();
  g_autoptr(GBytes) initrd = sample_initrd(0x100000);
  return sample_image(firmware, kernel, initrd, "console=ttyS0 init=/init", more);
}

static void test_whole_image(void) {
  g_autofree char *dir = make_sample_image("");
  g_auto(Measurements) old = {0}, new = {0}, unpatched = {0};
  measure_sample(dir, &(MeasureVm){.cpu_count = 1, .memory_size = 2 * GIB, .qemu_version = "8.2.2"}, &old);
  assert_hex(old.mrtd, 48,
             "c420bcc3f6c4d333e908e2f6726cf858fda9da0a5b4c9edde5f0961396de8b9f65a1ce0373261d18831cf34854a2c151");
  assert_hex(old.rtmr[1], 48,
             "4b0c1fc4899e8de32272afd39ba242a693c6fd6c6b62f1a1bf76307f647f9ecc185441f59aa992ae929a94d901234188");
  g_assert_cmpuint(old.boot_log->len, ==, 13 + 5 + 2);
  /* From 9.0 on pages are added and measured in one pass; from 10.2 on the kernel is left alone. */
  measure_sample(dir, &(MeasureVm){.cpu_count = 1, .memory_size = 2 * GIB, .qemu_version = "9.2.1"}, &new);
  assert_hex(new.mrtd, 48,
             "519aa7e7f4b1f2a16405fbd872520db8207a883e100e1b948e2bcd1b93ae0c15240ecbf22b004a6bc8b91d50a5361880");
  g_assert_cmpmem(new.rtmr[1], 48, old.rtmr[1], 48);
  measure_sample(dir, &(MeasureVm){.cpu_count = 1, .memory_size = 2 * GIB, .qemu_version = "10.2.0"}, &unpatched);
  g_assert_cmpint(memcmp(unpatched.rtmr[1], old.rtmr[1], 48), !=, 0);
  g_assert_cmpmem(unpatched.rtmr[2], 48, old.rtmr[2], 48);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_normalized_kernel(void) {
  g_autofree char *dir = make_sample_image(",\"kernel_header_normalized\":true");
  g_auto(Measurements) old = {0}, new = {0};
  measure_sample(dir, &(MeasureVm){.cpu_count = 1, .memory_size = 1 * GIB, .qemu_version = "8.2.2"}, &old);
  measure_sample(dir, &(MeasureVm){.cpu_count = 1, .memory_size = 4 * GIB, .qemu_version = "10.2.0"}, &new);
  g_assert_cmpmem(old.rtmr[1], 48, new.rtmr[1], 48);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_shapes_refused(void) {
  g_autofree char *dir = make_sample_image("");
  g_autoptr(OsImage) image = os_image_open(dir, FALSE, NULL);
  const MeasureVm bad[] = {
      {.cpu_count = 0, .memory_size = GIB},
      {.cpu_count = 4097, .memory_size = GIB},
      {.cpu_count = 1, .memory_size = 0},
      {.cpu_count = 1, .memory_size = GIB + 4096}, /* not whole MiB */
      {.cpu_count = 1, .memory_size = G_GUINT64_CONSTANT(1) << 47},
      {.cpu_count = 1, .memory_size = GIB, .qemu_version = "7.2.0"},
      {.cpu_count = 1, .memory_size = GIB, .qemu_version = "9.1"},
      {.cpu_count = 1, .memory_size = GIB, .qemu_version = "9.1.0.1"},
      {.cpu_count = 1, .memory_size = GIB, .qemu_version = "9.1.x"},
      {.cpu_count = 1, .memory_size = GIB, .qemu_version = "9.1.-1"},
      {.cpu_count = 1, .memory_size = GIB, .qemu_version = ""},
      {.cpu_count = 1, .memory_size = GIB, .hugepages = TRUE, .num_gpus = 1},
      {.cpu_count = 1, .memory_size = GIB, .num_gpus = 30},
      {.cpu_count = 1, .memory_size = GIB, .num_gpus = G_MAXUINT32, .num_nvswitches = 1},
      {.cpu_count = 1, .memory_size = GIB, .host_share_mode = "nfs"},
      {.cpu_count = 1, .memory_size = GIB, .swtpm = TRUE},
      {.cpu_count = 1, .memory_size = GIB, .ovmf_variant = "stable202505"},
      {.cpu_count = 1, .memory_size = 1 << 20}, /* the initrd does not fit */
  };
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_auto(Measurements) none = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(measure_image(image, &bad[i], &none, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_false(g_ascii_isupper(error->message[0]));
  }
  g_assert_true(file_remove_tree(dir, NULL));
}

/* An image whose metadata.json has no cmdline must not pass for one whose command line is empty. */
static void test_no_cmdline(void) {
  g_autofree char *dir = make_sample_image("");
  const char metadata[] = "{\"bios\":\"ovmf.fd\",\"kernel\":\"bzImage\",\"initrd\":\"initrd\"}";
  sample_image_write(dir, "metadata.json", metadata, strlen(metadata));
  g_autoptr(OsImage) image = os_image_open(dir, FALSE, NULL);
  g_auto(Measurements) none = {0};
  g_autoptr(GError) error = NULL;
  g_assert_false(measure_image(image, &(MeasureVm){.cpu_count = 1, .memory_size = GIB}, &none, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_nonnull(strstr(error->message, "no cmdline"));
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_check_in_time(void) {
  g_autofree char *dir = make_sample_image("");
  g_autoptr(GError) error = NULL;
  g_autoptr(OsImage) image = os_image_open_before(dir, g_get_monotonic_time() + 60 * G_USEC_PER_SEC, &error);
  g_assert_no_error(error);
  g_assert_true(image->has_os_image_hash);
  g_assert_null(os_image_open_before(dir, g_get_monotonic_time() - 1, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_unknown_firmware_layout(void) {
  g_autofree char *dir = make_sample_image(",\"ovmf_variant\":\"stable202505\"");
  g_autoptr(OsImage) image = os_image_open(dir, FALSE, NULL);
  g_auto(Measurements) none = {0};
  g_assert_false(measure_image(image, &(MeasureVm){.cpu_count = 1, .memory_size = GIB}, &none, NULL));
  g_assert_true(file_remove_tree(dir, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/measure/td-hob/vectors", test_td_hob);
  g_test_add_func("/measure/td-hob/witness", test_witness);
  g_test_add_func("/measure/firmware/mrtd", test_firmware);
  g_test_add_func("/measure/firmware/damage", test_firmware_damage);
  g_test_add_func("/measure/firmware/refused", test_firmware_refused);
  g_test_add_func("/measure/kernel/authenticode", test_kernel);
  g_test_add_func("/measure/kernel/refused", test_kernel_refused);
  g_test_add_func("/measure/kernel/sections-overlap", test_kernel_sections_overlap);
  g_test_add_func("/measure/kernel/damage", test_kernel_damage);
  g_test_add_func("/measure/boot-events/synthetic", test_boot_events);
  g_test_add_func("/measure/boot-events/constant", test_constant_events);
  g_test_add_func("/measure/boot-events/real-quotes", test_real_quotes);
  g_test_add_func("/measure/image/whole", test_whole_image);
  g_test_add_func("/measure/image/normalized-kernel", test_normalized_kernel);
  g_test_add_func("/measure/image/shapes-refused", test_shapes_refused);
  g_test_add_func("/measure/image/no-cmdline", test_no_cmdline);
  g_test_add_func("/measure/image/check-in-time", test_check_in_time);
  g_test_add_func("/measure/image/unknown-firmware-layout", test_unknown_firmware_layout);
  return g_test_run();
}
