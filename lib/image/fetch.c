#include "fetch.h"

#include "staging.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "measure/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNPACKED "extracted"
#define SUMS "sha256sum.txt"

static gboolean unpack(const Staging *staging, const char *dir, const ArchiveLimits *limits, GError **error) {
  if (mkdir(dir, 0755) != 0) {
    dstack_set_errno(error, errno, "failed to create %s", dir);
    return FALSE;
  }
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    dstack_set_errno(error, errno, "failed to open %s", dir);
    return FALSE;
  }
  gboolean done = archive_unpack(staging->archive_fd, fd, limits, error);
  close(fd);
  return done;
}

/* The first thing looked at: everything else is only believed because this file lists it. */
static char *read_sums(const char *dir, const guint8 hash[32], GError **error) {
  g_autofree char *path = g_build_filename(dir, SUMS, NULL);
  g_autofree char *text = file_read_text(path, OS_IMAGE_MAX_SUMS, error);
  if (!text) {
    g_prefix_error(error, "downloaded image: ");
    return NULL;
  }
  guint8 digest[SHA256_SIZE];
  digest_sha256(text, strlen(text), digest);
  if (memcmp(digest, hash, sizeof digest) == 0)
    return g_steal_pointer(&text);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED,
              "downloaded image: os_image_hash does not match sha256sum of the sha256sum.txt");
  return NULL;
}

static gboolean remove_unlisted(const char *dir_path, GHashTable *sums, GError **error) {
  g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *path = g_build_filename(dir_path, name, NULL);
    if (strcmp(name, SUMS) == 0 || g_hash_table_contains(sums, name) || unlink(path) == 0)
      continue;
    dstack_set_errno(error, errno, "failed to remove %s", path);
    return FALSE;
  }
  return TRUE;
}

static gboolean check(const char *dir, const guint8 hash[32], gint64 deadline, GError **error) {
  g_autofree char *text = read_sums(dir, hash, error);
  g_autoptr(GHashTable) sums = text ? os_image_parse_sums(text, error) : NULL;
  if (!sums || !remove_unlisted(dir, sums, error))
    return FALSE;
  g_autoptr(OsImage) image = os_image_open_before(dir, deadline, error);
  return image != NULL;
}

gboolean image_fetch(const ImageFetch *fetch, const guint8 hash[32], GError **error) {
  g_auto(Staging) staging = {0};
  if (!staging_begin(&staging, fetch->staging_dir, error))
    return FALSE;
  g_autofree char *dir = g_build_filename(staging.dir, UNPACKED, NULL);
  log_info("downloading %s", fetch->url);
  const gint64 deadline = g_get_monotonic_time() + (gint64)fetch->download.timeout_ms * 1000;
  ArchiveLimits limits = fetch->archive;
  limits.deadline = deadline;
  return image_download(fetch->url, staging.archive_fd, &fetch->download, error) &&
         unpack(&staging, dir, &limits, error) && check(dir, hash, deadline, error) &&
         staging_publish(&staging, UNPACKED, fetch->target, error);
}
