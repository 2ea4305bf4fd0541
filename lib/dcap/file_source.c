/* Collateral from a file that an operator keeps. */
#include "dcap/collateral.h"
#include "dcap/source_internal.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <sys/stat.h>

/* Changes whenever the file is replaced or written. */
typedef struct {
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec changed;
} Stamp;

typedef struct {
  DcapCollateralSource base;
  char *path;
  GMutex lock;
  DcapCollateral *current; /* NULL after a failed read */
  Stamp stamp;             /* of `current` */
} FileSource;

static gboolean read_stamp(const char *path, Stamp *out, GError **error) {
  struct stat info;
  if (stat(path, &info) != 0) {
    dstack_set_errno(error, errno, "failed to look at %s", path);
    return FALSE;
  }
  *out = (Stamp){info.st_dev, info.st_ino, info.st_size, info.st_ctim};
  return TRUE;
}

static gboolean stamps_equal(const Stamp *a, const Stamp *b) {
  return a->device == b->device && a->inode == b->inode && a->size == b->size &&
         a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static DcapCollateral *load(const char *path, GError **error) {
  g_autoptr(GBytes) json = file_read(path, DCAP_COLLATERAL_MAX_SIZE, error);
  if (!json)
    return NULL;
  DcapCollateral *collateral = dcap_collateral_parse(g_bytes_get_data(json, NULL), g_bytes_get_size(json), error);
  if (!collateral)
    g_prefix_error(error, "%s: ", path);
  return collateral;
}

/* Under the lock. The stamp is taken before the content: a change in between shows at the next look. */
static gboolean refresh(FileSource *self, GError **error) {
  Stamp stamp;
  if (!read_stamp(self->path, &stamp, error)) {
    g_clear_pointer(&self->current, dcap_collateral_unref);
    return FALSE;
  }
  if (self->current && stamps_equal(&stamp, &self->stamp))
    return TRUE;
  g_clear_pointer(&self->current, dcap_collateral_unref);
  self->current = load(self->path, error);
  self->stamp = stamp;
  return self->current != NULL;
}

static DcapCollateral *current(FileSource *self, GError **error) {
  g_mutex_lock(&self->lock);
  DcapCollateral *collateral = refresh(self, error) ? dcap_collateral_ref(self->current) : NULL;
  g_mutex_unlock(&self->lock);
  if (!collateral)
    g_prefix_error(error, "failed to read collateral: ");
  return collateral;
}

static DcapCollateral *file_get(DcapCollateralSource *source, const Quote *quote, const DcapOptions *options,
                                DcapFailure *failure, GError **error) {
  (void)quote, (void)options; /* an operator's file is for the quotes the operator means */
  GError *why = NULL;
  DcapCollateral *collateral = current((FileSource *)source, &why);
  if (collateral)
    return collateral;
  *failure = why->code == DSTACK_ERROR_INVALID ? DCAP_COLLATERAL_DECODE : DCAP_COLLATERAL_FETCH;
  g_propagate_prefixed_error(error, why, "%s: ", dcap_failure_name(*failure));
  return NULL;
}

static void file_free(DcapCollateralSource *source) {
  FileSource *self = (FileSource *)source;
  g_clear_pointer(&self->current, dcap_collateral_unref);
  g_mutex_clear(&self->lock);
  g_free(self->path);
  g_free(self);
}

static const DcapSourceOps file_ops = {file_get, file_free};

DcapCollateralSource *dcap_collateral_source_file(const char *path, GError **error) {
  FileSource *self = g_new0(FileSource, 1);
  self->base.ops = &file_ops;
  g_atomic_ref_count_init(&self->base.refs);
  g_mutex_init(&self->lock);
  self->path = g_strdup(path);
  g_autoptr(DcapCollateralSource) source = &self->base;
  g_autoptr(DcapCollateral) first = current(self, error);
  return first ? g_steal_pointer(&source) : NULL;
}
