/* Reads the members of an answer. */
#include "bytes.h"
#include "fail.h"
#include "rpc.h"

#include <stdlib.h>
#include <string.h>

/* Text without NUL inside; NULL when it is missing and may be. */
static dstack_status find_text(const json_t *value, const char *name, bool required, const char **text,
                               dstack_error *error) {
  *text = json_string_value(value);
  bool missing = !value || json_is_null(value);
  if ((missing && !required) || (*text && strlen(*text) == json_string_length(value)))
    return DSTACK_OK;
  return fail(error, DSTACK_MALFORMED, "the answer's member %s is %s", name, missing ? "missing" : "not plain text");
}

dstack_status rpc_get_text(const json_t *answer, const char *name, bool required, char **text, dstack_error *error) {
  const char *found;
  dstack_status status = find_text(json_object_get(answer, name), name, required, &found, error);
  if (status != DSTACK_OK)
    return status;
  *text = strdup(found ? found : "");
  return *text ? DSTACK_OK : fail_memory(error);
}

dstack_status rpc_get_bytes(const json_t *answer, const char *name, bool required, dstack_bytes *bytes,
                            dstack_error *error) {
  const char *found;
  dstack_status status = find_text(json_object_get(answer, name), name, required, &found, error);
  *bytes = (dstack_bytes){0};
  return status != DSTACK_OK ? status : hex_decode(found ? found : "", name, bytes, error);
}

static dstack_status find_array(const json_t *answer, const char *name, const json_t **array, dstack_error *error) {
  *array = json_object_get(answer, name);
  return json_is_array(*array) ? DSTACK_OK : fail(error, DSTACK_MALFORMED, "the answer's member %s is no list", name);
}

dstack_status rpc_get_texts(const json_t *answer, const char *name, dstack_strings *texts, dstack_error *error) {
  const json_t *array;
  dstack_status status = find_array(answer, name, &array, error);
  *texts = (dstack_strings){0};
  if (status != DSTACK_OK || json_array_size(array) == 0)
    return status;
  texts->items = calloc(json_array_size(array), sizeof *texts->items);
  if (!texts->items)
    return fail_memory(error);
  for (size_t i = 0; i < json_array_size(array); i++) {
    const char *text;
    status = find_text(json_array_get(array, i), name, true, &text, error);
    if (status == DSTACK_OK && !(texts->items[i] = strdup(text)))
      status = fail_memory(error);
    if (status != DSTACK_OK) {
      dstack_strings_clear(texts);
      return status;
    }
    texts->count++;
  }
  return DSTACK_OK;
}

dstack_status rpc_get_bytes_list(const json_t *answer, const char *name, dstack_bytes_list *list, dstack_error *error) {
  dstack_strings texts;
  dstack_status status = rpc_get_texts(answer, name, &texts, error);
  *list = (dstack_bytes_list){0};
  if (status == DSTACK_OK && texts.count && !(list->items = calloc(texts.count, sizeof *list->items)))
    status = fail_memory(error);
  for (size_t i = 0; status == DSTACK_OK && i < texts.count; i++) {
    status = hex_decode(texts.items[i], name, &list->items[i], error);
    list->count = i + 1;
  }
  if (status != DSTACK_OK)
    dstack_bytes_list_clear(list);
  dstack_strings_clear(&texts);
  return status;
}
