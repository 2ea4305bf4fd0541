/* Query strings to messages: "path=a&alt_names[0]=b&msg[field]=c". The parts are first put in a small tree of keys. */
#include "prpc/message.h"
#include "prpc/message_field.h"
#include "prpc/uri.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 5
#define MAX_PARTS 4096

/* A key with a value, or with inner keys, or with a list ("key[]"). */
typedef struct Node {
  char *key;
  char *value;        /* NULL when there are inner nodes */
  GHashTable *by_key; /* of inner nodes; borrowed keys and nodes */
  GPtrArray *inner;   /* of Node, owned */
} Node;

static void node_free(gpointer data) {
  Node *node = data;
  g_free(node->key);
  g_free(node->value);
  g_clear_pointer(&node->by_key, g_hash_table_unref);
  g_clear_pointer(&node->inner, g_ptr_array_unref);
  g_free(node);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Node, node_free)

static gboolean invalid(GError **error, const char *reason) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s", reason);
  return FALSE;
}

/* The inner node for `key`; an empty key always makes a new one. NULL when the node already has a value. */
static Node *node_enter(Node *node, char *key) {
  Node *inner = node->by_key && *key ? g_hash_table_lookup(node->by_key, key) : NULL;
  if (inner || node->value) {
    g_free(key);
    return inner;
  }
  inner = g_new0(Node, 1);
  inner->key = key;
  if (!node->inner) {
    node->inner = g_ptr_array_new_with_free_func(node_free);
    node->by_key = g_hash_table_new(g_str_hash, g_str_equal);
  }
  g_ptr_array_add(node->inner, inner);
  if (*key)
    g_hash_table_insert(node->by_key, key, inner);
  return inner;
}

/* Steps from `node` along "name[a][b]". Brackets count only when they are not percent-encoded. */
static Node *node_walk(Node *node, const char *key, gsize len, GError **error) {
  const char *end = key + len;
  const char *stop = memchr(key, '[', len);
  if (!stop)
    stop = end;
  for (guint depth = 0;; depth++) {
    char *name = prpc_percent_decode(key, (gsize)(stop - key), TRUE);
    if (!name)
      return invalid(error, "malformed percent-encoding in a key"), NULL;
    if (depth > MAX_DEPTH) {
      g_free(name);
      return invalid(error, "key nested too deep"), NULL;
    }
    node = node_enter(node, name);
    if (!node)
      return invalid(error, "a key has both a value and inner keys"), NULL;
    if (stop < end && *stop == ']')
      stop++;
    if (stop == end)
      return node;
    key = stop + 1;
    stop = *stop == '[' ? memchr(key, ']', (gsize)(end - key)) : NULL;
    if (!stop)
      return invalid(error, "malformed brackets in a key"), NULL;
  }
}

static gboolean add_part(Node *root, const PrpcQueryPart *part, GError **error) {
  Node *node = node_walk(root, part->key, part->key_len, error);
  if (!node)
    return FALSE;
  if (node->value || node->inner) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%.*s: given twice", (int)part->key_len, part->key);
    return FALSE;
  }
  node->value = prpc_percent_decode(part->value, part->value_len, TRUE);
  return node->value || invalid(error, "malformed percent-encoding in a value");
}

static Node *parse_tree(const char *query, GError **error) {
  g_autoptr(Node) root = g_new0(Node, 1);
  PrpcQueryPart part;
  guint parts = 0;
  while (prpc_query_next(&query, &part)) {
    if (++parts > MAX_PARTS)
      return invalid(error, "too many query parameters"), NULL;
    if (!add_part(root, &part, error))
      return NULL;
  }
  return g_steal_pointer(&root);
}

/* ---- from the tree to fields ---- */

static gboolean fill_message(ProtobufCMessage *message, const Node *node, GError **error);

static gboolean set_bool(protobuf_c_boolean *slot, const char *text, GError **error) {
  *slot = strcmp(text, "true") == 0;
  return *slot || strcmp(text, "false") == 0 || invalid(error, "expected true or false");
}

static gboolean set_value(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, const Node *node,
                          GError **error) {
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
    if (node->value)
      return invalid(error, "expected inner keys");
    ProtobufCMessage **slot = prpc_field_slot(message, field);
    *slot = prpc_message_new(field->descriptor);
    return fill_message(*slot, node, error);
  }
  if (!node->value)
    return invalid(error, "expected a plain value");
  if (prpc_field_is_optional(field) && !*node->value)
    return TRUE;
  void *slot = prpc_field_slot(message, field);
  switch (field->type) {
  case PROTOBUF_C_TYPE_BOOL:
    return set_bool(slot, node->value, error);
  case PROTOBUF_C_TYPE_STRING:
    return prpc_slot_set_string(slot, node->value, strlen(node->value), error);
  case PROTOBUF_C_TYPE_BYTES:
    return prpc_slot_set_hex(slot, node->value, strlen(node->value), error);
  default:
    return prpc_slot_set_integer(slot, field->type, node->value, strlen(node->value), error);
  }
}

static gint compare_index(gconstpointer a, gconstpointer b) {
  guint64 left = g_ascii_strtoull((*(Node *const *)a)->key, NULL, 10);
  guint64 right = g_ascii_strtoull((*(Node *const *)b)->key, NULL, 10);
  return (left > right) - (left < right);
}

static gboolean is_index(const char *key) {
  gsize digits = strspn(key, "0123456789");
  return digits > 0 && digits < 10 && !key[digits];
}

/* "key[0]" elements come in the order of their numbers, "key[]" in the order they were given. */
static gboolean set_repeated(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, const Node *node,
                             GError **error) {
  if (!node->inner)
    return invalid(error, "expected key[] or key[index]");
  gboolean indexed = *((Node *)node->inner->pdata[0])->key != 0;
  for (guint i = 0; i < node->inner->len; i++) {
    const char *key = ((Node *)node->inner->pdata[i])->key;
    if (indexed ? !is_index(key) : *key != 0)
      return invalid(error, "expected only key[] or only key[index]");
  }
  if (indexed)
    g_ptr_array_sort(node->inner, compare_index);
  for (guint i = 0; i < node->inner->len; i++) {
    if (indexed && i > 0 && compare_index(&node->inner->pdata[i - 1], &node->inner->pdata[i]) == 0)
      return invalid(error, "an index is given twice");
    if (!set_value(message, field, node->inner->pdata[i], error))
      return FALSE;
  }
  return TRUE;
}

static gboolean fill_message(ProtobufCMessage *message, const Node *node, GError **error) {
  for (guint i = 0; node->inner && i < node->inner->len; i++) {
    const Node *inner = node->inner->pdata[i];
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, inner->key);
    if (!field)
      continue;
    gboolean repeated = prpc_field_is_repeated(field);
    if (!(repeated ? set_repeated(message, field, inner, error) : set_value(message, field, inner, error))) {
      g_prefix_error(error, "%s: ", field->name);
      return FALSE;
    }
  }
  return TRUE;
}

ProtobufCMessage *prpc_message_from_query(const ProtobufCMessageDescriptor *type, const char *query, GError **error) {
  g_autoptr(PrpcMessage) message = prpc_message_new(type);
  if (prpc_type_is_empty(type))
    return g_steal_pointer(&message);
  g_autoptr(Node) root = parse_tree(query, error);
  if (!root || !fill_message(message, root, error)) {
    g_prefix_error(error, "invalid query: ");
    return NULL;
  }
  return g_steal_pointer(&message);
}
