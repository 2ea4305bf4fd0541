/* The interop round of the C SDK: uses all of it once and prints what it got. */
#include <dstack/dstack.h>

#include <err.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RTMR_OFFSET 376
#define REPORT_DATA_OFFSET 568
#define REPORT_DATA_SIZE 64

typedef struct {
  dstack_client *client, *tappd;
  json_t *inputs, *out;
} Round;

static dstack_error failure;

/* Ends the round: a value that is missing for an error would be a difference without a reason. */
static void must(dstack_status status) {
  if (status != DSTACK_OK)
    errx(1, "%s", failure.message);
}

static json_t *hex(const void *data, size_t size) {
  const uint8_t *bytes = data;
  char *text = malloc(2 * size + 1);
  for (size_t i = 0; i < size; i++)
    snprintf(text + 2 * i, 3, "%02x", bytes[i]);
  json_t *value = json_stringn(text, 2 * size);
  free(text);
  return value;
}

static size_t unhex(const char *text, uint8_t *out, size_t capacity) {
  size_t size = strlen(text) / 2;
  if (size > capacity)
    errx(1, "an input is too long");
  for (size_t i = 0; i < size; i++) {
    unsigned value;
    if (sscanf(text + 2 * i, "%2x", &value) != 1)
      errx(1, "an input is not hex");
    out[i] = (uint8_t)value;
  }
  return size;
}

static void put(Round *round, const char *name, json_t *value) {
  if (json_object_set_new(round->out, name, value) != 0)
    errx(1, "%s: out of memory", name);
}

static void run_info(Round *round) {
  dstack_info info;
  must(dstack_get_info(round->client, &info, &failure));
  const struct {
    const char *name, *value;
  } members[] = {
      {"info.app_id", info.app_id},
      {"info.instance_id", info.instance_id},
      {"info.app_name", info.app_name},
      {"info.device_id", info.device_id},
      {"info.mr_aggregated", info.mr_aggregated},
      {"info.os_image_hash", info.os_image_hash},
      {"info.compose_hash", info.compose_hash},
      {"info.key_provider_info", info.key_provider_info},
      {"info.vm_config", info.vm_config},
      {"info.mrtd", info.tcb_info.mrtd},
      {"info.rtmr0", info.tcb_info.rtmr0},
      {"info.rtmr1", info.tcb_info.rtmr1},
      {"info.rtmr2", info.tcb_info.rtmr2},
      {"info.rtmr3", info.tcb_info.rtmr3},
      {"info.app_compose", info.tcb_info.app_compose},
  };
  for (size_t i = 0; i < sizeof members / sizeof *members; i++)
    put(round, members[i].name, json_string(members[i].value));
  dstack_info_clear(&info);
}

static void put_key(Round *round, const char *name, const char *chain_name, const char *path, const char *purpose,
                    const char *algorithm) {
  dstack_key key;
  must(dstack_get_key(round->client, path, purpose, algorithm, &key, &failure));
  put(round, name, hex(key.key, sizeof key.key));
  if (chain_name)
    put(round, chain_name,
        json_pack("[o, o]", hex(key.signature_chain.items[0].data, key.signature_chain.items[0].size),
                  hex(key.signature_chain.items[1].data, key.signature_chain.items[1].size)));
  dstack_key_clear(&key);
}

static void run_accounts(Round *round) {
  dstack_key key;
  dstack_ethereum_account account;
  dstack_solana_keypair pair;
  must(dstack_get_key(round->client, "eth/test", "wallet", NULL, &key, &failure));
  must(dstack_to_ethereum_account(&key, &account, &failure));
  char address[2 + 40 + 1] = "0x";
  for (size_t i = 0; i < sizeof account.address; i++)
    snprintf(address + 2 + 2 * i, 3, "%02x", account.address[i]);
  put(round, "ethereum.address", json_string(address));
  dstack_key_clear(&key);
  must(dstack_get_key(round->client, "sol/test", "wallet", NULL, &key, &failure));
  must(dstack_to_solana_keypair(&key, &pair, &failure));
  put(round, "solana.public_key", hex(pair.public_key, sizeof pair.public_key));
  dstack_key_clear(&key);
  dstack_ethereum_account_clear(&account);
  dstack_solana_keypair_clear(&pair);
}

static void run_keys(Round *round) {
  put_key(round, "key.default", NULL, NULL, NULL, NULL);
  put_key(round, "key.wallet", "key.wallet.chain", "test/wallet", "ethereum", NULL);
  put_key(round, "key.signing", "key.signing.chain", "test/signing", "solana", NULL);
  put_key(round, "key.alice", NULL, "user/alice", "mainnet", NULL);
  put_key(round, "key.ed25519", "key.ed25519.chain", "/", "test", "ed25519");
  dstack_key key;
  dstack_status status = dstack_get_key(round->client, "/", "", "no-such-algorithm", &key, &failure);
  put(round, "error.names_cause", json_boolean(status != DSTACK_OK && strstr(failure.message, "algorithm")));
  run_accounts(round);
}

static void run_tls_keys(Round *round) {
  const char *const names[] = {"a.interop.example", "b.interop.example"};
  const dstack_tls_key_options options = {.subject = "interop.example", .alt_names = names, .alt_name_count = 2};
  dstack_tls_key first, second;
  must(dstack_get_tls_key(round->client, &options, &first, &failure));
  must(dstack_get_tls_key(round->client, &options, &second, &failure));
  static const char begin[] = "-----BEGIN PRIVATE KEY-----";
  put(round, "tls.pem", json_boolean(strncmp(first.key, begin, strlen(begin)) == 0));
  put(round, "tls.chain_length", json_integer((json_int_t)first.certificate_chain.count));
  put(round, "tls.fresh", json_boolean(strcmp(first.key, second.key) != 0));
  dstack_tls_key_clear(&first);
  dstack_tls_key_clear(&second);
}

/* Four registers that follow one another. */
static json_t *register_list(const uint8_t *registers) {
  json_t *list = json_array();
  for (size_t i = 0; i < DSTACK_RTMR_COUNT; i++)
    json_array_append_new(list, hex(registers + i * DSTACK_RTMR_SIZE, DSTACK_RTMR_SIZE));
  return list;
}

static json_t *load_events(const dstack_quote *quote) {
  json_t *events = json_loads(quote->event_log, 0, NULL);
  if (json_array_size(events) == 0)
    errx(1, "there is no event log");
  return events;
}

static void run_quote(Round *round) {
  uint8_t registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE], large[REPORT_DATA_SIZE + 1] = {0};
  dstack_quote quote, none;
  must(dstack_get_quote(round->client, "interop", 7, &quote, &failure));
  must(dstack_replay_rtmrs(quote.event_log, registers, &failure));
  put(round, "quote.report_data", hex(quote.quote.data + REPORT_DATA_OFFSET, REPORT_DATA_SIZE));
  put(round, "quote.rtmrs", register_list(quote.quote.data + RTMR_OFFSET));
  put(round, "quote.replayed", register_list(registers[0]));
  put(round, "quote.vm_config", json_string(quote.vm_config));
  json_t *events = load_events(&quote), *names = json_array(), *event;
  size_t i;
  json_array_foreach(events, i, event) json_array_append(names, json_object_get(event, "event"));
  put(round, "quote.events", names);
  json_decref(events);
  dstack_quote_clear(&quote);
  put(round, "quote.refuses_65",
      json_boolean(dstack_get_quote(round->client, large, sizeof large, &none, NULL) != DSTACK_OK));
}

static void run_event(Round *round) {
  uint8_t registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE];
  static const char payload[] = "test payload";
  dstack_quote quote;
  must(dstack_emit_event(round->client, "test-event", payload, strlen(payload), &failure));
  must(dstack_get_quote(round->client, "interop", 7, &quote, &failure));
  must(dstack_replay_rtmrs(quote.event_log, registers, &failure));
  json_t *events = load_events(&quote), *last = json_array_get(events, json_array_size(events) - 1);
  put(round, "event.last",
      json_pack("{s:O, s:O, s:O}", "event", json_object_get(last, "event"), "event_payload",
                json_object_get(last, "event_payload"), "digest", json_object_get(last, "digest")));
  json_decref(events);
  put(round, "event.replayed", hex(registers[3], DSTACK_RTMR_SIZE));
  const uint8_t *quoted = quote.quote.data + RTMR_OFFSET + 3 * DSTACK_RTMR_SIZE;
  put(round, "event.matches", json_boolean(memcmp(registers[3], quoted, DSTACK_RTMR_SIZE) == 0));
  dstack_quote_clear(&quote);
  put(round, "event.refuses_empty", json_boolean(dstack_emit_event(round->client, "", NULL, 0, NULL) != DSTACK_OK));
}

static void put_legacy_quote(Round *round, const char *name, const void *data, size_t size, const char *algorithm) {
  dstack_quote quote;
  must(dstack_tappd_tdx_quote(round->tappd, data, size, algorithm, &quote, &failure));
  put(round, name, hex(quote.quote.data + REPORT_DATA_OFFSET, REPORT_DATA_SIZE));
  dstack_quote_clear(&quote);
}

static void run_legacy(Round *round) {
  dstack_tls_key key;
  dstack_info info;
  uint8_t scalar[32], counting[REPORT_DATA_SIZE];
  for (size_t i = 0; i < sizeof counting; i++)
    counting[i] = (uint8_t)i;
  must(dstack_tappd_derive_key(round->tappd, "/", NULL, NULL, 0, &key, &failure));
  must(dstack_tls_key_scalar(&key, scalar, &failure));
  put(round, "tappd.scalar", hex(scalar, sizeof scalar));
  dstack_tls_key_clear(&key);
  put_legacy_quote(round, "tappd.raw_report_data", counting, sizeof counting, "raw");
  put_legacy_quote(round, "tappd.sha256_report_data", "test", 4, "sha256");
  must(dstack_tappd_get_info(round->tappd, &info, &failure));
  put(round, "tappd.app_id", json_string(info.app_id));
  dstack_info_clear(&info);
}

static void run_compose(Round *round) {
  json_t *entry;
  size_t i;
  json_array_foreach(json_object_get(round->inputs, "compose"), i, entry) {
    char hash[65], name[32];
    char *text = json_dumps(json_object_get(entry, "compose"), 0);
    must(
        dstack_get_compose_hash(text, strlen(text), json_is_true(json_object_get(entry, "normalize")), hash, &failure));
    snprintf(name, sizeof name, "compose.%s", json_string_value(json_object_get(entry, "name")));
    put(round, name, json_string(hash));
    free(text);
  }
}

static void run_environment(Round *round) {
  json_t *variables = json_object_get(json_object_get(round->inputs, "env"), "variables"), *variable;
  const char *public_key = json_string_value(json_object_get(json_object_get(round->inputs, "env"), "public_key"));
  dstack_env_var *list = calloc(json_array_size(variables), sizeof *list);
  size_t i;
  json_array_foreach(variables, i, variable) list[i] = (dstack_env_var){
      json_string_value(json_object_get(variable, "key")), json_string_value(json_object_get(variable, "value"))};
  char *encrypted;
  must(dstack_encrypt_env_vars(list, json_array_size(variables), public_key, &encrypted, &failure));
  put(round, "env.encrypted", json_string(encrypted));
  dstack_string_free(encrypted);
  free(list);
}

static void run_signer(Round *round) {
  const json_t *input = json_object_get(round->inputs, "env_signer");
  const char *app_id = json_string_value(json_object_get(input, "app_id"));
  uint8_t key[32], signature[65], zero[65] = {0};
  char signer[DSTACK_SIGNER_TEXT_SIZE];
  size_t key_size = unhex(json_string_value(json_object_get(input, "public_key")), key, sizeof key);
  size_t size = unhex(json_string_value(json_object_get(input, "signature")), signature, sizeof signature);
  must(dstack_verify_env_encrypt_public_key(key, key_size, signature, size, app_id, NULL, signer, &failure));
  put(round, "env.signer", json_string(signer));
  dstack_status status =
      dstack_verify_env_encrypt_public_key(key, key_size, zero, sizeof zero, app_id, NULL, signer, NULL);
  put(round, "env.signer_invalid", json_boolean(status != DSTACK_OK));
}

static bool verifies(Round *round, const dstack_signature *signed_, const char *text) {
  bool valid = false;
  must(dstack_verify(round->client, "ed25519", text, strlen(text), signed_->signature.data, signed_->signature.size,
                     signed_->public_key.data, signed_->public_key.size, &valid, &failure));
  return valid;
}

static void run_signatures(Round *round) {
  static const char text[] = "test message";
  dstack_signature ed25519, secp256k1;
  must(dstack_sign(round->client, "ed25519", text, strlen(text), &ed25519, &failure));
  must(dstack_sign(round->client, "secp256k1", text, strlen(text), &secp256k1, &failure));
  put(round, "sign.ed25519", hex(ed25519.signature.data, ed25519.signature.size));
  put(round, "sign.ed25519.public_key", hex(ed25519.public_key.data, ed25519.public_key.size));
  put(round, "sign.secp256k1", hex(secp256k1.signature.data, secp256k1.signature.size));
  put(round, "sign.secp256k1.public_key", hex(secp256k1.public_key.data, secp256k1.public_key.size));
  put(round, "sign.verified", json_boolean(verifies(round, &ed25519, text)));
  put(round, "sign.verified_other", json_boolean(verifies(round, &ed25519, "other message")));
  dstack_signature_clear(&ed25519);
  dstack_signature_clear(&secp256k1);
}

static void run_platform(Round *round) {
  dstack_version version;
  dstack_bytes attestation;
  char *gpu;
  must(dstack_get_version(round->client, &version, &failure));
  put(round, "version.version", json_string(version.version));
  dstack_version_clear(&version);
  must(dstack_attest(round->client, "interop", 7, &attestation, &failure));
  put(round, "attest.length_over_0", json_boolean(attestation.size > 0));
  dstack_bytes_clear(&attestation);
  must(dstack_gpu_info(round->client, &gpu, &failure));
  put(round, "gpu_info", json_string(gpu));
  dstack_string_free(gpu);
}

int main(void) {
  const char *path = getenv("INTEROP_INPUTS");
  json_error_t why;
  Round round = {dstack_client_new(NULL), dstack_tappd_client_new(NULL), path ? json_load_file(path, 0, &why) : NULL,
                 json_pack("{s:s}", "sdk", "sdk/c")};
  if (!round.inputs || !round.client || !round.tappd || !round.out)
    errx(1, "INTEROP_INPUTS: %s", path ? why.text : "not set");
  run_info(&round);
  run_keys(&round);
  run_tls_keys(&round);
  run_quote(&round);
  run_event(&round);
  run_legacy(&round);
  run_compose(&round);
  run_environment(&round);
  run_signer(&round);
  run_signatures(&round);
  run_platform(&round);
  json_dumpf(round.out, stdout, JSON_COMPACT);
  json_decref(round.inputs);
  json_decref(round.out);
  dstack_client_free(round.client);
  dstack_client_free(round.tappd);
  return 0;
}
