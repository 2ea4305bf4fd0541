#include "base/footprint.h"

#include "base/file.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_ARENAS 2
#define MMAP_THRESHOLD (128 * 1024)
#define MAX_MAPS (1024 * 1024)

void footprint_limit_arenas(void) {
  (void)mallopt(M_ARENA_MAX, MAX_ARENAS);
  /* Setting it also keeps it: else the first large block that is freed (an image's kernel) raises it, and the next stay in the heap. */
  (void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
}

/* A mapping of /proc/self/smaps whose lines are being read. */
typedef struct {
  unsigned long start, end;
  gboolean may_go; /* of a file, never written to by this process as far as its access tells */
} Mapping;

/* "start-end access offset device inode path". FALSE for other lines. */
static gboolean read_header(const char *line, Mapping *out) {
  Mapping mapping;
  char access[5] = "", path_mark = 0;
  int fields = sscanf(line, "%lx-%lx %4s %*s %*s %*s %c", &mapping.start, &mapping.end, access, &path_mark);
  if (fields < 3)
    return FALSE;
  mapping.may_go = path_mark == '/' && (strcmp(access, "r-xp") == 0 || strcmp(access, "r--p") == 0);
  *out = mapping;
  return TRUE;
}

/* Read-only data that was relocated at start has pages of its own, which no file would give back. */
static void shed_if_clean(const char *line, const Mapping *mapping) {
  unsigned long anonymous_kib;
  if (mapping->may_go && sscanf(line, "Anonymous: %lu kB", &anonymous_kib) == 1 && anonymous_kib == 0)
    (void)madvise((void *)mapping->start, mapping->end - mapping->start, MADV_DONTNEED); /* the pages may as well stay */
}

static void shed_clean_mappings(const char *smaps) {
  Mapping mapping = {0};
  for (const char *line = smaps; line && *line; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (!read_header(line, &mapping))
      shed_if_clean(line, &mapping);
  }
}

void footprint_shed_startup(void) {
  g_autofree char *smaps = file_read_text("/proc/self/smaps", MAX_MAPS, NULL);
  shed_clean_mappings(smaps ? smaps : "");
  g_clear_pointer(&smaps, g_free);
  (void)malloc_trim(0); /* 0: there was nothing to give back */
}
