#include "vmm/compose_yaml.h"

#include "base/error.h"

#include <string.h>
#include <yaml.h>

#define MAX_DEPTH 64
#define MAX_EVENTS 1000000

typedef struct {
  guint depth, documents;
  gboolean root_is_mapping, has_services;
  gboolean expect_value; /* in the root mapping, the next node is the value of `services` */
  gboolean root_value;   /* in the root mapping, the next node is some value */
} Shape;

static gboolean fail(GError **error, size_t line, const char *reason) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "line %zu: %s", line + 1, reason);
  return FALSE;
}

/* Follows keys and values of the root mapping; deeper nodes only count for the depth. */
static void note_node(Shape *shape, const yaml_event_t *event) {
  gboolean container = event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
  if (shape->depth == 0) {
    shape->root_is_mapping = event->type == YAML_MAPPING_START_EVENT;
  } else if (shape->depth == 1 && shape->root_value) {
    shape->has_services |= shape->expect_value && event->type == YAML_MAPPING_START_EVENT;
    shape->root_value = shape->expect_value = FALSE;
  } else if (shape->depth == 1 && shape->root_is_mapping) {
    shape->root_value = TRUE;
    shape->expect_value =
        event->type == YAML_SCALAR_EVENT && strcmp((const char *)event->data.scalar.value, "services") == 0;
  }
  if (container)
    shape->depth++;
}

static gboolean take_event(Shape *shape, const yaml_event_t *event, GError **error) {
  switch (event->type) {
  case YAML_DOCUMENT_START_EVENT:
    if (++shape->documents > 1)
      return fail(error, event->start_mark.line, "more than one document");
    return TRUE;
  case YAML_MAPPING_START_EVENT:
  case YAML_SEQUENCE_START_EVENT:
  case YAML_SCALAR_EVENT:
  case YAML_ALIAS_EVENT:
    note_node(shape, event);
    return shape->depth <= MAX_DEPTH || fail(error, event->start_mark.line, "nested too deep");
  case YAML_MAPPING_END_EVENT:
  case YAML_SEQUENCE_END_EVENT:
    shape->depth--;
    return TRUE;
  default:
    return TRUE;
  }
}

static gboolean walk(yaml_parser_t *parser, Shape *shape, GError **error) {
  for (guint count = 0; count < MAX_EVENTS; count++) {
    yaml_event_t event;
    if (!yaml_parser_parse(parser, &event))
      return fail(error, parser->problem_mark.line, parser->problem ? parser->problem : "not readable");
    gboolean last = event.type == YAML_STREAM_END_EVENT;
    gboolean taken = take_event(shape, &event, error);
    yaml_event_delete(&event);
    if (!taken || last)
      return taken;
  }
  return fail(error, parser->mark.line, "too long");
}

gboolean compose_yaml_check(const char *text, GError **error) {
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser))
    return fail(error, 0, "out of memory");
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
  Shape shape = {0};
  gboolean walked = walk(&parser, &shape, error);
  yaml_parser_delete(&parser);
  if (!walked)
    return FALSE;
  if (!shape.root_is_mapping)
    return fail(error, 0, "not a mapping");
  return shape.has_services || fail(error, 0, "no mapping named services");
}
