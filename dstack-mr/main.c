/* dstack-mr: tells what real hardware will measure of an image in a VM of a given shape (spec: measurement 8). */
#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/log.h"
#include "base/units.h"
#include "measure/measure.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  char *image_dir, *memory, *hole64, *qemu_version, *share, *two_pass, *pic, *hotplug_off;
  int cpus, gpus, nvswitches, nics;
  gboolean hugepages, json, log;
} Options;

static const char teach[] = "Examples:\n"
                            "  dstack-mr measure --image build/image/dstack-0.5.5 --cpu 2 --memory 4G --json\n"
                            "  dstack-mr measure images/dstack-0.5.5/metadata.json -c 1 -m 2G --qemu-version 9.2.1\n\n"
                            "Prints MRTD and RTMR0-2. RTMR3 depends on the app and is replayed from its event log.\n"
                            "Exit status: 0 measured, 1 it could not be, 2 wrong usage.\n";

static gboolean parse_switch(const char *text, const char *name, gboolean *value, gboolean *set, GError **error) {
  *set = text != NULL;
  *value = text && strcmp(text, "true") == 0;
  if (!text || *value || strcmp(text, "false") == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "--%s takes true or false", name);
  return FALSE;
}

static gboolean describe_vm(const Options *options, MeasureVm *vm, GError **error) {
  gboolean ignored;
  *vm = (MeasureVm){.cpu_count = (guint32)options->cpus,
                    .qemu_version = options->qemu_version,
                    .hugepages = options->hugepages,
                    .num_gpus = (guint32)options->gpus,
                    .num_nvswitches = (guint32)options->nvswitches,
                    .num_nics = (guint32)options->nics,
                    .host_share_mode = options->share};
  return units_parse_size(options->memory ? options->memory : "2G", &vm->memory_size, error) &&
         (!options->hole64 || units_parse_size(options->hole64, &vm->pci_hole64_size, error)) &&
         parse_switch(options->two_pass, "two-pass-add-pages", &vm->two_pass_add_pages, &vm->two_pass_set, error) &&
         parse_switch(options->pic, "pic", &vm->pic, &vm->pic_set, error) &&
         parse_switch(options->hotplug_off, "hotplug-off", &vm->hotplug_off, &ignored, error);
}

static void add_hex(json_t *object, const char *key, const guint8 *data) {
  g_autofree char *hex = hex_encode(data, 48);
  json_object_set_new(object, key, json_string(hex));
}

static void print_json(const Measurements *measurements, gboolean with_log) {
  g_autoptr(json_t) object = json_object();
  add_hex(object, "mrtd", measurements->mrtd);
  add_hex(object, "rtmr0", measurements->rtmr[0]);
  add_hex(object, "rtmr1", measurements->rtmr[1]);
  add_hex(object, "rtmr2", measurements->rtmr[2]);
  if (with_log) {
    g_autofree char *log = tdx_event_log_print(measurements->boot_log);
    json_object_set_new(object, "boot_log", json_loads(log, 0, NULL));
  }
  char *text = json_dumps(object, JSON_INDENT(2));
  (void)printf("%s\n", text);
  free(text);
}

static void print_text(const Measurements *measurements) {
  static const char *const names[] = {"MRTD", "RTMR0", "RTMR1", "RTMR2"};
  (void)printf("Machine measurements:\n");
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *hex = hex_encode(i == 0 ? measurements->mrtd : measurements->rtmr[i - 1], 48);
    (void)printf("%s: %s\n", names[i], hex);
  }
}

static gboolean measure(const Options *options, GError **error) {
  MeasureVm vm;
  g_autoptr(OsImage) image = os_image_open(options->image_dir, FALSE, error);
  g_auto(Measurements) measurements = {0};
  if (!image || !describe_vm(options, &vm, error) || !measure_image(image, &vm, &measurements, error))
    return FALSE;
  if (options->json || options->log)
    print_json(&measurements, options->log);
  else
    print_text(&measurements);
  return TRUE;
}

static gboolean parse_options(int *argc, char ***argv, Options *options, GError **error) {
  const GOptionEntry entries[] = {
      {"image", 0, 0, G_OPTION_ARG_FILENAME, &options->image_dir, "image directory", "DIR"},
      {"cpu", 'c', 0, G_OPTION_ARG_INT, &options->cpus, "virtual CPUs (default 1)", "N"},
      {"memory", 'm', 0, G_OPTION_ARG_STRING, &options->memory, "memory, such as 2G (the default)", "SIZE"},
      {"qemu-version", 0, 0, G_OPTION_ARG_STRING, &options->qemu_version, "QEMU of the host (default 9.1.0)", "X.Y.Z"},
      {"two-pass-add-pages", 0, 0, G_OPTION_ARG_STRING, &options->two_pass, "default by QEMU version", "BOOL"},
      {"pic", 0, 0, G_OPTION_ARG_STRING, &options->pic, "default by QEMU version", "BOOL"},
      {"pci-hole64-size", 0, 0, G_OPTION_ARG_STRING, &options->hole64, "default QEMU's", "SIZE"},
      {"hotplug-off", 0, 0, G_OPTION_ARG_STRING, &options->hotplug_off, "default false", "BOOL"},
      {"hugepages", 0, 0, G_OPTION_ARG_NONE, &options->hugepages, "memory on huge pages", NULL},
      {"num-gpus", 0, 0, G_OPTION_ARG_INT, &options->gpus, "GPUs passed through", "N"},
      {"num-nvswitches", 0, 0, G_OPTION_ARG_INT, &options->nvswitches, "NVSwitches passed through", "N"},
      {"num-nics", 0, 0, G_OPTION_ARG_INT, &options->nics, "network cards (default 1)", "N"},
      {"host-share-mode", 0, 0, G_OPTION_ARG_STRING, &options->share, "9p, vvfat or vhd", "MODE"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &options->json, "print JSON", NULL},
      {"log", 0, 0, G_OPTION_ARG_NONE, &options->log, "print JSON with every boot event", NULL},
      {NULL}};
  g_autoptr(GOptionContext) context = g_option_context_new("measure [METADATA.JSON] - predict TDX measurements");
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_description(context, teach);
  return g_option_context_parse(context, argc, argv, error);
}

static void options_clear(Options *options) {
  char *texts[] = {options->image_dir, options->memory,   options->hole64, options->qemu_version,
                   options->share,     options->two_pass, options->pic,    options->hotplug_off};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
}

static int usage(const char *why) {
  (void)fprintf(stderr, "dstack-mr: %s (see dstack-mr --help)\n", why);
  return 2;
}

int main(int argc, char **argv) {
  log_init("dstack-mr", LOG_WARN);
  Options options = {.cpus = 1};
  g_autoptr(GError) error = NULL;
  int status = 0;
  if (!parse_options(&argc, &argv, &options, &error))
    status = usage(error->message);
  else if (argc < 2 || argc > 3 || strcmp(argv[1], "measure") != 0)
    status = usage("the one command is: measure");
  else if (argc == 3 && !options.image_dir)
    options.image_dir = g_path_get_dirname(argv[2]);
  if (status == 0 && !options.image_dir)
    status = usage("--image DIR or the path of a metadata.json is missing");
  if (status == 0 && !measure(&options, &error)) {
    (void)fprintf(stderr, "dstack-mr: %s\n", error->message);
    status = 1;
  }
  options_clear(&options);
  return status;
}
