/* Archives as tests need them: good ones, and ones that no sane program writes. */
#pragma once

#include <glib.h>

typedef struct {
  const char *name;
  char type;           /* '0' a file, '5' a directory, ... */
  const void *content; /* NULL: none */
  gsize len;
  const char *size; /* what the header says, octal; NULL: the truth */
} TarMember;

/* A tar of these members, with its end. */
GByteArray *tar_build(const TarMember *members, gsize n);
GBytes *gzip_bytes(const void *data, gsize len);
GBytes *tar_gz(const TarMember *members, gsize n);
