#include "crypto/keccak.h"

#include <string.h>

#define LANES 25
#define ROUNDS 24

/* The constants of FIPS 202, 3.2: rotation of each lane in the order pi visits them, where pi moves each, and iota. */
static const guint8 rotation[24] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                    27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};
static const guint8 pi_target[24] = {10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};
static const guint64 round_constant[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

static guint64 rotate_left(guint64 value, guint bits) { return value << bits | value >> (64 - bits); }

static void theta(guint64 state[LANES]) {
  guint64 parity[5];
  for (guint x = 0; x < 5; x++)
    parity[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
  for (guint x = 0; x < 5; x++) {
    guint64 change = parity[(x + 4) % 5] ^ rotate_left(parity[(x + 1) % 5], 1);
    for (guint y = 0; y < LANES; y += 5)
      state[y + x] ^= change;
  }
}

static void rho_pi(guint64 state[LANES]) {
  guint64 carried = state[1];
  for (guint i = 0; i < 24; i++) {
    guint64 displaced = state[pi_target[i]];
    state[pi_target[i]] = rotate_left(carried, rotation[i]);
    carried = displaced;
  }
}

static void chi(guint64 state[LANES]) {
  for (guint y = 0; y < LANES; y += 5) {
    guint64 row[5];
    memcpy(row, state + y, sizeof row);
    for (guint x = 0; x < 5; x++)
      state[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
  }
}

static void permute(guint64 state[LANES]) {
  for (guint round = 0; round < ROUNDS; round++) {
    theta(state);
    rho_pi(state);
    chi(state);
    state[0] ^= round_constant[round];
  }
}

static void absorb(guint64 state[LANES], const guint8 *block, gsize rate) {
  for (gsize i = 0; i < rate; i++)
    state[i / 8] ^= (guint64)block[i] << (8 * (i % 8));
  permute(state);
}

void keccak_digest(const void *data, gsize len, guint8 *out, gsize out_len) {
  guint64 state[LANES] = {0};
  const gsize rate = 200 - 2 * out_len;
  const guint8 *at = data;
  for (; len >= rate; at += rate, len -= rate)
    absorb(state, at, rate);
  guint8 last[200] = {0};
  if (len)
    memcpy(last, at, len);
  last[len] = 0x01;
  last[rate - 1] |= 0x80;
  absorb(state, last, rate);
  for (gsize i = 0; i < out_len; i++)
    out[i] = (guint8)(state[i / 8] >> (8 * (i % 8)));
  explicit_bzero(state, sizeof state);
  explicit_bzero(last, sizeof last);
}
