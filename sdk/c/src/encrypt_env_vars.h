/* The encryption itself, for the vector in its test. */
#pragma once

#include "dstack/dstack.h"

#define X25519_SIZE 32
#define IV_SIZE 12

dstack_status encrypt_env_vars_with(const dstack_env_var *variables, size_t count,
                                    const uint8_t public_key[X25519_SIZE], const uint8_t ephemeral[X25519_SIZE],
                                    const uint8_t iv[IV_SIZE], char **encrypted, dstack_error *error);
