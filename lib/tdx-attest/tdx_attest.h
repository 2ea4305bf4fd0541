/* libtdx-attest: quotes, reports and measurement registers of the TDX guest that a program runs in.
 *
 * A small C interface with the names, structures and numbers that programs written for Intel's library of that name
 * expect, over the kernel's configfs-tsm, its measurement registers in sysfs, the older /dev/tdx_guest and the host's
 * quote generation service.
 *
 * Quotes: from configfs-tsm where the kernel has it; else from the service at the vsock port that /etc/tdx-attest.conf
 * names
 * ("port = 4050"); else through the device. The environment variables DCAP_TDX_QUOTE_CONFIGFS_PATH and
 * DCAP_TDX_RTMR_SYSFS_PATH name other directories (absolute paths); then nothing else is tried. Every call is safe in
 * threads, and takes at most a minute beside the time that other processes hold the locks. */
#ifndef TDX_ATTEST_H
#define TDX_ATTEST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  TDX_ATTEST_SUCCESS = 0x0,
  TDX_ATTEST_ERROR_UNEXPECTED = 0x1,
  TDX_ATTEST_ERROR_INVALID_PARAMETER = 0x2,
  TDX_ATTEST_ERROR_OUT_OF_MEMORY = 0x3,
  TDX_ATTEST_ERROR_VSOCK_FAILURE = 0x4,      /* the service was reached, and the connection failed */
  TDX_ATTEST_ERROR_REPORT_FAILURE = 0x5,     /* the kernel gave no report */
  TDX_ATTEST_ERROR_EXTEND_FAILURE = 0x6,     /* the register was not extended */
  TDX_ATTEST_ERROR_NOT_SUPPORTED = 0x7,      /* this machine has no way to do it */
  TDX_ATTEST_ERROR_QUOTE_FAILURE = 0x8,      /* the answer was no quote */
  TDX_ATTEST_ERROR_BUSY = 0x9,               /* try again later */
  TDX_ATTEST_ERROR_DEVICE_FAILURE = 0xa,     /* /dev/tdx_guest can't be opened */
  TDX_ATTEST_ERROR_INVALID_RTMR_INDEX = 0xb, /* the guest may extend RTMR2 and RTMR3 only */
  TDX_ATTEST_ERROR_UNSUPPORTED_ATT_KEY_ID = 0xc,
} tdx_attest_error_t;

#define TDX_UUID_SIZE 16
#define TDX_REPORT_DATA_SIZE 64
#define TDX_REPORT_SIZE 1024
#define TDX_RTMR_DATA_SIZE 48

typedef struct {
  uint8_t d[TDX_UUID_SIZE];
} tdx_uuid_t;

typedef struct {
  uint8_t d[TDX_REPORT_DATA_SIZE];
} tdx_report_data_t;

typedef struct {
  uint8_t d[TDX_REPORT_SIZE];
} tdx_report_t;

/* The only attestation key there is: ECDSA on P-256. */
#define TDX_SGX_ECDSA_ATTESTATION_ID                                                                                   \
  { 0xe8, 0x6c, 0x04, 0x6e, 0x8c, 0xc4, 0x4d, 0x95, 0x81, 0x73, 0xfc, 0x43, 0xc1, 0xfa, 0x4f, 0x3f }

#pragma pack(push, 1)
typedef struct {
  uint32_t version;                        /* 1 */
  uint64_t rtmr_index;                     /* 2 or 3 */
  uint8_t extend_data[TDX_RTMR_DATA_SIZE]; /* a SHA-384 digest */
  uint32_t event_type;                     /* not used */
  uint32_t event_data_size;                /* 0: there is no kernel log to put data in */
  uint8_t event_data[];
} tdx_rtmr_event_t;
#pragma pack(pop)

/* A quote over `report_data` (NULL: zeros). `att_key_id_list` (NULL with `list_size` 0: any) must hold the key's id.
 * `att_key_id` (may be NULL) gets it. *quote is to be freed with tdx_att_free_quote(). `flags` must be 0. On failure
 * *quote is NULL and *quote_size 0. */
tdx_attest_error_t tdx_att_get_quote(const tdx_report_data_t *report_data, const tdx_uuid_t att_key_id_list[],
                                     uint32_t list_size, tdx_uuid_t *att_key_id, uint8_t **quote, uint32_t *quote_size,
                                     uint32_t flags);
/* NULL is no error. */
tdx_attest_error_t tdx_att_free_quote(uint8_t *quote);

/* A TDREPORT over `report_data` (NULL: zeros), from /dev/tdx_guest. */
tdx_attest_error_t tdx_att_get_report(const tdx_report_data_t *report_data, tdx_report_t *report);

/* Extends a register: its new value is SHA-384 of the old one and `extend_data`. */
tdx_attest_error_t tdx_att_extend(const tdx_rtmr_event_t *event);

/* The ids of attestation keys. With `list` NULL only *list_size is set; else it says how many `list` has room for. */
tdx_attest_error_t tdx_att_get_supported_att_key_ids(tdx_uuid_t list[], uint32_t *list_size);

#ifdef __cplusplus
}
#endif

#endif
