/* Whole files: bounded reads, and writes that survive a kill at any instant. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Reads at most `max` bytes of a regular file (no symlink as last component when `nofollow`).
 * Errors: NOT_FOUND, IO, INVALID (not a regular file), TOO_LARGE (more than `max` bytes). The data has a NUL after its
 * end that is not counted. */
GBytes *file_read(const char *path, gsize max, GError **error);
GBytes *file_read_nofollow(const char *path, gsize max, GError **error);
/* As file_read(), for text: error INVALID when it is not UTF-8 or has a NUL inside. */
char *file_read_text(const char *path, gsize max, GError **error);

/* Writes a temporary file with a unique name beside `path` with `mode`, syncs it, renames it over `path` and syncs the
 * directory: afterwards either the old or the new content is there, never a part. */
gboolean file_write_atomic(const char *path, const void *data, gsize len, mode_t mode, GError **error);

/* Syncs the file or directory `from`, renames it to `to` and syncs the directory of `to`: what has the final name is whole, and
 * keeps it through a crash. */
gboolean file_rename_durable(const char *from, const char *to, GError **error);

/* Whether what a directory holds can be believed: it belongs to root or to this process's user, and nobody else may write
 * to it. `nofollow`: it must not be a symlink. Errors: NOT_FOUND, IO, DENIED. */
gboolean file_check_private_dir(const char *path, gboolean nofollow, GError **error);

/* mkdir -p with `mode` for the last component. */
gboolean file_make_dirs(const char *path, mode_t mode, GError **error);
/* Removes a directory tree without following symlinks. A missing tree is no error. */
gboolean file_remove_tree(const char *path, GError **error);
