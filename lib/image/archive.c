#include "archive.h"

#include "gzip.h"

#include "base/error.h"
#include "measure/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
  BLOCK = 512,
  NAME_SIZE = 100,
  SIZE_AT = 124,
  SIZE_DIGITS = 12,
  CHECKSUM_AT = 148,
  CHECKSUM_DIGITS = 8,
  TYPE_AT = 156,
  MAGIC_AT = 257,
  PREFIX_AT = 345,
  CHUNK = 64 * 1024,
  MAX_EXTENDED = 16 * 1024,
  FILE_MODE = 0644,
};

typedef struct {
  char name[NAME_SIZE + 1];
  char type;
  guint64 size;
} Member;

typedef struct {
  GzipReader *stream;
  int dir_fd;
  guint64 bytes_left;
  guint members_left;
  gint64 deadline;
} Unpacking;

static gboolean refuse(GError **error, DstackErrorCode code, const char *why, const char *name) {
  g_set_error(error, DSTACK_ERROR, code, "archive: %s%s", why, name);
  return FALSE;
}

static gboolean in_time(const Unpacking *unpacking, GError **error) {
  return unpacking->deadline == 0 || g_get_monotonic_time() < unpacking->deadline ||
         refuse(error, DSTACK_ERROR_TIMEOUT, "unpacking takes too long", "");
}

/* Octal digits, then blanks or NULs. The binary form for sizes above 8 GiB is not taken. */
static gboolean read_octal(const guint8 *field, guint len, guint64 *out) {
  guint at = 0;
  *out = 0;
  while (at < len && field[at] == ' ')
    at++;
  guint first = at;
  for (; at < len && field[at] >= '0' && field[at] <= '7'; at++)
    *out = *out << 3 | (guint64)(field[at] - '0');
  gboolean any = at > first;
  for (; at < len; at++)
    if (field[at] != ' ' && field[at] != 0)
      return FALSE;
  return any;
}

static gboolean checksum_ok(const guint8 *block) {
  guint64 expected, sum = 0;
  for (guint i = 0; i < BLOCK; i++)
    sum += i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_DIGITS ? ' ' : block[i];
  return read_octal(block + CHECKSUM_AT, CHECKSUM_DIGITS, &expected) && expected == sum;
}

static gboolean parse_member(const guint8 *block, Member *out, GError **error) {
  if (!checksum_ok(block) || !read_octal(block + SIZE_AT, SIZE_DIGITS, &out->size) ||
      memcmp(block + MAGIC_AT, "ustar", 5) != 0)
    return refuse(error, DSTACK_ERROR_INVALID, "malformed header", "");
  memcpy(out->name, block, NAME_SIZE);
  out->name[NAME_SIZE] = '\0';
  out->type = (char)block[TYPE_AT];
  if (block[PREFIX_AT] && memcmp(block + MAGIC_AT, "ustar\0", 6) == 0)
    return refuse(error, DSTACK_ERROR_INVALID, "a member has a path: ", out->name);
  return TRUE;
}

/* Extended headers may bring times and owners, which do not matter, but no name and no size: then the plain header
 * would not be what other programs read. */
static gboolean pass_extended(Unpacking *unpacking, const Member *member, GError **error) {
  if (member->size > MAX_EXTENDED)
    return refuse(error, DSTACK_ERROR_TOO_LARGE, "extended header is too large", "");
  gsize len = (gsize)(member->size + BLOCK - 1) / BLOCK * BLOCK;
  g_autofree char *text = g_malloc0(len + 1);
  if (!gzip_reader_take(unpacking->stream, text, len, error))
    return FALSE;
  g_auto(GStrv) records = g_strsplit(text, "\n", -1);
  static const char *const forbidden[] = {" path=", " linkpath=", " size=", " GNU."};
  for (char **record = records; *record; record++)
    for (guint i = 0; i < G_N_ELEMENTS(forbidden); i++)
      if (strstr(*record, forbidden[i]))
        return refuse(error, DSTACK_ERROR_INVALID, "an extended header changes a member", "");
  return TRUE;
}

static gboolean write_all(int fd, const guint8 *data, gsize len, const char *name, GError **error) {
  while (len > 0) {
    ssize_t n = write(fd, data, len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      dstack_set_errno(error, errno, "failed to write %s", name);
      return FALSE;
    }
    data += n;
    len -= (gsize)n;
  }
  return TRUE;
}

static gboolean copy_content(Unpacking *unpacking, int fd, const Member *member, GError **error) {
  g_autofree guint8 *chunk = g_malloc(CHUNK);
  for (guint64 left = member->size; left > 0;) {
    gsize len = (gsize)MIN(left, CHUNK), padded = (len + BLOCK - 1) / BLOCK * BLOCK;
    if (!in_time(unpacking, error) || !gzip_reader_take(unpacking->stream, chunk, padded, error) ||
        !write_all(fd, chunk, len, member->name, error))
      return FALSE;
    left -= len;
  }
  if (fsync(fd) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to sync %s", member->name);
  return FALSE;
}

static gboolean unpack_file(Unpacking *unpacking, const Member *member, GError **error) {
  const char *name = g_str_has_prefix(member->name, "./") ? member->name + 2 : member->name;
  if (!os_image_name_ok(name))
    return refuse(error, DSTACK_ERROR_INVALID, "a member has a path or an odd name: ", member->name);
  if (member->size > unpacking->bytes_left)
    return refuse(error, DSTACK_ERROR_TOO_LARGE, "unpacked it is too large, at ", name);
  unpacking->bytes_left -= member->size;
  int fd = openat(unpacking->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
  if (fd < 0 && errno == EEXIST)
    return refuse(error, DSTACK_ERROR_INVALID, "a member is there twice: ", name);
  if (fd < 0) {
    dstack_set_errno(error, errno, "failed to create %s", name);
    return FALSE;
  }
  gboolean done = copy_content(unpacking, fd, member, error);
  close(fd);
  return done;
}

static gboolean unpack_member(Unpacking *unpacking, const Member *member, GError **error) {
  switch (member->type) {
  case '0':
  case '\0':
    return unpack_file(unpacking, member, error);
  case '5': /* a directory: files in it would have a path, so it is of no use */
    return member->size == 0 || refuse(error, DSTACK_ERROR_INVALID, "a directory with content: ", member->name);
  case 'x':
  case 'g':
    return pass_extended(unpacking, member, error);
  default:
    return refuse(error, DSTACK_ERROR_INVALID, "a member is neither a file nor a directory: ", member->name);
  }
}

static gboolean unpack_all(Unpacking *unpacking, GError **error) {
  static const guint8 end[BLOCK];
  for (;;) {
    guint8 block[BLOCK];
    Member member;
    if (!in_time(unpacking, error) || !gzip_reader_take(unpacking->stream, block, BLOCK, error))
      return FALSE;
    if (memcmp(block, end, BLOCK) == 0)
      return TRUE;
    if (unpacking->members_left-- == 0)
      return refuse(error, DSTACK_ERROR_TOO_LARGE, "too many members", "");
    if (!parse_member(block, &member, error) || !unpack_member(unpacking, &member, error))
      return FALSE;
  }
}

gboolean archive_unpack(int archive_fd, int dir_fd, const ArchiveLimits *limits, GError **error) {
  if (lseek(archive_fd, 0, SEEK_SET) != 0) {
    dstack_set_errno(error, errno, "failed to read the archive");
    return FALSE;
  }
  g_autoptr(GzipReader) stream = gzip_reader_new(archive_fd);
  Unpacking unpacking = {stream, dir_fd, limits->max_bytes, limits->max_members, limits->deadline};
  if (!unpack_all(&unpacking, error))
    return FALSE;
  if (fsync(dir_fd) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to sync the unpacked files");
  return FALSE;
}
