/* The audit log: what is written can be checked, what was changed is found, what can't be written is not released. */
#include "kms/keyholder/audit.h"

#include "audit/chain.h"
#include "audit/segments.h"
#include "base/error.h"
#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_LINES 5

typedef struct {
  char *dir, *path; /* of the log, of its first segment */
  Secret *key;
  guint8 public_key[K256_PUBLIC_SIZE];
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data) {
  (void)data;
  fixture->dir = g_dir_make_tmp("dstack-audit-XXXXXX", NULL);
  fixture->path = g_build_filename(fixture->dir, "audit-00000001.jsonl", NULL);
  fixture->key = k256_generate();
  g_assert_true(k256_public(fixture->key, fixture->public_key, NULL));
}

static void tear_down(Fixture *fixture, gconstpointer data) {
  (void)data;
  g_assert_true(file_remove_tree(fixture->dir, NULL));
  g_free(fixture->dir);
  g_free(fixture->path);
  secret_free(fixture->key);
}

static Audit *open_audit(Fixture *fixture) {
  g_autoptr(GError) error = NULL;
  Audit *audit = audit_open(fixture->dir, FALSE, fixture->key, &error);
  g_assert_no_error(error);
  return audit;
}

static void open_fails(Fixture *fixture, int code, const char *why) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Audit) audit = audit_open(fixture->dir, FALSE, fixture->key, &error);
  g_assert_null(audit);
  g_assert_error(error, DSTACK_ERROR, code);
  if (!strstr(error->message, why))
    g_error("expected \"%s\", got \"%s\"", why, error->message);
}

static AuditFacts some_facts(void) {
  AuditFacts facts = {.request = AUDIT_APP_KEY, .proven = TRUE, .contract_block = 123456};
  memset(facts.app_id, 0xaa, sizeof facts.app_id);
  (void)g_strlcpy(facts.tcb_status, "UpToDate", sizeof facts.tcb_status);
  return facts;
}

static void release(Audit *audit) {
  AuditFacts facts = some_facts();
  g_autoptr(GError) error = NULL;
  audit_release(audit, &facts, NULL, &error);
  g_assert_no_error(error);
}

static char *content(Fixture *fixture) {
  g_autoptr(GError) error = NULL;
  char *text = file_read_text(fixture->path, 1024 * 1024, &error);
  g_assert_no_error(error);
  return text;
}

/* The number of good lines; 0 when any is bad, or the last one is not the head. */
static guint64 count_good(const char *text, gsize len, const guint8 *public_key, const guint8 *head) {
  AuditChain chain = {0};
  for (const char *end; len > 0; text = end + 1) {
    end = memchr(text, '\n', len);
    if (!end || !audit_chain_add(&chain, text, (gsize)(end - text), public_key, NULL))
      return 0;
    len -= (gsize)(end - text) + 1;
  }
  return head && memcmp(head, chain.head, sizeof chain.head) != 0 ? 0 : chain.last;
}

static void write_log(Fixture *fixture) {
  g_autoptr(Audit) audit = open_audit(fixture);
  for (guint i = 1; i < N_LINES; i++)
    release(audit);
}

static void test_lines(Fixture *fixture, gconstpointer data) {
  (void)data;
  write_log(fixture);
  g_autofree char *text = content(fixture);
  g_assert_cmpuint(count_good(text, strlen(text), fixture->public_key, NULL), ==, N_LINES);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  g_autoptr(json_t) start = json_parse(lines[0], strlen(lines[0]), "line", NULL);
  g_autoptr(json_t) line = json_parse(lines[1], strlen(lines[1]), "line", NULL);
  g_assert_cmpstr(json_string_value(json_object_get(start, "event")), ==, "start");
  g_assert_cmpstr(json_string_value(json_object_get(line, "event")), ==, "release");
  g_assert_cmpstr(json_string_value(json_object_get(line, "request")), ==, "GetAppKey");
  g_assert_cmpstr(json_string_value(json_object_get(line, "app_id")), ==, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  g_assert_cmpstr(json_string_value(json_object_get(line, "instance_id")), ==, "");
  g_assert_cmpint(json_integer_value(json_object_get(line, "contract_block")), ==, 123456);
  struct stat st;
  g_assert_cmpint(stat(fixture->path, &st), ==, 0);
  g_assert_cmpint(st.st_mode & 07777, ==, 0600);
  g_autoptr(Audit) again = open_audit(fixture); /* goes on where it ended */
  g_autofree char *more = content(fixture);
  g_assert_cmpuint(count_good(more, strlen(more), fixture->public_key, NULL), ==, N_LINES + 1);
}

/* With the key a change is found by itself; without it, by whoever remembers the head. */
static void test_any_flipped_bit(Fixture *fixture, gconstpointer data) {
  (void)data;
  write_log(fixture);
  g_autofree char *text = content(fixture);
  gsize len = strlen(text);
  AuditChain chain = {0};
  guint8 head[SHA256_SIZE];
  for (char **line = g_strsplit(text, "\n", -1), **first = line;; line++) {
    if (!**line) {
      g_strfreev(first);
      break;
    }
    g_assert_true(audit_chain_add(&chain, *line, strlen(*line), NULL, NULL));
  }
  memcpy(head, chain.head, sizeof head);
  for (gsize i = 0; i < len; i++) {
    char before = text[i];
    text[i] ^= (char)(1 << (i % 8));
    g_assert_cmpuint(count_good(text, len, NULL, head), ==, 0);
    if (i % 16 == 0) /* signatures take their time */
      g_assert_cmpuint(count_good(text, len, fixture->public_key, NULL), ==, 0);
    text[i] = before;
  }
  g_assert_cmpuint(count_good(text, len, fixture->public_key, head), ==, N_LINES);
}

static void test_moved_lines(Fixture *fixture, gconstpointer data) {
  (void)data;
  write_log(fixture);
  g_autofree char *text = content(fixture);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  g_autofree char *removed = g_strjoin("\n", lines[0], lines[1], lines[3], lines[4], "", NULL);
  g_autofree char *swapped = g_strjoin("\n", lines[0], lines[2], lines[1], lines[3], lines[4], "", NULL);
  g_autofree char *doubled = g_strjoin("\n", lines[0], lines[1], lines[1], "", NULL);
  g_assert_cmpuint(count_good(removed, strlen(removed), NULL, NULL), ==, 0);
  g_assert_cmpuint(count_good(swapped, strlen(swapped), NULL, NULL), ==, 0);
  g_assert_cmpuint(count_good(doubled, strlen(doubled), NULL, NULL), ==, 0);
}

/* A kill at every byte of a line. */
static void test_torn_line(Fixture *fixture, gconstpointer data) {
  (void)data;
  write_log(fixture);
  g_autofree char *text = content(fixture);
  gsize len = strlen(text);
  for (gsize cut = 1; cut < 200; cut += 7) {
    g_assert_true(g_file_set_contents(fixture->path, text, (gssize)(len - cut), NULL));
    g_autoptr(Audit) audit = open_audit(fixture);
    release(audit);
    g_autofree char *repaired = content(fixture);
    g_assert_cmpuint(count_good(repaired, strlen(repaired), fixture->public_key, NULL), ==, N_LINES + 1);
    g_assert_nonnull(strstr(repaired, "\"torn_bytes\":"));
  }
}

static void test_damage_is_not_repaired(Fixture *fixture, gconstpointer data) {
  (void)data;
  write_log(fixture);
  g_autofree char *text = content(fixture);
  text[100] ^= 1;
  g_assert_true(g_file_set_contents(fixture->path, text, -1, NULL));
  open_fails(fixture, DSTACK_ERROR_UNVERIFIED, "audit-00000001.jsonl: after line 0: ");
  secret_free(fixture->key);
  fixture->key = k256_generate();
  text[100] ^= 1;
  g_assert_true(g_file_set_contents(fixture->path, text, -1, NULL));
  open_fails(fixture, DSTACK_ERROR_UNVERIFIED, "signature is not that of the key");
}

static void test_one_writer(Fixture *fixture, gconstpointer data) {
  (void)data;
  g_autoptr(Audit) audit = open_audit(fixture);
  open_fails(fixture, DSTACK_ERROR_UNAVAILABLE, "another process writes it");
}

static void limit_file_size(rlim_t bytes) {
  struct rlimit limit;
  g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
  limit.rlim_cur = bytes;
  g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

/* Half of a line fits: neither is the release allowed nor the log left unreadable. */
static void test_no_room(Fixture *fixture, gconstpointer data) {
  (void)data;
  g_autoptr(Audit) audit = open_audit(fixture);
  release(audit);
  struct stat st;
  g_assert_cmpint(stat(fixture->path, &st), ==, 0);
  AuditFacts facts = some_facts();
  for (rlim_t room = 0; room <= 300; room += 300) {
    g_autoptr(GError) error = NULL;
    limit_file_size((rlim_t)st.st_size + room);
    g_assert_false(audit_release(audit, &facts, NULL, &error));
    limit_file_size(RLIM_INFINITY);
    g_assert_nonnull(error);
    g_assert_true(
        g_str_has_prefix(error->message, "nothing is released that can not be recorded: audit log: failed to write: "));
  }
  release(audit);
  g_autofree char *text = content(fixture);
  g_assert_cmpuint(count_good(text, strlen(text), fixture->public_key, NULL), ==, 3);
}

/* Strangers can't fill the disk. */
static void test_refusals_are_bounded(Fixture *fixture, gconstpointer data) {
  (void)data;
  g_autoptr(Audit) audit = open_audit(fixture);
  AuditFacts stranger = {.request = AUDIT_APP_KEY}, known = some_facts();
  for (guint i = 0; i < 2 * AUDIT_REFUSALS_BURST; i++)
    g_assert_true(audit_refusal(audit, &stranger, "no attestation provided", NULL));
  g_assert_true(audit_refusal(audit, &known, "boot denied: \"no\"\n", NULL));
  g_autofree char *text = content(fixture);
  guint64 lines = count_good(text, strlen(text), fixture->public_key, NULL);
  g_assert_cmpuint(lines, >=, AUDIT_REFUSALS_BURST + 2);
  g_assert_cmpuint(lines, <, AUDIT_REFUSALS_BURST + 20); /* some more on a slow machine */
  g_assert_nonnull(strstr(text, "\"refusals_not_recorded\":"));
  g_assert_nonnull(strstr(text, "\"reason\":\"boot denied: \\\"no\\\"\\n\""));
}

static void test_next_segment(Fixture *fixture, gconstpointer data) {
  (void)data;
  write_log(fixture);
  g_autofree char *second = g_build_filename(fixture->dir, "audit-00000002.jsonl", NULL);
  /* A crash came between the making of a segment and its first line. */
  g_assert_true(g_file_set_contents(second, "", 0, NULL));
  g_clear_pointer(&fixture->path, g_free);
  fixture->path = g_strdup(second);
  g_autoptr(Audit) audit = open_audit(fixture);
  g_autofree char *text = content(fixture);
  AuditLine line;
  g_assert_true(audit_line_read(text, strlen(text) - 1, &line, NULL));
  g_assert_cmpuint(line.seq, ==, N_LINES + 1);
}

static void test_hostile_lines(Fixture *fixture, gconstpointer data) {
  (void)data;
  write_log(fixture);
  g_autofree char *text = content(fixture);
  gsize len = strcspn(text, "\n");
  AuditLine line;
  g_assert_true(audit_line_read(text, len, &line, NULL));
  for (gsize cut = 0; cut < len; cut++)
    g_assert_false(audit_line_read(text, cut, &line, NULL));
  static const char *const bad[] = {"", "{}", "{\"seq\":0", "{\"seq\":01", "{\"seq\":99999999999999999999", NULL};
  for (const char *const *one = bad; *one; one++)
    g_assert_false(audit_line_read(*one, strlen(*one), &line, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  (void)signal(SIGXFSZ, SIG_IGN);
  const struct {
    const char *name;
    void (*run)(Fixture *, gconstpointer);
  } tests[] = {{"lines", test_lines},
               {"any-flipped-bit", test_any_flipped_bit},
               {"moved-lines", test_moved_lines},
               {"torn-line", test_torn_line},
               {"damage-is-not-repaired", test_damage_is_not_repaired},
               {"one-writer", test_one_writer},
               {"no-room", test_no_room},
               {"refusals-are-bounded", test_refusals_are_bounded},
               {"next-segment", test_next_segment},
               {"hostile-lines", test_hostile_lines}};
  for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
    g_autofree char *path = g_strconcat("/kms/audit/", tests[i].name, NULL);
    g_test_add(path, Fixture, NULL, set_up, tests[i].run, tear_down);
  }
  return g_test_run();
}
