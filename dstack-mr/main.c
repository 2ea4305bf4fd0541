/* dstack-mr: what real hardware will measure of an image, and the documents that say so (spec: measurement 8). */
#include "command.h"

#include "base/log.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "Usage: dstack-mr COMMAND ...\n\n"
    "  measure [--image DIR | METADATA.JSON] --cpu N --memory SIZE [...] [--json | --log]\n"
    "      MRTD and RTMR0-2 of an image in a VM of that shape (dstack-mr measure --help for all options)\n"
    "  diagnose --vm-config FILE (--image-dir DIR | --image-base-dir DIR) [--actual-...]\n"
    "      where a VM's measurements part from what its image gives\n"
    "  measure-os DIR\n"
    "      the measurement documents an image lists, as JSON for a vm_config\n"
    "  inspect-measurement [tdx|snp|gcp|aws] FILE\n"
    "      a measurement document as JSON\n"
    "  tdx-measurement-cbor DIR, snp-measurement-cbor DIR,\n"
    "  gcp-measurement-cbor HASHFILE, aws-measurement-cbor PCR4 PCR7 PCR12\n"
    "      makes a measurement document, to standard output\n"
    "  tdx-measurement-hash DIR, snp-measurement-hash DIR\n"
    "      its SHA-256\n";

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
} commands[] = {{"measure", measure_command},
                {"diagnose", diagnose_command},
                {"measure-os", document_command},
                {"inspect-measurement", inspect_command},
                {"tdx-measurement-cbor", document_command},
                {"snp-measurement-cbor", document_command},
                {"gcp-measurement-cbor", document_command},
                {"aws-measurement-cbor", document_command},
                {"tdx-measurement-hash", document_command},
                {"snp-measurement-hash", document_command},
                {"sev-measurement-hash", document_command}};

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "");
  log_init("dstack-mr", LOG_WARN);
  const char *name = argc > 1 ? argv[1] : "";
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    if (strcmp(name, commands[i].name) == 0)
      return commands[i].run(argc - 1, argv + 1);
  gboolean asked = strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0;
  if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0) {
    (void)printf("dstack-mr %s\n", DSTACK_VERSION);
    return EXIT_DONE;
  }
  if (!asked && *name)
    (void)fprintf(stderr, "dstack-mr: unknown command '%s'\n", name);
  (void)fputs(usage, asked ? stdout : stderr);
  return asked ? EXIT_DONE : EXIT_FAILED;
}
