/* What an attacker who has taken over the front asks the verifier and the key holder for: every way to keys that are not
 * an app's whose evidence he holds is refused. */
#include "holed_kms.h"

#include "crypto/x509.h"
#include "kms/protocol.h"
#include "ratls/evidence.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LAST_FD 255
#define SIGNED_QUOTE (48 + 584) /* header and report */

static HoledKms *holed;

/* ---- what the other two processes are asked for ---- */

typedef struct {
  int keyholder, verifier; /* the front's ends; -1: none */
  guint n_local;           /* unix sockets in all */
} Channels;

static gboolean refusal_contains(const WireBuffer *answer, const char *text) {
  g_assert_nonnull(answer);
  g_assert_cmpuint(wire_type(answer), ==, WIRE_ERROR);
  Reader body = wire_body(answer);
  (void)reader_u8(&body); /* a code */
  g_autofree char *reason = wire_get_text(&body, 4096);
  return strstr(reason, text) != NULL;
}

static void expect_refusal(Attacker *attacker, int fd, const WireBuffer *request, const char *text) {
  g_autoptr(WireBuffer) answer = attacker_exchange(attacker, fd, request);
  if (!refusal_contains(answer, text))
    g_error("message %u: expected \"%s\"", wire_type(request), text);
}

/* Every local socket that the front has is asked who is at its other end. */
static Channels find_channels(Attacker *attacker) {
  Channels channels = {-1, -1, 0};
  g_autoptr(WireBuffer) nonsense = wire_buffer_new(200);
  guint64 domain = attacker_put(attacker, (const guint32[2]){0, 4}, 8);
  for (int fd = 3; fd <= LAST_FD; fd++) {
    if (attacker_call(attacker, SYS_getsockopt,
                      (guint64[6]){(guint64)fd, SOL_SOCKET, SO_DOMAIN, domain, domain + 4}) != 0)
      continue;
    g_autoptr(GBytes) value = attacker_get(attacker, domain, 4);
    if (*(const guint8 *)g_bytes_get_data(value, NULL) != AF_UNIX)
      continue;
    channels.n_local++;
    g_autoptr(WireBuffer) answer = attacker_exchange(attacker, fd, nonsense);
    *(refusal_contains(answer, "key holder") ? &channels.keyholder : &channels.verifier) = fd;
  }
  return channels;
}

/* One channel to the key holder and a lane to the verifier for each worker: the channel that grants isn't there. */
static void test_channels(void) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  Channels channels = find_channels(attacker);
  g_assert_cmpint(channels.keyholder, >=, 0);
  g_assert_cmpint(channels.verifier, >=, 0);
  g_assert_cmpuint(channels.n_local, ==, 1 + 4);
}

static void put_app(WireBuffer *request, guint8 app_byte) {
  guint8 app_id[KMS_APP_ID_SIZE];
  memset(app_id, app_byte, sizeof app_id);
  wire_put_fixed(request, app_id, sizeof app_id);
}

static WireBuffer *grant_request(guint8 app_byte) {
  WireBuffer *request = wire_buffer_new(KEYHOLDER_GRANT);
  put_app(request, app_byte);
  wire_put_u8(request, KMS_INSTANCE_ID_SIZE);
  put_app(request, 1);
  return request;
}

static WireBuffer *keys_request(const guint8 grant[KMS_GRANT_SIZE]) {
  WireBuffer *request = wire_buffer_new(KEYHOLDER_APP_KEYS);
  wire_put_fixed(request, grant, KMS_GRANT_SIZE);
  return request;
}

static WireBuffer *leaf_request(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(GBytes) spki = p256_spki(key);
  WireBuffer *request = wire_buffer_new(KEYHOLDER_SIGN_LEAF);
  put_app(request, ABSENT_APP);
  wire_put_bytes(request, spki);
  wire_put_u8(request, FALSE);
  wire_put_text(request, "");
  wire_put_text(request, "kms.example.com");
  for (guint i = 0; i < 3; i++)
    wire_put_u8(request, 0);
  for (guint i = 0; i < 4; i++)
    wire_put_blob(request, "", 0);
  wire_put_u64(request, 0);
  wire_put_u64(request, 0);
  return request;
}

/* The verifier's words from the front's mouth, on either channel. */
static void test_forged_verdicts(void) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  Channels channels = find_channels(attacker);
  g_autoptr(WireBuffer) grant = grant_request(ABSENT_APP), leaf = leaf_request();
  expect_refusal(attacker, channels.keyholder, grant, "key holder does not take request");
  expect_refusal(attacker, channels.keyholder, leaf, "key holder does not take request");
  expect_refusal(attacker, channels.verifier, grant, "verifier does not take request");
  expect_refusal(attacker, channels.verifier, leaf, "verifier does not take request");
  holed_kms_assert_well(holed, attacker);
}

/* Every type of message, with nothing, with an app id, and with many bytes: only the public env key is ever given. */
static void test_every_message(void) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  Channels channels = find_channels(attacker);
  static const gsize sizes[] = {0, KMS_APP_ID_SIZE, 300};
  static const guint8 zeros[300];
  for (guint type = 0; type < 256; type++)
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
      g_autoptr(WireBuffer) request = wire_buffer_new((guint8)type);
      wire_put_fixed(request, zeros, sizes[i]);
      g_autoptr(WireBuffer) answer = attacker_exchange(attacker, channels.keyholder, request);
      gboolean is_public = type == KEYHOLDER_ENV_KEY && sizes[i] == KMS_APP_ID_SIZE;
      g_assert_nonnull(answer);
      g_assert_cmpuint(wire_type(answer), ==, is_public ? WIRE_OK : WIRE_ERROR);
    }
  holed_kms_assert_well(holed, attacker);
}

/* The certificate that an app showed while the front was watched; the front can show it again. */
static GBytes *seen_certificate(guint8 app_byte) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(holed->kms, app_byte, 1, GOOD_IMAGE);
  g_autoptr(EVP_PKEY) ca_key = NULL, key = p256_generate();
  g_autoptr(X509) ca = kms_temp_ca(holed->kms, &ca_key);
  g_autoptr(X509) cert = ratls_temp_certificate(platform, key, ca, ca_key, NULL);
  return cert_to_der(cert);
}

static WireBuffer *authorize(Attacker *attacker, int fd, GBytes *certificate) {
  g_autoptr(WireBuffer) request = wire_buffer_new(VERIFIER_AUTHORIZE_APP);
  wire_put_bytes(request, certificate);
  wire_put_text(request, VM_CONFIG);
  return attacker_exchange(attacker, fd, request);
}

/* What remains to a front that was taken over: the keys of an app whose evidence it holds and that is allowed. Once. */
static void test_grants(void) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  Channels channels = find_channels(attacker);
  g_autoptr(GBytes) certificate = seen_certificate(PRESENT_APP);
  g_autoptr(WireBuffer) granted = authorize(attacker, channels.verifier, certificate);
  g_assert_cmpuint(wire_type(granted), ==, WIRE_OK);
  guint8 grant[KMS_GRANT_SIZE], forged[KMS_GRANT_SIZE];
  Reader body = wire_body(granted);
  g_assert_true(reader_copy(&body, grant, sizeof grant));
  for (guint bit = 0; bit < 8 * sizeof grant; bit += 7) { /* forged */
    memcpy(forged, grant, sizeof grant);
    forged[bit / 8] ^= (guint8)(1 << bit % 8);
    g_autoptr(WireBuffer) request = keys_request(forged);
    expect_refusal(attacker, channels.keyholder, request, "no such key grant");
  }
  g_autoptr(WireBuffer) redirected = keys_request(grant); /* to another app */
  put_app(redirected, ABSENT_APP);
  expect_refusal(attacker, channels.keyholder, redirected, "trailing bytes");
  g_autoptr(WireBuffer) request = keys_request(grant);
  g_autoptr(WireBuffer) keys = attacker_exchange(attacker, channels.keyholder, request);
  g_assert_cmpuint(wire_type(keys), ==, WIRE_OK);
  expect_refusal(attacker, channels.keyholder, request, "no such key grant"); /* replayed */
  holed_kms_assert_well(holed, attacker);
}

/* `certificate` with one bit changed in a part of it, at an offset in that part. */
static GBytes *alter(GBytes *certificate, GBytes *part, gsize offset) {
  gsize len, part_len;
  const guint8 *der = g_bytes_get_data(certificate, &len), *bytes = g_bytes_get_data(part, &part_len);
  const guint8 *place = memmem(der, len, bytes, part_len);
  g_assert_nonnull(place);
  guint8 *altered = g_memdup2(der, len);
  altered[(gsize)(place - der) + offset] ^= 1;
  return g_bytes_new_take(altered, len);
}

static void expect_no_grant(Attacker *attacker, int fd, GBytes *certificate) {
  g_autoptr(WireBuffer) answer = authorize(attacker, fd, certificate);
  g_assert_true(refusal_contains(answer, "app not allowed"));
}

/* Without evidence of the app, or without the webhook's yes, there is no grant. */
static void test_no_grants(void) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  Channels channels = find_channels(attacker);
  g_autoptr(GBytes) certificate = seen_certificate(PRESENT_APP), quote = NULL;
  gsize len;
  const void *der = g_bytes_get_data(certificate, &len);
  g_autoptr(X509) parsed = cert_from_der(der, len, NULL);
  g_assert_true(cert_extension(parsed, RATLS_OID_QUOTE, &quote, NULL));
  g_autoptr(GBytes) spki = cert_spki(parsed);
  g_autoptr(GBytes) other_key = alter(certificate, spki, P256_SPKI_SIZE - 1);
  expect_no_grant(attacker, channels.verifier, other_key);
  for (gsize at = 0; at < SIGNED_QUOTE; at += 40) {
    g_autoptr(GBytes) other_quote = alter(certificate, quote, at);
    expect_no_grant(attacker, channels.verifier, other_quote);
  }
  g_atomic_int_set(&holed->kms->hook.mode, HOOK_DENY);
  g_autoptr(WireBuffer) denied = authorize(attacker, channels.verifier, certificate);
  g_atomic_int_set(&holed->kms->hook.mode, HOOK_ALLOW);
  g_assert_true(refusal_contains(denied, "boot denied"));
  static const guint8 nothing[KMS_GRANT_SIZE];
  g_autoptr(WireBuffer) request = keys_request(nothing);
  expect_refusal(attacker, channels.keyholder, request, "no such key grant");
  holed_kms_assert_well(holed, attacker);
}

/* ---- what ends the KMS, and gives nothing ---- */

static void ends_the_kms(const void *bytes, gsize len) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  Channels channels = find_channels(attacker);
  if (attacker_send(attacker, channels.keyholder, bytes, len)) {
    g_autoptr(WireBuffer) answer = attacker_receive(attacker, channels.keyholder);
    g_assert_null(answer);
  }
  int status = kms_wait(holed->kms);
  g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
  holed_kms_assert_no_loot(holed, attacker);
  kms_start(holed->kms); /* with the keys it had */
  g_assert_true(holed_kms_serves(holed, EARLIER_APP));
}

static void test_malformed_frames(void) {
  g_autofree guint8 *large = g_malloc0(4 + KMS_MAX_SEALED_REQUEST + 1);
  memcpy(large, (const guint8[]){0, 0, 0x10, 0x01, KEYHOLDER_APP_KEYS}, 5);
  ends_the_kms("\xff\xff\xff\xff\x11", 5);
  ends_the_kms("\0\0\0\0", 4);
  ends_the_kms(large, 4 + KMS_MAX_SEALED_REQUEST + 1);
  ends_the_kms("\0\0\0\x11\x11half", 9); /* and nothing more */
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  if (!(holed = holed_kms_new()))
    return EXIT_SUCCESS;
  g_test_add_func("/kms/compromised-messages/channels", test_channels);
  g_test_add_func("/kms/compromised-messages/forged-verdicts", test_forged_verdicts);
  g_test_add_func("/kms/compromised-messages/every-message", test_every_message);
  g_test_add_func("/kms/compromised-messages/grants", test_grants);
  g_test_add_func("/kms/compromised-messages/no-grants", test_no_grants);
  g_test_add_func("/kms/compromised-messages/malformed-frames", test_malformed_frames);
  int result = g_test_run();
  holed_kms_free(holed);
  return result;
}
