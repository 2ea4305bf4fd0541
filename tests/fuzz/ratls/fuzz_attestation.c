/* Any bytes: refused, or an attestation that writes and reads to the same, in both versions. */
#include "ratls/attestation.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static RatlsAttestation *read_own(GBytes *encoded) {
  g_autoptr(GError) error = NULL;
  RatlsAttestation *attestation = ratls_attestation_decode(encoded, &error);
  g_assert_no_error(error);
  return attestation;
}

static void check_round_trip(const RatlsAttestation *attestation) {
  g_autoptr(GBytes) v1 = ratls_attestation_encode_v1(attestation);
  if (g_bytes_get_size(v1) > ATTESTATION_MAX_SIZE)
    return;
  g_autoptr(RatlsAttestation) again = read_own(v1);
  g_autoptr(GBytes) chosen = ratls_attestation_encode(attestation), chosen_again = ratls_attestation_encode(again);
  g_assert_true(g_bytes_equal(chosen, chosen_again));
  g_autoptr(RatlsAttestation) third = read_own(chosen);
  g_autoptr(GBytes) third_encoded = ratls_attestation_encode(third);
  g_assert_true(g_bytes_equal(chosen, third_encoded));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(GBytes) encoded = g_bytes_new(data, size);
  g_autoptr(GError) error = NULL;
  g_autoptr(RatlsAttestation) attestation = ratls_attestation_decode(encoded, &error);
  g_assert((attestation == NULL) == (error != NULL));
  if (!attestation)
    return 0;
  check_round_trip(attestation);
  g_autoptr(TdxEventLog) log = ratls_attestation_event_log(attestation, NULL);
  ratls_attestation_strip(attestation);
  check_round_trip(attestation);
  g_autoptr(TdxEventLog) stripped = ratls_attestation_event_log(attestation, NULL);
  g_assert(!log || stripped);
  return 0;
}
