#include "key_traces.h"

#include "base/hex.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE (1024 * 1024)
#define PEM_COLUMNS 64

typedef struct {
  char *label;
  GBytes *bytes;
} Trace;

struct KeyTraces {
  GArray *traces; /* Trace */
};

static void trace_clear(gpointer data) {
  Trace *trace = data;
  g_free(trace->label);
  g_bytes_unref(trace->bytes);
}

KeyTraces *key_traces_new(void) {
  KeyTraces *traces = g_new0(KeyTraces, 1);
  traces->traces = g_array_new(FALSE, FALSE, sizeof(Trace));
  g_array_set_clear_func(traces->traces, trace_clear);
  return traces;
}

void key_traces_free(KeyTraces *traces) {
  if (!traces)
    return;
  g_array_unref(traces->traces);
  g_free(traces);
}

static void add(KeyTraces *traces, const char *name, const char *form, const void *data, gsize len) {
  Trace trace = {g_strdup_printf("%s as %s", name, form), g_bytes_new(data, len)};
  g_array_append_val(traces->traces, trace);
}

void key_traces_add(KeyTraces *traces, const char *name, const Secret *key) {
  const guint8 *bytes = secret_peek(key);
  gsize len = secret_len(key);
  g_autofree guint8 *reversed = g_malloc(len);
  for (gsize i = 0; i < len; i++)
    reversed[i] = bytes[len - 1 - i];
  g_autofree char *hex = hex_encode(bytes, len), *upper = g_ascii_strup(hex, -1);
  g_autofree char *base64 = g_base64_encode(bytes, len - len % 3);
  add(traces, name, "bytes", bytes, len);
  add(traces, name, "little-endian number", reversed, len);
  add(traces, name, "hex", hex, strlen(hex));
  add(traces, name, "upper-case hex", upper, strlen(upper));
  add(traces, name, "base64", base64, strlen(base64));
}

void key_traces_add_p256(KeyTraces *traces, const char *name, EVP_PKEY *key) {
  g_autoptr(Secret) scalar = p256_scalar(key), der = p256_pkcs8(key);
  key_traces_add(traces, name, scalar);
  /* The first line is the same for all keys to more than a half. */
  g_autofree char *base64 = g_base64_encode(secret_peek(der), secret_len(der));
  add(traces, name, "pem", base64 + PEM_COLUMNS, PEM_COLUMNS);
}

const char *key_traces_find(const KeyTraces *traces, const void *data, gsize len) {
  for (guint i = 0; i < traces->traces->len; i++) {
    const Trace *trace = &g_array_index(traces->traces, Trace, i);
    if (memmem(data, len, g_bytes_get_data(trace->bytes, NULL), g_bytes_get_size(trace->bytes)))
      return trace->label;
  }
  return NULL;
}

/* "start-end access ..." begins a mapping, "Locked: N kB" belongs to the last one. */
static void read_line(const char *line, GArray *mappings, gboolean *relevant) {
  ProcessMapping mapping = {0};
  char access[5];
  unsigned long locked_kib;
  if (sscanf(line, "%zx-%zx %4s", &mapping.start, &mapping.end, access) == 3) {
    *relevant = access[0] == 'r' && !strstr(line, "[v");
    if (*relevant)
      g_array_append_val(mappings, mapping);
  } else if (*relevant && sscanf(line, "Locked: %lu", &locked_kib) == 1) {
    g_array_index(mappings, ProcessMapping, mappings->len - 1).locked = locked_kib > 0;
  }
}

GArray *process_mappings(pid_t pid) {
  g_autofree char *path = g_strdup_printf("/proc/%d/smaps", pid), *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    return NULL;
  GArray *mappings = g_array_new(FALSE, FALSE, sizeof(ProcessMapping));
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  gboolean relevant = FALSE;
  for (char **line = lines; *line; line++)
    read_line(*line, mappings, &relevant);
  return mappings;
}

static const char *find_in_mapping(const KeyTraces *traces, int memory, const ProcessMapping *mapping) {
  g_autofree char *piece = g_malloc(PIECE);
  for (gsize at = mapping->start; at < mapping->end; at += PIECE / 2) { /* pieces overlap */
    ssize_t n = pread(memory, piece, MIN(PIECE, mapping->end - at), (off_t)at);
    const char *found = n > 0 ? key_traces_find(traces, piece, (gsize)n) : NULL;
    if (found)
      return found;
  }
  return NULL;
}

const char *key_traces_find_in_process(const KeyTraces *traces, pid_t pid, MemoryPart part, gboolean *readable) {
  g_autofree char *path = g_strdup_printf("/proc/%d/mem", pid);
  g_autoptr(GArray) mappings = process_mappings(pid);
  int memory = open(path, O_RDONLY | O_CLOEXEC);
  *readable = mappings && memory >= 0;
  const char *found = NULL;
  for (guint i = 0; *readable && !found && i < mappings->len; i++) {
    const ProcessMapping *mapping = &g_array_index(mappings, ProcessMapping, i);
    if (part == MEMORY_ALL || !mapping->locked)
      found = find_in_mapping(traces, memory, mapping);
  }
  if (memory >= 0)
    close(memory);
  return found;
}
