#include "sni.h"

#include "base/reader.h"

#include <string.h>

enum {
  RECORD_HANDSHAKE = 22,
  RECORD_HEADER = 5,
  RECORD_MAX = 16384,
  HANDSHAKE_CLIENT_HELLO = 1,
  HANDSHAKE_HEADER = 4,
  EXTENSION_SERVER_NAME = 0,
  NAME_TYPE_HOST = 0,
  VERSION_AND_RANDOM = 34,
};

/* Joins the payloads of the handshake records at the front of `data`. Returns the joined length, or -1 when the bytes are
 * no handshake records. A partial last record contributes what has arrived. */
static gssize join_records(const guint8 *data, gsize len, guint8 *out) {
  gsize joined = 0;
  while (len > 0) {
    if (data[0] != RECORD_HANDSHAKE || (len > 1 && data[1] != 3))
      return joined > 0 ? (gssize)joined : -1;
    if (len < RECORD_HEADER)
      break;
    gsize size = (gsize)data[3] << 8 | data[4];
    if (size == 0 || size > RECORD_MAX)
      return -1;
    gsize here = MIN(size, len - RECORD_HEADER);
    memcpy(out + joined, data + RECORD_HEADER, here);
    joined += here;
    data += RECORD_HEADER + here;
    len -= RECORD_HEADER + here;
  }
  return (gssize)joined;
}

static gboolean copy_name(const guint8 *data, gsize len, char name[SNI_MAX_NAME + 1]) {
  if (len > 0 && data[len - 1] == '.')
    len--;
  if (len == 0 || len > SNI_MAX_NAME)
    return FALSE;
  for (gsize i = 0; i < len; i++) {
    char c = g_ascii_tolower((char)data[i]);
    if (!g_ascii_isalnum(c) && c != '-' && c != '_' && c != '.')
      return FALSE;
    name[i] = c;
  }
  name[len] = '\0';
  return TRUE;
}

static SniResult read_server_name(Reader extension, char name[SNI_MAX_NAME + 1]) {
  Reader list = reader_sub(&extension, reader_u16be(&extension));
  while (reader_ok(&list) && reader_remaining(&list) > 0) {
    guint8 type = reader_u8(&list);
    gsize len = reader_u16be(&list);
    const guint8 *data = reader_take(&list, len);
    if (data && type == NAME_TYPE_HOST)
      return copy_name(data, len, name) ? SNI_FOUND : SNI_MALFORMED;
  }
  return reader_ok(&list) ? SNI_NO_NAME : SNI_MALFORMED;
}

static SniResult read_hello(Reader hello, char name[SNI_MAX_NAME + 1]) {
  reader_skip(&hello, VERSION_AND_RANDOM);
  reader_skip(&hello, reader_u8(&hello));    /* session id */
  reader_skip(&hello, reader_u16be(&hello)); /* cipher suites */
  reader_skip(&hello, reader_u8(&hello));    /* compression methods */
  if (reader_ok(&hello) && reader_remaining(&hello) == 0)
    return SNI_NO_NAME;
  Reader extensions = reader_sub(&hello, reader_u16be(&hello));
  while (reader_ok(&extensions) && reader_remaining(&extensions) > 0) {
    guint16 type = reader_u16be(&extensions);
    Reader extension = reader_sub(&extensions, reader_u16be(&extensions));
    if (reader_ok(&extensions) && type == EXTENSION_SERVER_NAME)
      return read_server_name(extension, name);
  }
  return reader_ok(&extensions) ? SNI_NO_NAME : SNI_MALFORMED;
}

SniResult sni_parse(const guint8 *data, gsize len, char name[SNI_MAX_NAME + 1]) {
  guint8 joined[SNI_MAX_HELLO];
  gssize got = join_records(data, MIN(len, SNI_MAX_HELLO), joined);
  if (got < 0 || (got > 0 && joined[0] != HANDSHAKE_CLIENT_HELLO))
    return SNI_MALFORMED;
  Reader reader = reader_init(joined, (gsize)got);
  reader_skip(&reader, 1);
  gsize size = (gsize)reader_u8(&reader) << 16;
  size |= reader_u16be(&reader);
  if (reader_ok(&reader) && size > SNI_MAX_HELLO - HANDSHAKE_HEADER)
    return SNI_MALFORMED;
  if (!reader_ok(&reader) || reader_remaining(&reader) < size)
    return len >= SNI_MAX_HELLO ? SNI_MALFORMED : SNI_NEED_MORE;
  return read_hello(reader_sub(&reader, size), name);
}
