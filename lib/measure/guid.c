#include "guid.h"

#include <string.h>

#define GUID_SIZE 16

void guid_parse(const char *text, guint8 out[16]) {
  static const guint8 order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  guint at = 0;
  for (const char *p = text; *p && at < 16; p++) {
    if (*p == '-')
      continue;
    out[order[at++]] = (guint8)(g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
    p++;
  }
  g_assert(at == 16);
}

gboolean guid_is(const guint8 *at, const char *text) {
  guint8 guid[GUID_SIZE];
  guid_parse(text, guid);
  return memcmp(at, guid, GUID_SIZE) == 0;
}
