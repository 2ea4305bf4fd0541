#include "aml.h"

#include "bytes.h"
#include "guid.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *at;
  const char *source; /* whole text, for complaints */
} Parser;

typedef GByteArray Code;

static void term(Parser *parser, Code *out);

/* ---- reading the source ---- */

static G_NORETURN void complain(Parser *parser, const char *what) {
  g_error("aml: %s at '%.40s' in '%.60s...'", what, parser->at, parser->source);
}

static char peek(Parser *parser) {
  while (g_ascii_isspace(*parser->at))
    parser->at++;
  return *parser->at;
}

static gboolean more(Parser *parser) { return peek(parser) != ')'; }

static void expect(Parser *parser, char c) {
  if (peek(parser) != c)
    complain(parser, c == ')' ? "expected ')'" : "expected '('");
  parser->at++;
}

/* A word without quotes, valid until the caller frees it. */
static char *word(Parser *parser) {
  (void)peek(parser);
  const char *start = parser->at;
  while (*parser->at && !g_ascii_isspace(*parser->at) && *parser->at != '(' && *parser->at != ')')
    parser->at++;
  if (parser->at == start)
    complain(parser, "expected a word");
  return g_strndup(start, (gsize)(parser->at - start));
}

static guint64 number(Parser *parser) {
  g_autofree char *text = word(parser);
  char *end;
  guint64 value = g_ascii_strtoull(text, &end, 0);
  if (*end)
    complain(parser, "expected a number");
  return value;
}

/* ---- encoding ---- */

/* `with_self`: the length counts its own bytes (packages do, field widths don't). */
static void put_length(Code *out, gsize len, gboolean with_self) {
  guint size = 1;
  const gsize limits[] = {1 << 6, 1 << 12, 1 << 20};
  while (size < 4 && len + (with_self ? size : 0) >= limits[size - 1])
    size++;
  if (with_self)
    len += size;
  if (size == 1) {
    put_u8(out, (guint)len);
    return;
  }
  put_u8(out, (size - 1) << 6 | (guint)(len & 15));
  put_le(out, len >> 4, size - 1);
}

static void put_package(Code *out, const char *opcode, gsize opcode_len, Code *body) {
  put_bytes(out, opcode, opcode_len);
  put_length(out, body->len, TRUE);
  put_bytes(out, body->data, body->len);
}

static void put_integer(Code *out, guint64 value) {
  if (value <= 1) {
    put_u8(out, (guint)value);
    return;
  }
  guint size = value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
  put_u8(out, size == 1 ? 0x0a : size == 2 ? 0x0b : size == 4 ? 0x0c : 0x0e);
  put_le(out, value, size);
}

static void put_segment(Code *out, const char *segment) {
  gsize len = strlen(segment);
  put_bytes(out, segment, len);
  for (gsize i = len; i < 4; i++)
    put_u8(out, '_');
}

static void put_name(Code *out, const char *name) {
  while (*name == '\\' || *name == '^')
    put_u8(out, (guchar)*name++);
  if (!*name) {
    put_u8(out, 0);
    return;
  }
  g_auto(GStrv) segments = g_strsplit(name, ".", -1);
  guint n = g_strv_length(segments);
  if (n == 2)
    put_u8(out, 0x2e);
  if (n > 2)
    put_u8(out, 0x2f), put_u8(out, n);
  for (guint i = 0; i < n; i++)
    put_segment(out, segments[i]);
}

static void read_name(Parser *parser, Code *out) {
  g_autofree char *name = word(parser);
  put_name(out, name);
}

static void put_buffer(Code *out, const void *data, gsize len) {
  g_autoptr(GByteArray) body = g_byte_array_new();
  put_integer(body, len);
  put_bytes(body, data, len);
  put_package(out, "\x11", 1, body);
}

static void put_eisa(Code *out, const char *id) {
  guint32 value = (guint32)(id[0] - 0x40) << 26 | (guint32)(id[1] - 0x40) << 21 | (guint32)(id[2] - 0x40) << 16 |
                  (guint32)g_ascii_strtoull(id + 3, NULL, 16);
  put_u8(out, 0x0c);
  for (int shift = 24; shift >= 0; shift -= 8)
    put_u8(out, value >> shift & 255);
}

/* ---- resource descriptors ---- */

static void address_space(Code *out, guint tag, guint size, guint type, guint flags, guint64 min, guint64 max,
                          guint64 len) {
  put_u8(out, tag);
  put_u16(out, 3 + 5 * size);
  put_u8(out, type);
  put_u8(out, 0x0c);
  put_u8(out, flags);
  const guint64 values[] = {0, min, max, 0, len};
  for (guint i = 0; i < G_N_ELEMENTS(values); i++)
    put_le(out, values[i], size);
}

static void interrupt(Parser *parser, Code *out) {
  guint flags = (guint)number(parser), n = 0;
  g_autoptr(GByteArray) numbers = g_byte_array_new();
  for (; more(parser); n++)
    put_u32(numbers, number(parser));
  put_u8(out, 0x89);
  put_u16(out, 2 + 4 * n);
  put_u8(out, flags);
  put_u8(out, n);
  put_bytes(out, numbers->data, numbers->len);
}

static void resource(Parser *parser, Code *out) {
  expect(parser, '(');
  g_autofree char *kind = word(parser);
  if (strcmp(kind, "io") == 0) {
    put_u8(out, 0x47), put_u8(out, 1);
    put_u16(out, (guint)number(parser)), put_u16(out, (guint)number(parser));
    put_u8(out, (guint)number(parser)), put_u8(out, (guint)number(parser));
  } else if (strcmp(kind, "irq") == 0) {
    put_u8(out, 0x22), put_u16(out, 1u << number(parser));
  } else if (strcmp(kind, "irq-flags") == 0) {
    put_u8(out, 0x23), put_u16(out, 1u << number(parser)), put_u8(out, (guint)number(parser));
  } else if (strcmp(kind, "interrupt") == 0) {
    interrupt(parser, out);
  } else if (strcmp(kind, "bus") == 0 || strcmp(kind, "io-range") == 0) {
    guint64 min = number(parser), max = number(parser);
    gboolean bus = *kind == 'b';
    address_space(out, 0x88, 2, bus ? 2 : 1, bus ? 0 : 3, min, max, max - min + 1);
  } else if (strcmp(kind, "memory") == 0) {
    guint flags = 1 | (guint)number(parser) << 1;
    guint64 min = number(parser), max = number(parser);
    address_space(out, 0x87, 4, 0, flags, min, max, max - min + 1);
  } else if (strcmp(kind, "memory64") == 0) {
    guint flags = 1 | (guint)number(parser) << 1;
    guint64 min = number(parser), len = number(parser);
    address_space(out, 0x8a, 8, 0, flags, min, min + len - 1, len);
  } else {
    complain(parser, "unknown resource");
  }
  expect(parser, ')');
}

static void resources(Parser *parser, Code *out) {
  g_autoptr(GByteArray) list = g_byte_array_new();
  while (more(parser))
    resource(parser, list);
  put_bytes(list, "\x79\0", 2);
  put_buffer(out, list->data, list->len);
}

/* ---- terms with a shape of their own ---- */

static void terms(Parser *parser, Code *out) {
  while (more(parser))
    term(parser, out);
}

/* What stands between the opcode's name and the body. */
typedef enum { HEAD_NONE, HEAD_NAME, HEAD_METHOD, HEAD_METHOD_SERIALIZED, HEAD_PROCESSOR, HEAD_COUNT } Head;

static const struct {
  const char *word, *opcode;
  gsize opcode_len;
  Head head;
} blocks[] = {
    {"scope", "\x10", 1, HEAD_NAME},    {"device", "\x5b\x82", 2, HEAD_NAME},
    {"method", "\x14", 1, HEAD_METHOD}, {"method!", "\x14", 1, HEAD_METHOD_SERIALIZED},
    {"if", "\xa0", 1, HEAD_NONE},       {"else", "\xa1", 1, HEAD_NONE},
    {"while", "\xa2", 1, HEAD_NONE},    {"processor", "\x5b\x83", 2, HEAD_PROCESSOR},
    {"package", "\x12", 1, HEAD_COUNT},
};

static void block(Parser *parser, Code *out, guint index) {
  g_autoptr(GByteArray) body = g_byte_array_new();
  switch (blocks[index].head) {
  case HEAD_NONE:
    break;
  case HEAD_NAME:
    read_name(parser, body);
    break;
  case HEAD_METHOD:
  case HEAD_METHOD_SERIALIZED:
    read_name(parser, body);
    put_u8(body, (guint)number(parser) | (blocks[index].head == HEAD_METHOD_SERIALIZED ? 8 : 0));
    break;
  case HEAD_PROCESSOR:
    read_name(parser, body);
    put_u8(body, (guint)number(parser));
    put_zeros(body, 5); /* no processor block */
    break;
  case HEAD_COUNT:
    put_u8(body, (guint)number(parser));
    break;
  }
  terms(parser, body);
  put_package(out, blocks[index].opcode, blocks[index].opcode_len, body);
}

/* Opcodes followed by plain operands: n = name only, x = a term, t = a target that may be left out. */
static const struct {
  const char *word, *opcode;
  gsize opcode_len;
  const char *operands;
  const char *suffix;
  gsize suffix_len;
} plain[] = {
    {"store", "\x70", 1, "xx", NULL, 0},      {"eq", "\x93", 1, "xx", NULL, 0},
    {"less", "\x95", 1, "xx", NULL, 0},       {"not", "\x92", 1, "x", NULL, 0},
    {"both", "\x90", 1, "xx", NULL, 0},       {"either", "\x91", 1, "xx", NULL, 0},
    {"and", "\x7b", 1, "xxt", NULL, 0},       {"or", "\x7d", 1, "xxt", NULL, 0},
    {"shl", "\x79", 1, "xxt", NULL, 0},       {"subtract", "\x74", 1, "xxt", NULL, 0},
    {"increment", "\x75", 1, "x", NULL, 0},   {"sizeof", "\x87", 1, "x", NULL, 0},
    {"index", "\x88", 1, "xx", "\0", 1},      {"deref", "\x83", 1, "x", NULL, 0},
    {"return", "\xa4", 1, "x", NULL, 0},      {"break", "\xa5", 1, "", NULL, 0},
    {"notify", "\x86", 1, "nx", NULL, 0},     {"acquire", "\x5b\x23", 2, "n", "\xff\xff", 2},
    {"release", "\x5b\x27", 2, "n", NULL, 0}, {"dword-field", "\x8a", 1, "xxn", NULL, 0},
    {"to-hex", "\x98", 1, "xt", NULL, 0},     {"to-buffer", "\x96", 1, "xt", NULL, 0},
    {"debug", "\x5b\x31", 2, "", NULL, 0},    {"name", "\x08", 1, "nx", NULL, 0},
    {"mutex", "\x5b\x01", 2, "n", "\0", 1},
};

static void plain_term(Parser *parser, Code *out, guint index) {
  put_bytes(out, plain[index].opcode, plain[index].opcode_len);
  for (const char *operand = plain[index].operands; *operand; operand++) {
    if (*operand == 'n')
      read_name(parser, out);
    else if (*operand == 'x' || more(parser))
      term(parser, out);
    else
      put_u8(out, 0);
  }
  if (plain[index].suffix)
    put_bytes(out, plain[index].suffix, plain[index].suffix_len);
}

static void field(Parser *parser, Code *out) {
  g_autoptr(GByteArray) body = g_byte_array_new();
  read_name(parser, body);
  put_u8(body, (guint)number(parser));
  while (more(parser)) {
    expect(parser, '(');
    g_autofree char *name = word(parser);
    if (strcmp(name, "-") == 0)
      put_u8(body, 0);
    else
      put_segment(body, name);
    put_length(body, number(parser), FALSE);
    expect(parser, ')');
  }
  put_package(out, "\x5b\x81", 2, body);
}

static void region(Parser *parser, Code *out) {
  put_bytes(out, "\x5b\x80", 2);
  read_name(parser, out);
  put_u8(out, (guint)number(parser));
  put_integer(out, number(parser));
  put_integer(out, number(parser));
}

static void buffer(Parser *parser, Code *out) {
  g_autofree char *hex = word(parser);
  g_autoptr(GByteArray) data = g_byte_array_new();
  for (gsize i = 0; hex[i] && hex[i + 1]; i += 2)
    put_u8(data, (guint)(g_ascii_xdigit_value(hex[i]) << 4 | g_ascii_xdigit_value(hex[i + 1])));
  put_buffer(out, data->data, data->len);
}

static void uuid(Parser *parser, Code *out) {
  g_autofree char *text = word(parser);
  guint8 bytes[16];
  guid_parse(text, bytes);
  put_buffer(out, bytes, sizeof bytes);
}

static void eisa(Parser *parser, Code *out) {
  g_autofree char *id = word(parser);
  put_eisa(out, id);
}

static void call(Parser *parser, Code *out) {
  read_name(parser, out);
  terms(parser, out);
}

static const struct {
  const char *word;
  void (*assemble)(Parser *parser, Code *out);
} special[] = {{"field", field}, {"region", region}, {"buffer", buffer},      {"uuid", uuid},
               {"eisa", eisa},   {"call", call},     {"resources", resources}};

static void list(Parser *parser, Code *out) {
  expect(parser, '(');
  g_autofree char *head = word(parser);
  gboolean found = FALSE;
  for (guint i = 0; !found && i < G_N_ELEMENTS(plain); i++)
    if ((found = strcmp(head, plain[i].word) == 0))
      plain_term(parser, out, i);
  for (guint i = 0; !found && i < G_N_ELEMENTS(blocks); i++)
    if ((found = strcmp(head, blocks[i].word) == 0))
      block(parser, out, i);
  for (guint i = 0; !found && i < G_N_ELEMENTS(special); i++)
    if ((found = strcmp(head, special[i].word) == 0))
      special[i].assemble(parser, out);
  if (!found)
    complain(parser, "unknown term");
  expect(parser, ')');
}

static void string(Parser *parser, Code *out) {
  const char *end = strchr(parser->at + 1, '"');
  if (!end)
    complain(parser, "unfinished string");
  put_u8(out, 0x0d);
  put_bytes(out, parser->at + 1, (gsize)(end - parser->at - 1));
  put_u8(out, 0);
  parser->at = end + 1;
}

static void term(Parser *parser, Code *out) {
  char c = peek(parser);
  if (c == '(') {
    list(parser, out);
  } else if (c == '"') {
    string(parser, out);
  } else if (g_ascii_isdigit(c)) {
    put_integer(out, number(parser));
  } else {
    g_autofree char *atom = word(parser);
    gboolean variable = (c == 'A' || c == 'L') && g_ascii_isdigit(atom[1]) && !atom[2];
    if (variable)
      put_u8(out, (c == 'A' ? 0x68u : 0x60u) + (guint)(atom[1] - '0'));
    else
      put_name(out, atom);
  }
}

void aml_assemble(GByteArray *out, const char *source) {
  Parser parser = {source, source};
  while (peek(&parser))
    term(&parser, out);
}
