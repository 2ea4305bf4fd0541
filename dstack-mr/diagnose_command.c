/* dstack-mr diagnose: a VM as its vm_config tells it, compared with what its quote or its event log shows. */
#include "command.h"
#include "registers.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "measure/boot_log.h"
#include "measure/measure.h"

#include <stdio.h>
#include <string.h>

#define N_REGISTERS 4
#define VM_CONFIG_MAX_SIZE (1024 * 1024)

static const char *const register_names[N_REGISTERS] = {"mrtd", "rtmr0", "rtmr1", "rtmr2"};

typedef struct {
  char *vm_config_path, *image_dir, *image_base_dir, *event_log_path;
  char *actual[N_REGISTERS];
  gboolean json;
} Options;

static void options_clear(Options *options) {
  g_free(options->vm_config_path);
  g_free(options->image_dir);
  g_free(options->image_base_dir);
  g_free(options->event_log_path);
  for (guint i = 0; i < N_REGISTERS; i++)
    g_free(options->actual[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

typedef struct {
  MeasureVm vm;
  GBytes *storage; /* owns the strings of `vm` */
  OsImage *image;
  Measurements expected;
} Diagnosis;

static void diagnosis_clear(Diagnosis *diagnosis) {
  g_clear_pointer(&diagnosis->storage, g_bytes_unref);
  g_clear_pointer(&diagnosis->image, os_image_free);
  measurements_clear(&diagnosis->expected);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Diagnosis, diagnosis_clear)

/* In a base directory images lie under their names. */
static char *find_image(const Options *options, const char *vm_config, GError **error) {
  if (options->image_dir)
    return g_strdup(options->image_dir);
  g_autoptr(json_t) object = json_parse(vm_config, strlen(vm_config), "vm_config", error);
  const char *name = object ? json_get_string(object, "image", "vm_config", error) : NULL;
  if (!name)
    return NULL;
  if (os_image_name_ok(name))
    return g_build_filename(options->image_base_dir, name, NULL);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "vm_config.image: not a plain name");
  return NULL;
}

static gboolean compute(const Options *options, Diagnosis *out, GError **error) {
  gboolean has_hash;
  g_autofree char *vm_config = file_read_text(options->vm_config_path, VM_CONFIG_MAX_SIZE, error);
  if (!vm_config || !measure_vm_parse(vm_config, &out->vm, NULL, &has_hash, &out->storage, error))
    return FALSE;
  g_autofree char *dir = find_image(options, vm_config, error);
  out->image = dir ? os_image_open(dir, FALSE, error) : NULL;
  return out->image && measure_image(out->image, &out->vm, &out->expected, error);
}

/* Registers that were given and differ, by name; JSON array. */
static gboolean compare_registers(const Options *options, const Measurements *expected, json_t *different,
                                  GError **error) {
  for (guint i = 0; i < N_REGISTERS; i++) {
    guint8 actual[48];
    if (!options->actual[i])
      continue;
    if (!hex_decode_fixed(options->actual[i], actual, sizeof actual, error)) {
      g_prefix_error(error, "--actual-%s: ", register_names[i]);
      return FALSE;
    }
    if (memcmp(actual, i == 0 ? expected->mrtd : expected->rtmr[i - 1], sizeof actual) != 0)
      json_array_append_new(different, json_string(register_names[i]));
  }
  return TRUE;
}

static const char *event_label(guint imr, guint index) {
  return imr == 0 && index < G_N_ELEMENTS(boot_log_rtmr0_names) ? boot_log_rtmr0_names[index] : "";
}

static const TdxEvent *nth_event(TdxEventLog *log, guint imr, guint index) {
  for (guint i = 0; i < log->len; i++) {
    const TdxEvent *event = log->pdata[i];
    if (event->imr == imr && index-- == 0)
      return event;
  }
  return NULL;
}

static json_t *digest_or_null(const TdxEvent *event) {
  g_autofree char *hex = event ? hex_encode(event->digest, sizeof event->digest) : NULL;
  return hex ? json_string(hex) : json_null();
}

static json_t *describe_divergence(guint imr, guint index, const TdxEvent *expected, const TdxEvent *actual) {
  g_autofree char *name = g_strdup_printf("rtmr%u", imr);
  return json_pack("{s:s, s:i, s:s, s:o, s:o}", "register", name, "index", (int)index, "label", event_label(imr, index),
                   "expected", digest_or_null(expected), "actual", digest_or_null(actual));
}

/* The first event that goes another way, or NULL. */
static json_t *first_divergence(TdxEventLog *expected, TdxEventLog *actual) {
  for (guint imr = 0; imr < 3; imr++)
    for (guint i = 0;; i++) {
      const TdxEvent *want = nth_event(expected, imr, i), *have = nth_event(actual, imr, i);
      if (!want && !have)
        break;
      if (!want || !have || memcmp(want->digest, have->digest, sizeof want->digest) != 0)
        return describe_divergence(imr, i, want, have);
    }
  return NULL;
}

static gboolean compare_log(const Options *options, const Measurements *expected, json_t **divergence, GError **error) {
  if (!options->event_log_path)
    return TRUE;
  g_autofree char *text = file_read_text(options->event_log_path, TDX_LOG_MAX_JSON, error);
  g_autoptr(TdxEventLog) actual = text ? tdx_event_log_parse(text, strlen(text), error) : NULL;
  if (!actual)
    return FALSE;
  *divergence = first_divergence(expected->boot_log, actual);
  return TRUE;
}

static void print_lines(const json_t *report) {
  const char *key;
  json_t *value, *event;
  size_t i;
  json_object_foreach((json_t *)report, key, value) if (json_is_string(value))(void)
      printf("%s: %s\n", key, json_string_value(value));
  (void)printf("rtmr0 events:\n");
  json_array_foreach(json_object_get(report, "rtmr0_log"), i, event)(void)
      printf("  %2zu %-14s %s\n", i, json_string_value(json_object_get(event, "label")),
             json_string_value(json_object_get(event, "digest")));
  json_array_foreach(json_object_get(report, "different"), i, event)(void)
      printf("%s does not match\n", json_string_value(event));
  const json_t *divergence = json_object_get(report, "first_divergence");
  if (divergence) {
    g_autofree char *text = json_print(divergence);
    (void)printf("first divergent event: %s\n", text);
  }
}

static int report(const Options *options, const Diagnosis *diagnosis, json_t *different, json_t *divergence) {
  g_autoptr(json_t) object = json_object(), registers = registers_describe(&diagnosis->expected);
  json_object_set_new(object, "ovmf_variant", json_string(MEASURE_OVMF_VARIANT));
  json_object_update(object, registers);
  json_object_set_new(object, "rtmr0_log", registers_describe_rtmr0(&diagnosis->expected));
  json_object_set(object, "different", different);
  if (divergence)
    json_object_set(object, "first_divergence", divergence);
  gboolean matches = json_array_size(different) == 0 && !divergence;
  if (options->json) {
    if (registers_print_json(object) != EXIT_DONE)
      return EXIT_FAILED;
  } else {
    print_lines(object);
  }
  return matches ? EXIT_DONE : EXIT_FAILED;
}

static int diagnose(const Options *options) {
  g_auto(Diagnosis) diagnosis = {0};
  g_autoptr(json_t) different = json_array(), divergence = NULL;
  g_autoptr(GError) error = NULL;
  if (!compute(options, &diagnosis, &error) || !compare_registers(options, &diagnosis.expected, different, &error) ||
      !compare_log(options, &diagnosis.expected, &divergence, &error))
    return command_failed(error);
  return report(options, &diagnosis, different, divergence);
}

int diagnose_command(int argc, char **argv) {
  g_auto(Options) options = {0};
  const GOptionEntry entries[] = {
      {"vm-config", 0, 0, G_OPTION_ARG_FILENAME, &options.vm_config_path, "the VM's vm_config (JSON)", "FILE"},
      {"image-dir", 0, 0, G_OPTION_ARG_FILENAME, &options.image_dir, "the image", "DIR"},
      {"image-base-dir", 0, 0, G_OPTION_ARG_FILENAME, &options.image_base_dir, "images under their names", "DIR"},
      {"actual-mrtd", 0, 0, G_OPTION_ARG_STRING, &options.actual[0], "register of the quote", "HEX"},
      {"actual-rtmr0", 0, 0, G_OPTION_ARG_STRING, &options.actual[1], "register of the quote", "HEX"},
      {"actual-rtmr1", 0, 0, G_OPTION_ARG_STRING, &options.actual[2], "register of the quote", "HEX"},
      {"actual-rtmr2", 0, 0, G_OPTION_ARG_STRING, &options.actual[3], "register of the quote", "HEX"},
      {"actual-event-log", 0, 0, G_OPTION_ARG_FILENAME, &options.event_log_path, "event log of the quote (JSON)",
       "FILE"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &options.json, "print JSON", NULL},
      {NULL}};
  if (!command_parse(&argc, &argv, entries, NULL,
                     "Tells where a VM's measurements part from what its image and shape give.",
                     "Exit status: 0 everything that was given matches, 1 it does not, 2 wrong usage."))
    return EXIT_WRONG_USAGE;
  if (argc > 1 || !options.vm_config_path || (options.image_dir != NULL) == (options.image_base_dir != NULL))
    return command_usage("diagnose needs --vm-config and one of --image-dir and --image-base-dir");
  return diagnose(&options);
}
