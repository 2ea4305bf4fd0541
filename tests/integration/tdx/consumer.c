/* A program of somebody else: knows the installed header and library only. Its argument is an empty directory, in which
 * it plays the kernel: one thread answers requests for quotes, one file is a register. */
#include <tdx_attest.h>

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUOTE_SIZE 2000

static const char *directory;

static void path_of(const char *name, char path[512]) { snprintf(path, 512, "%s/%s", directory, name); }

static void put(const char *name, const void *data, size_t len) {
  char path[512];
  path_of(name, path);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert(fd >= 0 && write(fd, data, len) == (ssize_t)len);
  close(fd);
}

static ssize_t get(const char *name, void *data, size_t len) {
  char path[512];
  path_of(name, path);
  int fd = open(path, O_RDONLY);
  ssize_t n = fd >= 0 ? read(fd, data, len) : -1;
  if (fd >= 0)
    close(fd);
  return n;
}

static void *answer_one_request(void *unused) {
  unsigned char request[64], quote[QUOTE_SIZE];
  while (get("inblob", request, sizeof request) != sizeof request)
    usleep(1000);
  memset(quote, request[0], sizeof quote);
  put("outblob", quote, sizeof quote);
  put("generation", "8\n", 2);
  return unused;
}

static void check_quote(void) {
  tdx_report_data_t data = {{0x5a}};
  const tdx_uuid_t known[] = {{{1}}, {TDX_SGX_ECDSA_ATTESTATION_ID}}, unknown[] = {{{1}}};
  tdx_uuid_t used = {{0}};
  uint8_t *quote = NULL;
  uint32_t size = 0;
  pthread_t kernel;
  put("provider", "tdx_guest\n", 10);
  put("generation", "7\n", 2);
  put("inblob", "", 0);
  assert(pthread_create(&kernel, NULL, answer_one_request, NULL) == 0);
  assert(tdx_att_get_quote(&data, known, 2, &used, &quote, &size, 0) == TDX_ATTEST_SUCCESS);
  pthread_join(kernel, NULL);
  assert(size == QUOTE_SIZE && quote[0] == 0x5a && quote[QUOTE_SIZE - 1] == 0x5a);
  assert(memcmp(&used, &known[1], sizeof used) == 0);
  assert(tdx_att_free_quote(quote) == TDX_ATTEST_SUCCESS);
  assert(tdx_att_get_quote(&data, unknown, 1, NULL, &quote, &size, 0) == TDX_ATTEST_ERROR_UNSUPPORTED_ATT_KEY_ID);
  assert(quote == NULL && size == 0);
  assert(tdx_att_get_quote(&data, NULL, 1, NULL, &quote, &size, 0) == TDX_ATTEST_ERROR_INVALID_PARAMETER);
  assert(tdx_att_get_quote(&data, NULL, 0, NULL, NULL, &size, 0) == TDX_ATTEST_ERROR_INVALID_PARAMETER);
  assert(tdx_att_get_quote(&data, NULL, 0, NULL, &quote, &size, 1) == TDX_ATTEST_ERROR_INVALID_PARAMETER);
  put("provider", "other\n", 6);
  assert(tdx_att_get_quote(NULL, NULL, 0, NULL, &quote, &size, 0) == TDX_ATTEST_ERROR_NOT_SUPPORTED);
  assert(tdx_att_free_quote(NULL) == TDX_ATTEST_SUCCESS);
}

static void check_extend(void) {
  tdx_rtmr_event_t event = {.version = 1, .rtmr_index = 3};
  unsigned char value[64];
  memset(event.extend_data, 0xe7, sizeof event.extend_data);
  assert(sizeof event == 68);
  assert(tdx_att_extend(&event) == TDX_ATTEST_ERROR_EXTEND_FAILURE); /* no such register yet */
  put("rtmr3:sha384", "", 0);
  assert(tdx_att_extend(&event) == TDX_ATTEST_SUCCESS);
  assert(get("rtmr3:sha384", value, sizeof value) == 48 && memcmp(value, event.extend_data, 48) == 0);
  event.rtmr_index = 1;
  assert(tdx_att_extend(&event) == TDX_ATTEST_ERROR_INVALID_RTMR_INDEX);
  event.rtmr_index = 4;
  assert(tdx_att_extend(&event) == TDX_ATTEST_ERROR_INVALID_PARAMETER);
  event.rtmr_index = 3;
  event.version = 2;
  assert(tdx_att_extend(&event) == TDX_ATTEST_ERROR_INVALID_PARAMETER);
  assert(tdx_att_extend(NULL) == TDX_ATTEST_ERROR_INVALID_PARAMETER);
}

static void check_others(void) {
  tdx_uuid_t ids[2];
  uint32_t size = 0;
  tdx_report_t report;
  assert(tdx_att_get_supported_att_key_ids(NULL, &size) == TDX_ATTEST_SUCCESS && size == 1);
  size = 2;
  assert(tdx_att_get_supported_att_key_ids(ids, &size) == TDX_ATTEST_SUCCESS && size == 1 && ids[0].d[0] == 0xe8);
  size = 0;
  assert(tdx_att_get_supported_att_key_ids(ids, &size) == TDX_ATTEST_ERROR_INVALID_PARAMETER);
  assert(tdx_att_get_report(NULL, NULL) == TDX_ATTEST_ERROR_INVALID_PARAMETER);
  if (access("/dev/tdx_guest", F_OK) != 0)
    assert(tdx_att_get_report(NULL, &report) == TDX_ATTEST_ERROR_DEVICE_FAILURE);
}

int main(int argc, char **argv) {
  assert(argc == 2);
  directory = argv[1];
  setenv("DCAP_TDX_QUOTE_CONFIGFS_PATH", directory, 1);
  setenv("DCAP_TDX_RTMR_SYSFS_PATH", directory, 1);
  check_quote();
  check_extend();
  check_others();
  return 0;
}
