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

/* Only code: it is never written to, so that dropping its pages loses nothing. Read-only data may hold relocations. */
static void shed_if_code(const char *line) {
  unsigned long start, end;
  char access[5] = "", path_mark = 0;
  if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %c", &start, &end, access, &path_mark) == 4 &&
      strcmp(access, "r-xp") == 0 && path_mark == '/')
    (void)madvise((void *)start, end - start, MADV_DONTNEED); /* an optimisation: the pages may as well stay */
}

void footprint_shed_startup(void) {
  (void)malloc_trim(0); /* 0: there was nothing to give back */
  g_autofree char *maps = file_read_text("/proc/self/maps", MAX_MAPS, NULL);
  g_auto(GStrv) lines = g_strsplit(maps ? maps : "", "\n", -1);
  for (char **line = lines; *line; line++)
    shed_if_code(*line);
}
