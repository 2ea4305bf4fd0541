#include "disk_cache.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/log.h"

#include <string.h>
#include <unistd.h>

#define FORMAT_VERSION 3
/* Changes whenever the same image and VM would be measured another way than before. */
#define MEASURED_BY "dstack-c 1"
#define MAX_ENTRY 4096
#define MAX_ENTRIES 1024
#define FILE_MODE 0644
#define N_REGISTERS 4
#define KEY_DIGITS 64

static const char *const names[N_REGISTERS] = {"mrtd", "rtmr0", "rtmr1", "rtmr2"};

static char *entries_dir(const char *cache_dir) { return g_build_filename(cache_dir, "measurements", NULL); }

static char *entry_path(const char *cache_dir, const char *key) {
  g_autofree char *name = g_strconcat(key, ".json", NULL), *dir = entries_dir(cache_dir);
  return g_build_filename(dir, name, NULL);
}

/* An entry is taken for true without the image being there: whoever can write one decides what is genuine. */
static gboolean can_be_believed(const char *cache_dir, GError **error) {
  g_autofree char *dir = entries_dir(cache_dir);
  return file_check_private_dir(cache_dir, FALSE, error) && file_check_private_dir(dir, TRUE, error);
}

static guint8 *register_of(Measurements *measurements, guint i) {
  return i == 0 ? measurements->mrtd : measurements->rtmr[i - 1];
}

static gboolean read_registers(const json_t *entry, Measurements *out) {
  const json_t *registers = json_object_get(entry, "measurements");
  for (guint i = 0; i < N_REGISTERS; i++) {
    const char *hex = json_string_value(json_object_get(registers, names[i]));
    if (!hex || !hex_decode_fixed(hex, register_of(out, i), 48, NULL))
      return FALSE;
  }
  return TRUE;
}

ImageExpectation *measurements_read(const char *cache_dir, const char *key, const guint8 hash[32]) {
  if (!can_be_believed(cache_dir, NULL))
    return NULL;
  g_autofree char *path = entry_path(cache_dir, key);
  g_autoptr(GBytes) text = file_read_nofollow(path, MAX_ENTRY, NULL);
  g_autoptr(json_t) entry = text ? json_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), path, NULL) : NULL;
  const char *measured_by = json_string_value(json_object_get(entry, "measured_by"));
  if (json_integer_value(json_object_get(entry, "version")) != FORMAT_VERSION ||
      g_strcmp0(measured_by, MEASURED_BY) != 0)
    return NULL;
  g_autoptr(ImageExpectation) expectation = g_atomic_rc_box_new0(ImageExpectation);
  if (!read_registers(entry, &expectation->measurements))
    return NULL;
  memcpy(expectation->hash, hash, 32);
  expectation->acpi_verified = TRUE;
  expectation->is_dev = json_is_true(json_object_get(entry, "is_dev"));
  expectation->version = g_strdup(json_string_value(json_object_get(entry, "image_version")));
  return g_steal_pointer(&expectation);
}

static gboolean is_entry_name(const char *name) {
  return strlen(name) == KEY_DIGITS + strlen(".json") && strspn(name, "0123456789abcdef") == KEY_DIGITS &&
         g_str_has_suffix(name, ".json");
}

static void make_room(const char *dir_path) {
  g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
  guint n = 0;
  while (dir && g_dir_read_name(dir))
    n++;
  const char *name;
  if (n < MAX_ENTRIES)
    return;
  g_dir_rewind(dir);
  while ((name = g_dir_read_name(dir))) {
    if (!is_entry_name(name))
      continue;
    g_autofree char *path = g_build_filename(dir_path, name, NULL);
    (void)unlink(path); /* another process may have been quicker */
  }
}

void measurements_write(const char *cache_dir, const char *key, const ImageExpectation *expectation) {
  g_autofree char *path = entry_path(cache_dir, key), *dir = entries_dir(cache_dir);
  json_t *registers = json_object();
  for (guint i = 0; i < N_REGISTERS; i++) {
    g_autofree char *hex = hex_encode(register_of((Measurements *)&expectation->measurements, i), 48);
    json_object_set_new(registers, names[i], json_string(hex));
  }
  g_autoptr(json_t) entry =
      json_pack("{s:i, s:s, s:o, s:b, s:s?}", "version", FORMAT_VERSION, "measured_by", MEASURED_BY, "measurements",
                registers, "is_dev", (int)expectation->is_dev, "image_version", expectation->version);
  g_autofree char *text = json_print(entry);
  g_autoptr(GError) error = NULL;
  if (file_make_dirs(dir, 0755, &error) && can_be_believed(cache_dir, &error))
    make_room(dir);
  if (error || !file_write_atomic(path, text, strlen(text), FILE_MODE, &error))
    log_warn("measurements are not cached: %s", error->message);
}
