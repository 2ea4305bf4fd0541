#include "audit/chain.h"
#include "audit/lines.h"
#include "audit/segments.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUMMARY                                                                                                        \
  "Checks an audit log of a KMS: that no line was changed, removed, added or moved. Give the files in their order, "   \
  "or\n"                                                                                                               \
  "the directory they are in.\n\n"                                                                                     \
  "Lines missing at the end only show with --head: the hash of a line that was seen before. Without --public-key, "    \
  "who\n"                                                                                                              \
  "can write the files could have written the whole log anew.\n\n"                                                     \
  "Exit status: 0 good, 1 not (the first bad line is named), 2 could not be checked."

typedef struct {
  AuditChain chain;
  const guint8 *public_key; /* NULL: signatures are not checked */
  const guint8 *head;       /* NULL: none is looked for */
  guint64 head_at;          /* seq of the line with that hash; 0: not met yet */
} Check;

static gboolean check_line(Check *check, const char *line, gsize len, GError **error) {
  if (!audit_chain_add(&check->chain, line, len, check->public_key, error))
    return FALSE;
  if (check->head && memcmp(check->head, check->chain.head, SHA256_SIZE) == 0)
    check->head_at = check->chain.last;
  g_autoptr(json_t) parsed = json_parse(line, len, "line", error);
  return parsed != NULL;
}

/* Whatever is wrong with a line, it is the verdict's "no". */
static gboolean set_bad_line(const char *path, guint64 number, const char *why, GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "%s:%" G_GUINT64_FORMAT ": %s", path, number, why);
  return FALSE;
}

static gboolean check_lines(Check *check, const char *path, int fd, GError **error) {
  g_autoptr(AuditLines) lines = audit_lines_new(fd, 0);
  g_autoptr(GError) cause = NULL;
  for (guint64 number = 1;; number++) {
    const char *line;
    gsize len;
    switch (audit_lines_next(lines, &line, &len, &cause)) {
    case AUDIT_LINES_END:
      return TRUE;
    case AUDIT_LINES_TORN:
      return set_bad_line(path, number, "the file ends within this line", error);
    case AUDIT_LINES_FAILED:
      if (g_error_matches(cause, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE))
        return set_bad_line(path, number, cause->message, error);
      g_propagate_prefixed_error(error, g_steal_pointer(&cause), "%s: ", path);
      return FALSE;
    case AUDIT_LINES_ONE:
      if (!check_line(check, line, len, &cause))
        return set_bad_line(path, number, cause->message, error);
    }
  }
}

static gboolean check_file(Check *check, const char *path, GError **error) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    dstack_set_errno(error, errno, "failed to open %s", path);
    return FALSE;
  }
  gboolean good = check_lines(check, path, fd, error);
  (void)close(fd); /* was only read */
  return good;
}

static gboolean check_dir(Check *check, const char *dir, GError **error) {
  g_autoptr(GPtrArray) names = audit_segments_list(dir, error);
  if (!names)
    return FALSE;
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename(dir, names->pdata[i], NULL);
    if (!check_file(check, path, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean check_all(Check *check, char *const *paths, GError **error) {
  for (; *paths; paths++) {
    gboolean is_dir = g_file_test(*paths, G_FILE_TEST_IS_DIR);
    if (!(is_dir ? check_dir(check, *paths, error) : check_file(check, *paths, error)))
      return FALSE;
  }
  if (check->chain.last == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "no line in it");
    return FALSE;
  }
  if (!check->head || check->head_at != 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED,
              "no line has the hash of --head: lines at the end are missing, or it is another log's");
  return FALSE;
}

static void report(const Check *check) {
  g_autofree char *head = hex_encode(check->chain.head, SHA256_SIZE);
  printf("lines %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT ": nothing changed, removed, added or moved%s\n",
         check->chain.first, check->chain.last, check->chain.first == 1 ? "" : "; what came before them was not given");
  printf("signatures: %s\n", check->public_key ? "all good" : "not checked, without --public-key");
  if (check->head)
    printf("remembered head: line %" G_GUINT64_FORMAT "\n", check->head_at);
  printf("head: %s\n", head);
}

static gboolean take_hex(const char *text, const char *name, guint8 *out, gsize size, GError **error) {
  if (!text || hex_decode_fixed(text, out, size, error))
    return TRUE;
  g_prefix_error(error, "--%s: ", name);
  return FALSE;
}

static gboolean verify(int argc, char **argv, GError **error) {
  g_autofree char *head_hex = NULL, *key_hex = NULL;
  const GOptionEntry entries[] = {
      {"head", 0, 0, G_OPTION_ARG_STRING, &head_hex, "SHA-256 of a line that must be there", "HEX"},
      {"public-key", 0, 0, G_OPTION_ARG_STRING, &key_hex, "k256 public key of the KMS (33 bytes)", "HEX"},
      G_OPTION_ENTRY_NULL};
  guint8 head[SHA256_SIZE], public_key[K256_PUBLIC_SIZE];
  g_set_prgname("dstack-util audit verify");
  if (!command_parse(&argc, &argv, entries, "FILE...|DIRECTORY", SUMMARY, error) ||
      !take_hex(head_hex, "head", head, sizeof head, error) ||
      !take_hex(key_hex, "public-key", public_key, sizeof public_key, error))
    return FALSE;
  if (argc < 2) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "which file?");
    return FALSE;
  }
  Check check = {.head = head_hex ? head : NULL, .public_key = key_hex ? public_key : NULL};
  if (!check_all(&check, argv + 1, error))
    return FALSE;
  report(&check);
  return TRUE;
}

gboolean command_audit(int argc, char **argv, GError **error) {
  if (argc > 1 && strcmp(argv[1], "verify") == 0)
    return verify(argc - 1, argv + 1, error);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "usage: dstack-util audit verify [OPTIONS] FILE...|DIRECTORY");
  return FALSE;
}
