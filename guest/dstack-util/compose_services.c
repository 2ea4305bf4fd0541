#include "compose_services.h"

#include "base/error.h"

#include <string.h>
#include <yaml.h>

#define MAX_MERGE_DEPTH 8

void compose_services_free(ComposeServices *services) {
  if (!services)
    return;
  g_free(services->project);
  g_strfreev(services->services);
  g_free(services);
}

static const char *scalar(const yaml_node_t *node) {
  return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static yaml_node_t *mapping_get(yaml_document_t *document, const yaml_node_t *mapping, const char *key) {
  if (!mapping || mapping->type != YAML_MAPPING_NODE)
    return NULL;
  for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++)
    if (g_strcmp0(scalar(yaml_document_get_node(document, pair->key)), key) == 0)
      return yaml_document_get_node(document, pair->value);
  return NULL;
}

/* Merge keys may point to mappings that merge in turn; an alias to itself ends at the depth limit. */
static void collect_keys(yaml_document_t *document, const yaml_node_t *node, guint depth, GHashTable *keys) {
  if (!node || depth > MAX_MERGE_DEPTH)
    return;
  if (node->type == YAML_SEQUENCE_NODE)
    for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++)
      collect_keys(document, yaml_document_get_node(document, *item), depth + 1, keys);
  if (node->type != YAML_MAPPING_NODE)
    return;
  for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
    const char *key = scalar(yaml_document_get_node(document, pair->key));
    if (g_strcmp0(key, "<<") == 0)
      collect_keys(document, yaml_document_get_node(document, pair->value), depth + 1, keys);
    else if (key)
      g_hash_table_add(keys, g_strdup(key));
  }
}

static ComposeServices *read_document(yaml_document_t *document, GError **error) {
  yaml_node_t *root = yaml_document_get_root_node(document);
  if (!root || root->type != YAML_MAPPING_NODE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the compose file is no mapping");
    return NULL;
  }
  ComposeServices *out = g_new0(ComposeServices, 1);
  out->project = g_strdup(scalar(mapping_get(document, root, "name")));
  g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  const yaml_node_t *services = mapping_get(document, root, "services");
  if (services && services->type == YAML_MAPPING_NODE)
    collect_keys(document, services, 0, keys);
  guint n;
  g_autofree char **names = (char **)g_hash_table_get_keys_as_array(keys, &n);
  out->services = g_strdupv(names);
  return out;
}

ComposeServices *compose_services_parse(const char *text, gsize len, GError **error) {
  yaml_parser_t parser;
  yaml_document_t document;
  if (!yaml_parser_initialize(&parser)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "out of memory");
    return NULL;
  }
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
  ComposeServices *out = NULL;
  if (yaml_parser_load(&parser, &document)) {
    out = read_document(&document, error);
    yaml_document_delete(&document);
  } else {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the compose file is no yaml: line %zu",
                parser.problem_mark.line + 1);
  }
  yaml_parser_delete(&parser);
  return out;
}

char *compose_project_of_directory(const char *directory) {
  g_autofree char *base = g_path_get_basename(directory);
  GString *name = g_string_new(NULL);
  for (const char *p = base; *p; p++) {
    char c = g_ascii_tolower(*p);
    if (g_ascii_isalnum(c) || ((c == '-' || c == '_') && name->len > 0))
      g_string_append_c(name, c);
  }
  return g_string_free(name, FALSE);
}
