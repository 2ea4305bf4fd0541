#include "ratls/collateral.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <sys/stat.h>

#define COLLATERAL_MAX_SIZE (8 * 1024 * 1024)

struct CollateralRef {
  DcapCollateral *collateral;
};

/* Changes whenever the file is replaced or written. */
typedef struct {
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec changed;
} Stamp;

struct CollateralFile {
  char *path;
  GMutex lock;
  CollateralRef *current; /* NULL after a failed read */
  Stamp stamp;            /* of `current` */
};

static void clear_ref(gpointer data) { dcap_collateral_free(((CollateralRef *)data)->collateral); }

void collateral_ref_release(CollateralRef *ref) {
  if (ref)
    g_atomic_rc_box_release_full(ref, clear_ref);
}

const DcapCollateral *collateral_ref_peek(const CollateralRef *ref) { return ref->collateral; }

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

static CollateralRef *load(const char *path, GError **error) {
  g_autoptr(GBytes) json = file_read(path, COLLATERAL_MAX_SIZE, error);
  if (!json)
    return NULL;
  DcapCollateral *collateral = dcap_collateral_parse(g_bytes_get_data(json, NULL), g_bytes_get_size(json), error);
  if (!collateral) {
    g_prefix_error(error, "%s: ", path);
    return NULL;
  }
  CollateralRef *ref = g_atomic_rc_box_new0(CollateralRef);
  ref->collateral = collateral;
  return ref;
}

/* Under the lock. The stamp is taken before the content: a change in between shows at the next look. */
static gboolean refresh(CollateralFile *file, GError **error) {
  Stamp stamp;
  if (!read_stamp(file->path, &stamp, error)) {
    g_clear_pointer(&file->current, collateral_ref_release);
    return FALSE;
  }
  if (file->current && stamps_equal(&stamp, &file->stamp))
    return TRUE;
  g_clear_pointer(&file->current, collateral_ref_release);
  file->current = load(file->path, error);
  file->stamp = stamp;
  return file->current != NULL;
}

CollateralRef *collateral_file_get(CollateralFile *file, GError **error) {
  g_mutex_lock(&file->lock);
  CollateralRef *ref = refresh(file, error) ? g_atomic_rc_box_acquire(file->current) : NULL;
  g_mutex_unlock(&file->lock);
  if (!ref)
    g_prefix_error(error, "failed to read collateral: ");
  return ref;
}

CollateralFile *collateral_file_new(const char *path, GError **error) {
  g_autoptr(CollateralFile) file = g_new0(CollateralFile, 1);
  g_mutex_init(&file->lock);
  file->path = g_strdup(path);
  g_autoptr(CollateralRef) first = collateral_file_get(file, error);
  return first ? g_steal_pointer(&file) : NULL;
}

void collateral_file_free(CollateralFile *file) {
  if (!file)
    return;
  g_clear_pointer(&file->current, collateral_ref_release);
  g_mutex_clear(&file->lock);
  g_free(file->path);
  g_free(file);
}
