/* JSON to messages, straight into the fields: no tree in between, so that a body of 10 MiB of unknown members costs
 * nothing, numbers keep all 64 bits, and only known members are compared for duplicates. */
#include "prpc/message.h"
#include "prpc/message_field.h"

#include "base/error.h"

#include <string.h>

#define MAX_DEPTH 128

typedef struct {
  const char *start, *at, *end;
  guint depth;
  guint elements;
} Cursor;

static gboolean fail(const Cursor *cursor, GError **error, const char *reason) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid json at byte %zu: %s",
              (gsize)(cursor->at - cursor->start), reason);
  return FALSE;
}

static void skip_space(Cursor *cursor) {
  while (cursor->at < cursor->end && strchr(" \t\r\n", *cursor->at))
    cursor->at++;
}

/* The next character that is not white space, or 0 at the end; it is not consumed. */
static char peek(Cursor *cursor) {
  skip_space(cursor);
  return cursor->at < cursor->end ? *cursor->at : 0;
}

static gboolean take(Cursor *cursor, char c) {
  if (peek(cursor) != c)
    return FALSE;
  cursor->at++;
  return TRUE;
}

static gboolean take_word(Cursor *cursor, const char *word) {
  gsize len = strlen(word);
  skip_space(cursor);
  if ((gsize)(cursor->end - cursor->at) < len || memcmp(cursor->at, word, len) != 0)
    return FALSE;
  cursor->at += len;
  return TRUE;
}

/* ---- strings ---- */

static gboolean read_hex4(Cursor *cursor, guint *unit) {
  if (cursor->end - cursor->at < 4)
    return FALSE;
  *unit = 0;
  for (int i = 0; i < 4; i++) {
    int digit = g_ascii_xdigit_value(*cursor->at++);
    if (digit < 0)
      return FALSE;
    *unit = *unit << 4 | (guint)digit;
  }
  return TRUE;
}

static gboolean read_unicode_escape(Cursor *cursor, GString *out, GError **error) {
  guint unit, low;
  if (!read_hex4(cursor, &unit))
    return fail(cursor, error, "expected four hex digits");
  gunichar c = unit;
  if (unit >= 0xd800 && unit < 0xe000) {
    if (unit >= 0xdc00 || cursor->end - cursor->at < 2 || cursor->at[0] != '\\' || cursor->at[1] != 'u')
      return fail(cursor, error, "unpaired surrogate");
    cursor->at += 2;
    if (!read_hex4(cursor, &low) || low < 0xdc00 || low >= 0xe000)
      return fail(cursor, error, "unpaired surrogate");
    c = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  }
  g_string_append_unichar(out, c);
  return TRUE;
}

static gboolean read_escape(Cursor *cursor, GString *out, GError **error) {
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  if (cursor->at == cursor->end)
    return fail(cursor, error, "unfinished string");
  char name = *cursor->at++;
  if (name == 'u')
    return read_unicode_escape(cursor, out, error);
  const char *found = name ? strchr(names, name) : NULL;
  if (!found)
    return fail(cursor, error, "unknown escape");
  g_string_append_c(out, values[found - names]);
  return TRUE;
}

/* The whole text was checked to be UTF-8 before. */
static gboolean read_string(Cursor *cursor, GString *out, GError **error) {
  if (!take(cursor, '"'))
    return fail(cursor, error, "expected a string");
  g_string_truncate(out, 0);
  while (cursor->at < cursor->end) {
    const char *plain = cursor->at;
    while (cursor->at < cursor->end && *cursor->at != '"' && *cursor->at != '\\' && (guchar)*cursor->at >= 0x20)
      cursor->at++;
    g_string_append_len(out, plain, cursor->at - plain);
    if (cursor->at == cursor->end)
      break;
    char c = *cursor->at++;
    if (c == '"')
      return TRUE;
    if (c != '\\')
      return fail(cursor, error, "control character in a string");
    if (!read_escape(cursor, out, error))
      return FALSE;
  }
  return fail(cursor, error, "unfinished string");
}

/* ---- numbers ---- */

static gboolean skip_digits(Cursor *cursor) {
  const char *start = cursor->at;
  while (cursor->at < cursor->end && g_ascii_isdigit(*cursor->at))
    cursor->at++;
  return cursor->at > start;
}

/* Moves over a number by the grammar of RFC 8259. */
static gboolean skip_number(Cursor *cursor, GError **error) {
  take(cursor, '-');
  const char *whole = cursor->at;
  if (!skip_digits(cursor) || (*whole == '0' && cursor->at - whole > 1))
    return fail(cursor, error, "malformed number");
  if (cursor->at < cursor->end && *cursor->at == '.') {
    cursor->at++;
    if (!skip_digits(cursor))
      return fail(cursor, error, "malformed number");
  }
  if (cursor->at < cursor->end && (*cursor->at == 'e' || *cursor->at == 'E')) {
    cursor->at++;
    if (cursor->at < cursor->end && (*cursor->at == '+' || *cursor->at == '-'))
      cursor->at++;
    if (!skip_digits(cursor))
      return fail(cursor, error, "malformed number");
  }
  return TRUE;
}

static gboolean read_integer(Cursor *cursor, ProtobufCType type, void *slot, GError **error) {
  char first = peek(cursor);
  if (first != '-' && !g_ascii_isdigit(first))
    return fail(cursor, error, "expected a number");
  const char *start = cursor->at;
  return skip_number(cursor, error) && prpc_slot_set_integer(slot, type, start, (gsize)(cursor->at - start), error);
}

/* ---- structure ---- */

typedef gboolean (*ItemReader)(Cursor *cursor, gpointer data, GError **error);

/* Reads "open item, item close", calling `read_item` at the start of each. */
static gboolean read_sequence(Cursor *cursor, char open, char close, ItemReader read_item, gpointer data,
                              GError **error) {
  if (!take(cursor, open))
    return fail(cursor, error, open == '{' ? "expected an object" : "expected an array");
  if (++cursor->depth > MAX_DEPTH)
    return fail(cursor, error, "nested too deep");
  if (peek(cursor) != close)
    do {
      if (!read_item(cursor, data, error))
        return FALSE;
    } while (take(cursor, ','));
  cursor->depth--;
  return take(cursor, close) || fail(cursor, error, "expected a comma or the end");
}

static gboolean read_key(Cursor *cursor, GString *key, GError **error) {
  return read_string(cursor, key, error) && (take(cursor, ':') || fail(cursor, error, "expected a colon"));
}

static gboolean skip_value(Cursor *cursor, gpointer scratch, GError **error);

static gboolean skip_member(Cursor *cursor, gpointer scratch, GError **error) {
  return read_key(cursor, scratch, error) && skip_value(cursor, scratch, error);
}

static gboolean skip_value(Cursor *cursor, gpointer scratch, GError **error) {
  switch (peek(cursor)) {
  case '{':
    return read_sequence(cursor, '{', '}', skip_member, scratch, error);
  case '[':
    return read_sequence(cursor, '[', ']', skip_value, scratch, error);
  case '"':
    return read_string(cursor, scratch, error);
  case 't':
    return take_word(cursor, "true") || fail(cursor, error, "unknown word");
  case 'f':
    return take_word(cursor, "false") || fail(cursor, error, "unknown word");
  case 'n':
    return take_word(cursor, "null") || fail(cursor, error, "unknown word");
  default:
    return skip_number(cursor, error);
  }
}

/* ---- fields ---- */

typedef struct {
  ProtobufCMessage *message;
  const ProtobufCFieldDescriptor *field; /* the one being read */
  GString *scratch;
  guint8 *seen; /* one byte a field */
} Target;

static gboolean read_object(Cursor *cursor, ProtobufCMessage *message, GError **error);

static gboolean read_bool(Cursor *cursor, protobuf_c_boolean *slot, GError **error) {
  *slot = take_word(cursor, "true");
  return *slot || take_word(cursor, "false") || fail(cursor, error, "expected true or false");
}

/* One element, or the value of a singular field. */
static gboolean read_value(Cursor *cursor, gpointer data, GError **error) {
  Target *target = data;
  const ProtobufCFieldDescriptor *field = target->field;
  if (prpc_field_is_repeated(field) && ++cursor->elements > PRPC_MAX_ELEMENTS)
    return fail(cursor, error, "too many elements");
  void *slot = prpc_field_slot(target->message, field);
  switch (field->type) {
  case PROTOBUF_C_TYPE_BOOL:
    return read_bool(cursor, slot, error);
  case PROTOBUF_C_TYPE_STRING:
    return read_string(cursor, target->scratch, error) &&
           prpc_slot_set_string(slot, target->scratch->str, target->scratch->len, error);
  case PROTOBUF_C_TYPE_BYTES:
    return read_string(cursor, target->scratch, error) &&
           prpc_slot_set_hex(slot, target->scratch->str, target->scratch->len, error);
  case PROTOBUF_C_TYPE_MESSAGE:
    *(ProtobufCMessage **)slot = prpc_message_new(field->descriptor);
    return read_object(cursor, *(ProtobufCMessage **)slot, error);
  default:
    return read_integer(cursor, field->type, slot, error);
  }
}

static gboolean read_field(Cursor *cursor, Target *target, GError **error) {
  if (prpc_field_is_repeated(target->field))
    return read_sequence(cursor, '[', ']', read_value, target, error);
  gboolean may_be_null = prpc_field_is_optional(target->field) || target->field->type == PROTOBUF_C_TYPE_MESSAGE;
  return (may_be_null && take_word(cursor, "null")) || read_value(cursor, target, error);
}

static gboolean read_member(Cursor *cursor, gpointer data, GError **error) {
  Target *target = data;
  if (!read_key(cursor, target->scratch, error))
    return FALSE;
  const ProtobufCMessageDescriptor *type = target->message->descriptor;
  const char *key = target->scratch->str;
  gboolean has_nul = strlen(key) != target->scratch->len;
  target->field = has_nul ? NULL : protobuf_c_message_descriptor_get_field_by_name(type, key);
  if (!target->field)
    return skip_value(cursor, target->scratch, error);
  if (target->seen[target->field - type->fields]++) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: given twice", target->field->name);
    return FALSE;
  }
  if (read_field(cursor, target, error))
    return TRUE;
  g_prefix_error(error, "%s: ", target->field->name);
  return FALSE;
}

static gboolean read_object(Cursor *cursor, ProtobufCMessage *message, GError **error) {
  g_autofree guint8 *seen = g_new0(guint8, message->descriptor->n_fields + 1);
  Target target = {.message = message, .scratch = g_string_new(NULL), .seen = seen};
  gboolean ok = read_sequence(cursor, '{', '}', read_member, &target, error);
  g_string_free(target.scratch, TRUE);
  return ok;
}

ProtobufCMessage *prpc_message_from_json(const ProtobufCMessageDescriptor *type, const char *json, gsize len,
                                         GError **error) {
  g_autoptr(PrpcMessage) message = prpc_message_new(type);
  if (prpc_type_is_empty(type) || len == 0)
    return g_steal_pointer(&message);
  Cursor cursor = {.start = json, .at = json, .end = json + len};
  if (!g_utf8_validate_len(json, len, NULL)) {
    fail(&cursor, error, "not valid utf-8 text");
    return NULL;
  }
  if (!read_object(&cursor, message, error))
    return NULL;
  skip_space(&cursor);
  if (cursor.at != cursor.end) {
    fail(&cursor, error, "trailing characters");
    return NULL;
  }
  return g_steal_pointer(&message);
}
