/* A front that an attacker has taken over: POST /hole does what code inside of the process could do. Linked over the real
 * front in the program dstack-kms-holed, which only tests build and nothing installs.
 *
 * Integers are big-endian. Request: operation u8, then
 *   HOLE_ALLOCATE  size u64                  -> address u64, of zeroed memory that stays
 *   HOLE_WRITE     address u64, bytes        -> nothing
 *   HOLE_READ      address u64, size u64     -> bytes, up to the first page that is not readable
 *   HOLE_CALL      number u64, 6 x u64       -> result u64: of the system call, or -errno */
#pragma once

#define HOLE_PATH "/hole"
#define HOLE_MAX_PIECE (1024 * 1024)

enum { HOLE_ALLOCATE = 1, HOLE_WRITE, HOLE_READ, HOLE_CALL };
