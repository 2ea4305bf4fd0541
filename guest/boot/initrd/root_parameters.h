/* Which root file system the measured kernel command line asks for (spec: guest-os 2, 3.1). No allocation, no libraries
 * beyond libc: this is part of the guest's first program. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ROOT_BLOCK_SIZE 4096u
#define ROOT_HASH_HEX_LENGTH 64u

typedef struct {
  char hash[ROOT_HASH_HEX_LENGTH + 1]; /* dm-verity root hash, lower-case hex */
  uint64_t data_size;                  /* bytes of the data part; the hash area begins here; a multiple of ROOT_BLOCK_SIZE */
} RootParameters;

/* Reads `dstack.rootfs_hash` and `dstack.rootfs_size` from a command line (NUL-terminated). Each must be there exactly once
 * and be valid. Returns NULL, or what is wrong. */
const char *root_parameters_parse(const char *command_line, RootParameters *parameters);
