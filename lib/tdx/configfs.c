#include "tdx/configfs.h"

#include "base/error.h"
#include "base/file.h"
#include "tdx/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROVIDER "tdx_guest"
#define BUSY_TRIES 3
#define BUSY_WAIT_US (10 * G_USEC_PER_SEC)
#define POLL_INTERVAL_US (10 * 1000)
#define APPEAR_TIMEOUT_US (1 * G_USEC_PER_SEC)
#define GENERATION_TIMEOUT_US (5 * G_USEC_PER_SEC)
#define OUTBLOB_MAX 8192
#define OUTBLOB_MIN 1020
#define ATTRIBUTE_MAX 4096

static char *read_attribute(const char *directory, const char *name, GError **error) {
  g_autofree char *path = g_build_filename(directory, name, NULL);
  char *text = file_read_text(path, ATTRIBUTE_MAX, error);
  return text ? g_strchomp(text) : NULL;
}

static gboolean unavailable(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "configfs-tsm: %s", why);
  return FALSE;
}

static gboolean busy(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "configfs-tsm: busy: %s", why);
  return FALSE;
}

/* Waits for a busy interface; FALSE when that would take too long. */
static gboolean wait_while_busy(guint tries, gint64 deadline) {
  if (tries == 0)
    return TRUE;
  if (g_get_monotonic_time() + BUSY_WAIT_US > deadline)
    return FALSE;
  g_usleep(BUSY_WAIT_US);
  return TRUE;
}

/* The kernel fills a new entry after it was made. */
gboolean configfs_open(const char *directory, GError **error) {
  if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
    int saved = errno;
    g_autofree char *why = g_strdup_printf("no report interface at %s: %s", directory, g_strerror(saved));
    return unavailable(error, why);
  }
  gint64 deadline = g_get_monotonic_time() + APPEAR_TIMEOUT_US;
  g_autofree char *provider = NULL;
  while (!(provider = read_attribute(directory, "provider", NULL)) && g_get_monotonic_time() < deadline)
    g_usleep(POLL_INTERVAL_US);
  if (!provider)
    return unavailable(error, "the report entry has no provider");
  return g_str_has_prefix(provider, PROVIDER) || unavailable(error, "the provider is not " PROVIDER);
}

static gboolean read_generation(const char *directory, guint64 *out, GError **error) {
  g_autofree char *text = read_attribute(directory, "generation", error);
  if (!text)
    return FALSE;
  return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, out, NULL) ||
         unavailable(error, "generation is not a number");
}

/* The kernel takes a binary attribute when the file is closed; so the descriptor must not outlive the write. */
static gboolean write_inblob(const char *path, const guint8 report_data[TDX_REPORT_DATA_SIZE], gint64 deadline,
                             GError **error) {
  int saved = EBUSY;
  for (guint tries = 0; tries < BUSY_TRIES && wait_while_busy(tries, deadline); tries++) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    errno = 0;
    gboolean written = fd >= 0 && write(fd, report_data, TDX_REPORT_DATA_SIZE) == TDX_REPORT_DATA_SIZE;
    saved = errno;
    if (fd >= 0 && close(fd) != 0 && written) {
      written = FALSE;
      saved = errno;
    }
    if (written)
      return TRUE;
    if (saved != EBUSY)
      break;
  }
  g_autofree char *why = g_strdup_printf("failed to write inblob: %s", g_strerror(saved));
  return saved == EBUSY ? busy(error, why) : unavailable(error, why);
}

static gboolean wait_for_generation(const char *directory, guint64 before, GError **error) {
  gint64 deadline = g_get_monotonic_time() + GENERATION_TIMEOUT_US;
  guint64 now = before;
  while (read_generation(directory, &now, error) && now == before) {
    if (g_get_monotonic_time() >= deadline)
      return busy(error, "the request was not taken");
    g_usleep(POLL_INTERVAL_US);
  }
  if (now == before)
    return FALSE; /* reading failed */
  return now == before + 1 || busy(error, "another writer interfered");
}

/* The whole blob comes in one read; a second one would ask for another quote. */
static GBytes *read_outblob(const char *directory, gint64 deadline, GError **error) {
  g_autofree char *path = g_build_filename(directory, "outblob", NULL);
  g_autofree guint8 *buffer = g_malloc(OUTBLOB_MAX);
  gssize len = -1;
  int saved = 0;
  for (guint tries = 0; tries < BUSY_TRIES && len < 0 && wait_while_busy(tries, deadline); tries++) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    len = fd >= 0 ? read(fd, buffer, OUTBLOB_MAX) : -1;
    saved = errno;
    if (fd >= 0)
      (void)close(fd); /* opened for reading */
    if (len < 0 && saved != EBUSY && saved != EINTR && saved != ETIMEDOUT)
      break;
  }
  if (len < 0) {
    g_autofree char *why = g_strdup_printf("failed to read outblob: %s", g_strerror(saved));
    (void)(saved == EBUSY || saved == ETIMEDOUT ? busy(error, why)
                                                : unavailable(error, why)); /* both only set the error */
    return NULL;
  }
  if (len <= OUTBLOB_MIN || len >= OUTBLOB_MAX) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "configfs-tsm: a quote of %zd bytes can not be", len);
    return NULL;
  }
  return g_bytes_new(buffer, (gsize)len);
}

GBytes *configfs_get_quote(const char *directory, const guint8 report_data[TDX_REPORT_DATA_SIZE], gint64 deadline,
                           GError **error) {
  g_autofree char *inblob = g_build_filename(directory, "inblob", NULL);
  g_auto(TdxLock) lock = tdx_lock_acquire_existing(inblob, error);
  guint64 before, after;
  if (lock < 0 || !read_generation(directory, &before, error) || !write_inblob(inblob, report_data, deadline, error) ||
      !wait_for_generation(directory, before, error))
    return NULL;
  g_autoptr(GBytes) quote = read_outblob(directory, deadline, error);
  if (!quote || !read_generation(directory, &after, error))
    return NULL;
  if (after == before + 1)
    return g_steal_pointer(&quote);
  busy(error, "another writer interfered");
  return NULL;
}
