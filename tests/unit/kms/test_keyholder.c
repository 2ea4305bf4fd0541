/* The key holder's protocol: what it answers in which phase, to whom, and what survives on disk. */
#include "hex_util.h"

#include "kms/audit_facts.h"
#include "kms/keyholder/handover.h"
#include "kms/keyholder/key_files.h"
#include "kms/keyholder/keyholder.h"
#include "kms/keyholder/keyholder_private.h"
#include "kms/protocol.h"
#include "kms/sealed_keys.h"

#include "base/error.h"
#include "base/file.h"
#include "crypto/envelope.h"
#include "crypto/k256.h"
#include "crypto/p256.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean count_seal(gpointer user_data, GError **error) {
  (void)error;
  (*(int *)user_data)++;
  return TRUE;
}

typedef struct {
  char *dir;
  int seals;
  KeyHolder *holder;
} Fixture;

static void open_holder(Fixture *fixture) {
  g_autoptr(GError) error = NULL;
  g_clear_pointer(&fixture->holder, keyholder_free);
  fixture->holder = keyholder_new(fixture->dir, count_seal, &fixture->seals);
  keyholder_prepare(fixture->holder, &error);
  g_assert_no_error(error);
}

static void set_up(Fixture *fixture, gconstpointer data) {
  (void)data;
  fixture->dir = g_dir_make_tmp("dstack-kms-XXXXXX", NULL);
  open_holder(fixture);
}

static void tear_down(Fixture *fixture, gconstpointer data) {
  (void)data;
  keyholder_free(fixture->holder);
  g_assert_true(file_remove_tree(fixture->dir, NULL));
  g_free(fixture->dir);
}

static WireBuffer *ask(Fixture *fixture, KeyHolderPeer peer, WireBuffer *request) {
  WireBuffer *answer = keyholder_answer(fixture->holder, peer, request);
  wire_buffer_free(request);
  return answer;
}

static WireBuffer *ask_simple(Fixture *fixture, guint8 type) {
  return ask(fixture, KEYHOLDER_FROM_FRONT, wire_buffer_new(type));
}

static WireBuffer *issue_request(guint8 type) {
  WireBuffer *request = wire_buffer_new(type);
  wire_put_text(request, "kms.example.com");
  wire_put_bytes(request, NULL);
  wire_put_bytes(request, NULL);
  wire_put_bytes(request, NULL);
  return request;
}

static void expect_ok(WireBuffer *answer) {
  if (wire_type(answer) != WIRE_OK) {
    Reader body = wire_body(answer);
    (void)reader_u8(&body);
    g_autofree char *text = wire_get_text(&body, 4096);
    g_error("refused: %s", text);
  }
  wire_buffer_free(answer);
}

static void expect_error(WireBuffer *answer, guint8 code) {
  g_assert_cmpuint(wire_type(answer), ==, WIRE_ERROR);
  Reader body = wire_body(answer);
  g_assert_cmpuint(reader_u8(&body), ==, code);
  wire_buffer_free(answer);
}

static WireBuffer *store_request(void) {
  WireBuffer *request = issue_request(KEYHOLDER_STORE);
  wire_put_text(request, "{\"a\":1}");
  return request;
}

static void bootstrap(Fixture *fixture) {
  expect_ok(ask_simple(fixture, KEYHOLDER_GENERATE));
  expect_ok(ask(fixture, KEYHOLDER_FROM_FRONT, store_request()));
}

static void seal(Fixture *fixture) {
  expect_ok(ask_simple(fixture, KEYHOLDER_LOAD));
  expect_ok(ask(fixture, KEYHOLDER_FROM_FRONT, issue_request(KEYHOLDER_REISSUE)));
  expect_ok(ask_simple(fixture, KEYHOLDER_SEAL));
  g_assert_cmpint(fixture->seals, ==, 1);
}

static void assert_state(Fixture *fixture, gboolean complete, gboolean has_root_keys) {
  g_autoptr(WireBuffer) answer = ask_simple(fixture, KEYHOLDER_STATE);
  Reader body = wire_body(answer);
  g_assert_cmpuint(wire_type(answer), ==, WIRE_OK);
  g_assert_cmpuint(reader_u8(&body), ==, complete);
  g_assert_cmpuint(reader_u8(&body), ==, has_root_keys);
}

static void assert_mode(Fixture *fixture, const char *name, mode_t mode) {
  g_autofree char *path = g_build_filename(fixture->dir, name, NULL);
  struct stat st;
  g_assert_cmpint(stat(path, &st), ==, 0);
  g_assert_cmpint(st.st_mode & 07777, ==, mode);
}

static void test_bootstrap(Fixture *fixture, gconstpointer data) {
  (void)data;
  assert_state(fixture, FALSE, FALSE);
  bootstrap(fixture);
  assert_state(fixture, TRUE, TRUE);
  for (const char *const *name = (const char *const[]){"tmp-ca.key", "root-ca.key", "rpc.key", "root-k256.key", NULL};
       *name; name++)
    assert_mode(fixture, *name, 0600);
  assert_mode(fixture, "", 0700);
  g_autofree char *domain_path = g_build_filename(fixture->dir, "rpc-domain", NULL);
  g_autofree char *domain = file_read_text(domain_path, 300, NULL);
  g_assert_cmpstr(domain, ==, "kms.example.com");
  g_autofree char *key_path = g_build_filename(fixture->dir, "root-k256.key", NULL);
  g_autoptr(GBytes) k256 = file_read(key_path, 100, NULL);
  g_assert_cmpuint(g_bytes_get_size(k256), ==, 32);
  seal(fixture);
}

static void test_never_overwrites(Fixture *fixture, gconstpointer data) {
  (void)data;
  bootstrap(fixture);
  expect_error(ask_simple(fixture, KEYHOLDER_GENERATE), DSTACK_ERROR_EXISTS);
  open_holder(fixture);
  expect_error(ask_simple(fixture, KEYHOLDER_GENERATE), DSTACK_ERROR_EXISTS);
  g_autofree char *path = g_build_filename(fixture->dir, "rpc.crt", NULL);
  g_assert_cmpint(g_unlink(path), ==, 0);
  assert_state(fixture, FALSE, TRUE);
  expect_error(ask_simple(fixture, KEYHOLDER_GENERATE), DSTACK_ERROR_EXISTS);
}

static void test_two_generations(Fixture *fixture, gconstpointer data) {
  (void)data;
  expect_ok(ask_simple(fixture, KEYHOLDER_GENERATE)); /* say the agent failed: nothing was stored */
  assert_state(fixture, FALSE, FALSE);
  bootstrap(fixture);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, store_request()), DSTACK_ERROR_INVALID);
}

/* Moves what bootstrap stored back to where a kill would have left it. */
static void pretend_killed(Fixture *fixture, const char *stage, const char *const *names) {
  g_autofree char *stage_dir = g_build_filename(fixture->dir, stage, NULL);
  g_assert_cmpint(g_mkdir(stage_dir, 0700), ==, 0);
  for (; *names; names++) {
    g_autofree char *from = g_build_filename(fixture->dir, *names, NULL);
    g_autofree char *to = g_build_filename(stage_dir, *names, NULL);
    g_assert_cmpint(g_rename(from, to), ==, 0);
  }
}

static void test_killed_before_commit(Fixture *fixture, gconstpointer data) {
  (void)data;
  bootstrap(fixture);
  pretend_killed(fixture, ".new",
                 (const char *const[]){"tmp-ca.key", "root-ca.key", "rpc.key", "root-k256.key", "tmp-ca.crt",
                                       "root-ca.crt", "rpc.crt", "rpc-domain", NULL});
  open_holder(fixture);
  assert_state(fixture, FALSE, FALSE);
  bootstrap(fixture);
  seal(fixture);
}

static void test_killed_after_commit(Fixture *fixture, gconstpointer data) {
  (void)data;
  bootstrap(fixture);
  g_autofree char *path = g_build_filename(fixture->dir, "root-ca.key", NULL);
  g_autofree char *before = file_read_text(path, 4096, NULL);
  pretend_killed(fixture, ".commit",
                 (const char *const[]){"root-ca.key", "root-k256.key", "rpc.crt", "rpc-domain", NULL});
  open_holder(fixture);
  assert_state(fixture, TRUE, TRUE);
  g_autofree char *after = file_read_text(path, 4096, NULL);
  g_assert_cmpstr(before, ==, after);
  seal(fixture);
}

static void test_takes_over(Fixture *fixture, gconstpointer data) {
  (void)data;
  bootstrap(fixture);
  g_autofree char *key = g_build_filename(fixture->dir, "root-ca.key", NULL);
  g_autofree char *leftover = g_build_filename(fixture->dir, "rpc.crt.Ab12xY", NULL);
  g_assert_cmpint(g_chmod(key, 0644), ==, 0);
  g_assert_cmpint(g_chmod(fixture->dir, 0755), ==, 0);
  g_assert_true(g_file_set_contents(leftover, "x", 1, NULL));
  open_holder(fixture);
  assert_mode(fixture, "root-ca.key", 0600);
  assert_mode(fixture, "", 0700);
  g_assert_false(g_file_test(leftover, G_FILE_TEST_EXISTS));
  seal(fixture);
}

static void test_foreign_certificate(Fixture *fixture, gconstpointer data) {
  (void)data;
  bootstrap(fixture);
  g_autofree char *root = g_build_filename(fixture->dir, "root-ca.crt", NULL);
  g_autofree char *temp = g_build_filename(fixture->dir, "tmp-ca.crt", NULL);
  g_autofree char *content = file_read_text(temp, 8192, NULL);
  g_assert_true(g_file_set_contents(root, content, -1, NULL));
  expect_ok(ask_simple(fixture, KEYHOLDER_LOAD));
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, issue_request(KEYHOLDER_REISSUE)), DSTACK_ERROR_UNVERIFIED);
  expect_error(ask_simple(fixture, KEYHOLDER_SEAL), DSTACK_ERROR_INVALID);
}

static void put_facts(WireBuffer *request, AuditRequest what, gboolean proven) {
  AuditFacts facts = {.request = what, .proven = proven, .has_instance_id = TRUE, .contract_block = 7};
  memset(facts.app_id, 'a', sizeof facts.app_id);
  memset(facts.instance_id, 'i', sizeof facts.instance_id);
  audit_facts_put(request, &facts);
}

static WireBuffer *grant_request(gboolean proven) {
  WireBuffer *request = wire_buffer_new(KEYHOLDER_GRANT);
  put_facts(request, AUDIT_APP_KEY, proven);
  return request;
}

static WireBuffer *app_keys_request(const guint8 *grant) {
  WireBuffer *request = wire_buffer_new(KEYHOLDER_APP_KEYS);
  wire_put_fixed(request, grant, KMS_GRANT_SIZE);
  return request;
}

static void test_grants(Fixture *fixture, gconstpointer data) {
  (void)data;
  guint8 grant[KMS_GRANT_SIZE] = {0};
  bootstrap(fixture);
  expect_error(ask(fixture, KEYHOLDER_FROM_VERIFIER, grant_request(TRUE)), DSTACK_ERROR_DENIED); /* not sealed yet */
  seal(fixture);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, app_keys_request(grant)), DSTACK_ERROR_DENIED);
  /* The front can't grant, the verifier can't take. */
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, grant_request(TRUE)), DSTACK_ERROR_DENIED);
  g_autoptr(WireBuffer) granted = ask(fixture, KEYHOLDER_FROM_VERIFIER, grant_request(TRUE));
  Reader body = wire_body(granted);
  reader_copy(&body, grant, sizeof grant);
  g_assert_true(reader_finish(&body, "grant", NULL));
  expect_error(ask(fixture, KEYHOLDER_FROM_VERIFIER, app_keys_request(grant)), DSTACK_ERROR_DENIED);
  g_autoptr(WireBuffer) keys = ask(fixture, KEYHOLDER_FROM_FRONT, app_keys_request(grant));
  g_assert_cmpuint(wire_type(keys), ==, WIRE_OK);
  body = wire_body(keys);
  g_assert_cmpuint(reader_remaining(&body), ==, 3 * 32 + K256_SIGNATURE_SIZE);
  /* Once. */
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, app_keys_request(grant)), DSTACK_ERROR_DENIED);
  expect_error(ask(fixture, KEYHOLDER_FROM_VERIFIER, grant_request(FALSE)), DSTACK_ERROR_INVALID);
}

static void test_sealed_has_no_files(Fixture *fixture, gconstpointer data) {
  (void)data;
  bootstrap(fixture);
  seal(fixture);
  for (guint8 type = KEYHOLDER_STATE; type <= KEYHOLDER_SEAL; type++)
    expect_error(ask_simple(fixture, type), DSTACK_ERROR_DENIED);
  for (guint type = 0; type < 256; type++)
    if (type != KEYHOLDER_ENV_KEY && type != KEYHOLDER_APP_KEYS && type != KEYHOLDER_SEALED_ROOT &&
        type != KEYHOLDER_PLAIN_ROOT)
      expect_error(ask_simple(fixture, (guint8)type), DSTACK_ERROR_DENIED);
}

static WireBuffer *sign_request(gconstpointer spki, gsize spki_len, guint8 n_alt_names) {
  WireBuffer *request = wire_buffer_new(KEYHOLDER_SIGN_LEAF);
  put_facts(request, AUDIT_CERTIFICATE, TRUE);
  wire_put_blob(request, spki, spki_len);
  wire_put_u8(request, 0);
  wire_put_text(request, "");
  wire_put_text(request, "app");
  wire_put_u8(request, n_alt_names);
  if (n_alt_names)
    wire_put_text(request, "app.example.com");
  wire_put_u8(request, 1);
  wire_put_u8(request, 0);
  for (guint i = 0; i < 4; i++) /* quote, event log, attestation, app info */
    wire_put_bytes(request, NULL);
  wire_put_u64(request, 0);
  wire_put_u64(request, 0);
  return request;
}

static void test_sign(Fixture *fixture, gconstpointer data) {
  (void)data;
  bootstrap(fixture);
  seal(fixture);
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(GBytes) spki = p256_spki(key);
  gsize len;
  const void *der = g_bytes_get_data(spki, &len);
  expect_ok(ask(fixture, KEYHOLDER_FROM_VERIFIER, sign_request(der, len, 1)));
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, sign_request(der, len, 1)), DSTACK_ERROR_DENIED);
  expect_error(ask(fixture, KEYHOLDER_FROM_VERIFIER, sign_request("x", 1, 0)), DSTACK_ERROR_INVALID);
  expect_error(ask(fixture, KEYHOLDER_FROM_VERIFIER, sign_request(der, len, 2)), DSTACK_ERROR_INVALID);
}

/* ---- root keys, to another KMS and from one ---- */

static void grant(Fixture *fixture, WireBuffer *request, guint8 name[KMS_GRANT_SIZE]) {
  g_autoptr(WireBuffer) granted = ask(fixture, KEYHOLDER_FROM_VERIFIER, request);
  Reader body = wire_body(granted);
  g_assert_true(reader_copy(&body, name, KMS_GRANT_SIZE));
}

static WireBuffer *root_grant_request(EVP_PKEY *key) {
  WireBuffer *request = wire_buffer_new(KEYHOLDER_GRANT_ROOT);
  g_autoptr(GBytes) spki = p256_spki(key);
  put_facts(request, AUDIT_KMS_KEY, TRUE);
  wire_put_fixed(request, g_bytes_get_data(spki, NULL), P256_SPKI_SIZE);
  return request;
}

static void grant_root(Fixture *fixture, EVP_PKEY *key, guint8 name[KMS_GRANT_SIZE]) {
  grant(fixture, root_grant_request(key), name);
}

static WireBuffer *plain_request(const guint8 *name) {
  WireBuffer *request = wire_buffer_new(KEYHOLDER_PLAIN_ROOT);
  wire_put_fixed(request, name, KMS_GRANT_SIZE);
  return request;
}

static WireBuffer *sealed_request(const guint8 *name, const guint8 *recipient, EVP_PKEY *signer) {
  guint8 statement[KMS_RECIPIENT_STATEMENT_SIZE];
  sealed_keys_statement(recipient, statement);
  g_autoptr(GBytes) signature = p256_sign(signer, statement, sizeof statement);
  WireBuffer *request = wire_buffer_new(KEYHOLDER_SEALED_ROOT);
  wire_put_fixed(request, name, KMS_GRANT_SIZE);
  wire_put_fixed(request, recipient, KMS_RECIPIENT_SIZE);
  wire_put_bytes(request, signature);
  return request;
}

static void test_root_grants(Fixture *fixture, gconstpointer data) {
  (void)data;
  bootstrap(fixture);
  seal(fixture);
  g_autoptr(EVP_PKEY) key = p256_generate(), other = p256_generate();
  g_autoptr(Secret) secret = secret_new_random(X25519_SIZE);
  guint8 name[KMS_GRANT_SIZE] = {0}, recipient[KMS_RECIPIENT_SIZE];
  x25519_public(secret_peek(secret), recipient);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, sealed_request(name, recipient, key)), DSTACK_ERROR_DENIED);
  /* One kind of grant does not open the other, and is spent. */
  grant(fixture, grant_request(TRUE), name);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, sealed_request(name, recipient, key)), DSTACK_ERROR_DENIED);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, app_keys_request(name)), DSTACK_ERROR_DENIED);
  grant_root(fixture, key, name);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, app_keys_request(name)), DSTACK_ERROR_DENIED);
  /* Whom the verifier saw must ask, and sealed. */
  grant_root(fixture, key, name);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, sealed_request(name, recipient, other)), DSTACK_ERROR_UNVERIFIED);
  grant_root(fixture, key, name);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, plain_request(name)), DSTACK_ERROR_DENIED);
  grant_root(fixture, key, name);
  expect_ok(ask(fixture, KEYHOLDER_FROM_FRONT, sealed_request(name, recipient, key)));
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, sealed_request(name, recipient, key)), DSTACK_ERROR_DENIED);
  keyholder_allow_plain_handover(fixture->holder);
  grant_root(fixture, key, name);
  expect_ok(ask(fixture, KEYHOLDER_FROM_FRONT, plain_request(name)));
}

/* The front has the key of this KMS's own certificate, which carries evidence: it is no newcomer. */
static void test_root_grant_for_itself(Fixture *fixture, gconstpointer data) {
  (void)data;
  bootstrap(fixture);
  seal(fixture);
  expect_error(ask(fixture, KEYHOLDER_FROM_VERIFIER, root_grant_request(fixture->holder->keys->rpc)),
               DSTACK_ERROR_DENIED);
}

static WireBuffer *adopt_request(Fixture *fixture, const RootKeys *keys, EVP_PKEY *ca) {
  guint8 recipient[KMS_RECIPIENT_SIZE];
  g_autoptr(WireBuffer) answer = ask_simple(fixture, KEYHOLDER_RECIPIENT);
  Reader body = wire_body(answer);
  g_assert_true(reader_copy(&body, recipient, sizeof recipient));
  g_autoptr(GBytes) sealed = handover_seal(keys, recipient, NULL);
  g_autoptr(GBytes) spki = p256_spki(ca);
  WireBuffer *request = wire_buffer_new(KEYHOLDER_ADOPT);
  wire_put_bytes(request, sealed);
  wire_put_bytes(request, spki);
  return request;
}

static void test_adopts(Fixture *fixture, gconstpointer data) {
  (void)data;
  g_autoptr(RootKeys) keys = root_keys_generate();
  g_autoptr(EVP_PKEY) other = p256_generate();
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, adopt_request(fixture, keys, other)), DSTACK_ERROR_UNVERIFIED);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, store_request()), DSTACK_ERROR_INVALID);
  /* What was sealed for one recipient is of no use once there is another. */
  WireBuffer *late = adopt_request(fixture, keys, keys->root_ca);
  wire_buffer_free(ask_simple(fixture, KEYHOLDER_RECIPIENT));
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, late), DSTACK_ERROR_UNVERIFIED);
  WireBuffer *unasked = wire_buffer_new(KEYHOLDER_ADOPT);
  wire_put_bytes(unasked, NULL);
  wire_put_bytes(unasked, NULL);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, unasked), DSTACK_ERROR_INVALID);
  expect_ok(ask(fixture, KEYHOLDER_FROM_FRONT, adopt_request(fixture, keys, keys->root_ca)));
  expect_ok(ask(fixture, KEYHOLDER_FROM_FRONT, store_request()));
  expect_error(ask_simple(fixture, KEYHOLDER_RECIPIENT), DSTACK_ERROR_EXISTS);
  g_autoptr(RootKeys) stored = key_files_load(fixture->dir, NULL);
  g_assert_cmpint(EVP_PKEY_eq(stored->root_ca, keys->root_ca), ==, 1);
  g_assert_true(secret_equal(stored->k256, keys->k256));
  seal(fixture);
}

/* The rule of newer versions: CA certificates stay as they are until their last year, and must be there. */
static void test_reissue(Fixture *fixture, gconstpointer data) {
  (void)data;
  bootstrap(fixture);
  g_autofree char *path = g_build_filename(fixture->dir, "root-ca.crt", NULL);
  g_autofree char *before = file_read_text(path, 8192, NULL);
  expect_ok(ask_simple(fixture, KEYHOLDER_LOAD));
  expect_ok(ask(fixture, KEYHOLDER_FROM_FRONT, issue_request(KEYHOLDER_REISSUE)));
  g_autofree char *after = file_read_text(path, 8192, NULL);
  g_assert_cmpstr(before, ==, after);
  g_assert_true(g_file_set_contents(path, "no certificate", -1, NULL));
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, issue_request(KEYHOLDER_REISSUE)), DSTACK_ERROR_INVALID);
  g_assert_cmpint(g_unlink(path), ==, 0);
  expect_error(ask(fixture, KEYHOLDER_FROM_FRONT, issue_request(KEYHOLDER_REISSUE)), DSTACK_ERROR_NOT_FOUND);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  const struct {
    const char *name;
    void (*run)(Fixture *, gconstpointer);
  } tests[] = {{"bootstrap", test_bootstrap},
               {"never-overwrites", test_never_overwrites},
               {"two-generations", test_two_generations},
               {"killed-before-commit", test_killed_before_commit},
               {"killed-after-commit", test_killed_after_commit},
               {"takes-over", test_takes_over},
               {"foreign-certificate", test_foreign_certificate},
               {"grants", test_grants},
               {"sealed-has-no-files", test_sealed_has_no_files},
               {"sign", test_sign},
               {"root-grants", test_root_grants},
               {"root-grant-for-itself", test_root_grant_for_itself},
               {"adopts", test_adopts},
               {"reissue", test_reissue}};
  for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
    g_autofree char *path = g_strconcat("/kms/keyholder/", tests[i].name, NULL);
    g_test_add(path, Fixture, NULL, set_up, tests[i].run, tear_down);
  }
  return g_test_run();
}
