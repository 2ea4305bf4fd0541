#include "registers.h"

#include "command.h"

#include "base/hex.h"
#include "measure/boot_log.h"

#include <string.h>

static void set_hex(json_t *object, const char *key, const guint8 *digest) {
  g_autofree char *hex = hex_encode(digest, 48);
  json_object_set_new(object, key, json_string(hex));
}

json_t *registers_describe(const Measurements *measurements) {
  static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2"};
  json_t *object = json_object();
  set_hex(object, "mrtd", measurements->mrtd);
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    set_hex(object, names[i], measurements->rtmr[i]);
  return object;
}

json_t *registers_describe_rtmr0(const Measurements *measurements) {
  json_t *events = json_array();
  for (guint i = 0; i < G_N_ELEMENTS(boot_log_rtmr0_names); i++) {
    const TdxEvent *event = measurements->boot_log->pdata[i];
    gsize len;
    const char *note = g_bytes_get_data(event->payload, &len);
    json_t *entry = json_pack("{s:i, s:s}", "index", (int)i, "label", boot_log_rtmr0_names[i]);
    set_hex(entry, "digest", event->digest);
    json_object_set_new(entry, "note", json_stringn(note, len));
    json_array_append_new(events, entry);
  }
  return events;
}

int registers_print_json(const json_t *json) {
  char *text = json_dumps(json, JSON_INDENT(2));
  g_autofree char *line = g_strconcat(text, "\n", NULL);
  free(text);
  return command_write(line, strlen(line));
}
