/* dstack-mr measure: an image in a VM whose shape is given by options. */
#include "command.h"
#include "registers.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/units.h"
#include "measure/measure.h"

#include <string.h>

typedef struct {
  char *image_dir, *memory, *hole64, *hole64_base, *qemu_version, *os_version, *share;
  char *two_pass, *pic, *smm, *hotplug_off, *root_verity;
  int cpus, gpus, nvswitches, nics, volumes;
  gboolean hugepages, swtpm, json, log;
} Options;

static const char summary[] =
    "Predicts MRTD and RTMR0-2 of an image. RTMR3 depends on the app: it is replayed from its event log.";
static const char teach[] = "Examples:\n"
                            "  dstack-mr measure --image images/dstack-0.5.5 --cpu 2 --memory 4G --json\n"
                            "  dstack-mr measure -c 1 -m 2G --qemu-version 9.2.1 images/dstack-0.5.5/metadata.json\n\n"
                            "SIZE is bytes, a number with K, M, G or T, or 0x and hex digits. BOOL is true or false.\n"
                            "Exit status: 0 measured, 1 it could not be, 2 wrong usage.\n";

static gboolean parse_switch(const char *text, const char *name, gboolean fallback, gboolean *value, gboolean *set,
                             GError **error) {
  *set = text != NULL;
  *value = text ? strcmp(text, "true") == 0 : fallback;
  if (!text || *value || strcmp(text, "false") == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "--%s takes true or false", name);
  return FALSE;
}

static gboolean parse_count(int value, const char *name, int min, guint32 *out, GError **error) {
  *out = (guint32)value;
  if (value >= min)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "--%s must be at least %d", name, min);
  return FALSE;
}

static gboolean describe_counts(const Options *options, MeasureVm *vm, GError **error) {
  return parse_count(options->cpus, "cpu", 1, &vm->cpu_count, error) &&
         parse_count(options->gpus, "num-gpus", 0, &vm->num_gpus, error) &&
         parse_count(options->nvswitches, "num-nvswitches", 0, &vm->num_nvswitches, error) &&
         parse_count(options->nics, "num-nics", 0, &vm->num_nics, error) &&
         parse_count(options->volumes, "num-verity-volumes", 0, &vm->num_verity_volumes, error);
}

/* An explicit 0 makes the range empty; leaving the option out takes QEMU's default. */
static gboolean describe_hole64(const Options *options, MeasureVm *vm, GError **error) {
  if ((options->hole64 && !units_parse_size(options->hole64, &vm->pci_hole64_size, error)) ||
      (options->hole64_base && !units_parse_size(options->hole64_base, &vm->pci_hole64_base, error)))
    return FALSE;
  vm->pci_hole64_empty = options->hole64 && vm->pci_hole64_size == 0;
  return TRUE;
}

static gboolean describe_vm(const Options *options, MeasureVm *vm, GError **error) {
  gboolean ignored, root_verity;
  *vm = (MeasureVm){.qemu_version = options->qemu_version,
                    .hugepages = options->hugepages,
                    .swtpm = options->swtpm,
                    .host_share_mode = options->share};
  if (!describe_counts(options, vm, error) || !describe_hole64(options, vm, error) ||
      !units_parse_size(options->memory ? options->memory : "2G", &vm->memory_size, error) ||
      !parse_switch(options->two_pass, "two-pass-add-pages", FALSE, &vm->two_pass_add_pages, &vm->two_pass_set,
                    error) ||
      !parse_switch(options->pic, "pic", FALSE, &vm->pic, &vm->pic_set, error) ||
      !parse_switch(options->smm, "smm", FALSE, &vm->smm, &ignored, error) ||
      !parse_switch(options->hotplug_off, "hotplug-off", FALSE, &vm->hotplug_off, &ignored, error) ||
      !parse_switch(options->root_verity, "root-verity", TRUE, &root_verity, &ignored, error))
    return FALSE;
  vm->cdrom_rootfs = !root_verity;
  return TRUE;
}

/* MAJOR.MINOR.PATCH, then perhaps a suffix. All released versions have the one firmware layout we know. */
static gboolean check_os_version(const char *version, GError **error) {
  if (!version ||
      g_regex_match_simple("^[0-9]+\\.[0-9]+\\.[0-9]+([.-][0-9A-Za-z.-]+)?$", version, G_REGEX_DOLLAR_ENDONLY, 0))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "--dstack-os-version: expected MAJOR.MINOR.PATCH");
  return FALSE;
}

static int print_text(const Measurements *measurements) {
  static const char *const names[] = {"MRTD", "RTMR0", "RTMR1", "RTMR2"};
  g_autoptr(GString) text = g_string_new("Machine measurements:\n");
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *hex = hex_encode(i == 0 ? measurements->mrtd : measurements->rtmr[i - 1], 48);
    g_string_append_printf(text, "%s: %s\n", names[i], hex);
  }
  return command_write(text->str, text->len);
}

static int print_json(const Measurements *measurements, gboolean with_log) {
  g_autoptr(json_t) object = registers_describe(measurements);
  if (with_log) {
    g_autofree char *log = tdx_event_log_print(measurements->boot_log);
    json_object_set_new(object, "boot_log", json_loads(log, 0, NULL));
  }
  return registers_print_json(object);
}

static int measure(const Options *options) {
  MeasureVm vm;
  g_auto(Measurements) measurements = {0};
  g_autoptr(GError) error = NULL;
  if (!describe_vm(options, &vm, &error) || !check_os_version(options->os_version, &error))
    return command_usage(error->message);
  g_autoptr(OsImage) image = os_image_open(options->image_dir, FALSE, &error);
  if (!image || !measure_image(image, &vm, &measurements, &error))
    return command_failed(error);
  return options->json || options->log ? print_json(&measurements, options->log) : print_text(&measurements);
}

static void options_clear(Options *options) {
  char *texts[] = {options->image_dir,    options->memory,     options->hole64,      options->hole64_base,
                   options->qemu_version, options->os_version, options->share,       options->two_pass,
                   options->pic,          options->smm,        options->hotplug_off, options->root_verity};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

int measure_command(int argc, char **argv) {
  g_auto(Options) options = {.cpus = 1, .nics = 1};
  const GOptionEntry entries[] = {
      {"image", 0, 0, G_OPTION_ARG_FILENAME, &options.image_dir, "image directory", "DIR"},
      {"cpu", 'c', 0, G_OPTION_ARG_INT, &options.cpus, "virtual CPUs (default 1)", "N"},
      {"memory", 'm', 0, G_OPTION_ARG_STRING, &options.memory, "memory (default 2G)", "SIZE"},
      {"qemu-version", 0, 0, G_OPTION_ARG_STRING, &options.qemu_version, "QEMU of the host (default 9.1.0)", "X.Y.Z"},
      {"dstack-os-version", 0, 0, G_OPTION_ARG_STRING, &options.os_version, "release the image belongs to", "X.Y.Z"},
      {"two-pass-add-pages", 0, 0, G_OPTION_ARG_STRING, &options.two_pass, "default by QEMU version", "BOOL"},
      {"pic", 0, 0, G_OPTION_ARG_STRING, &options.pic, "default by QEMU version", "BOOL"},
      {"smm", 0, 0, G_OPTION_ARG_STRING, &options.smm, "default false", "BOOL"},
      {"pci-hole64-size", 0, 0, G_OPTION_ARG_STRING, &options.hole64, "default QEMU's; 0: no such range", "SIZE"},
      {"pci-hole64-base", 0, 0, G_OPTION_ARG_STRING, &options.hole64_base,
       "default 0x380000000000: hosts with 46 address bits", "ADDRESS"},
      {"hugepages", 0, 0, G_OPTION_ARG_NONE, &options.hugepages, "memory on huge pages", NULL},
      {"num-gpus", 0, 0, G_OPTION_ARG_INT, &options.gpus, "GPUs passed through", "N"},
      {"num-nvswitches", 0, 0, G_OPTION_ARG_INT, &options.nvswitches, "NVSwitches passed through", "N"},
      {"num-nics", 0, 0, G_OPTION_ARG_INT, &options.nics, "network cards (default 1)", "N"},
      {"num-verity-volumes", 0, 0, G_OPTION_ARG_INT, &options.volumes, "further read-only disks", "N"},
      {"hotplug-off", 0, 0, G_OPTION_ARG_STRING, &options.hotplug_off, "default false", "BOOL"},
      {"root-verity", 0, 0, G_OPTION_ARG_STRING, &options.root_verity, "root file system on a disk (default true)",
       "BOOL"},
      {"swtpm", 0, 0, G_OPTION_ARG_NONE, &options.swtpm, "the VM has a TPM (refused: not predictable)", NULL},
      {"host-share-mode", 0, 0, G_OPTION_ARG_STRING, &options.share, "9p, vvfat or vhd", "MODE"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &options.json, "print JSON", NULL},
      {"log", 0, 0, G_OPTION_ARG_NONE, &options.log, "print JSON with the digest of every boot event", NULL},
      {NULL}};
  if (!command_parse(&argc, &argv, entries, "[METADATA.JSON]", summary, teach))
    return EXIT_WRONG_USAGE;
  if (argc > 2 || (argc == 2 && options.image_dir))
    return command_usage("expected one image");
  if (argc == 2)
    options.image_dir = g_path_get_dirname(argv[1]);
  if (!options.image_dir)
    return command_usage("--image DIR or the path of a metadata.json is missing");
  return measure(&options);
}
