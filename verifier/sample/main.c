/* dstack-verifier-sample: files to try verification on, without a TEE (docs/verification.md). */
#include "verifier/sample/sample.h"

#include <string.h>

static const char usage[] =
    "Usage: dstack-verifier-sample DIR\n\n"
    "Makes the evidence of a simulated CVM in DIR: quote, event log, image, and the root to trust for it.\n";

int main(int argc, char **argv) {
  g_autoptr(GError) error = NULL;
  if (argc != 2 || *argv[1] == '-') {
    gboolean asked = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    asked ? g_print("%s", usage) : g_printerr("%s", usage);
    return asked ? 0 : 2;
  }
  g_autoptr(Sample) sample = sample_make(argv[1], &error);
  if (!sample) {
    g_printerr("dstack-verifier-sample: %s\n", error->message);
    return 1;
  }
  g_print("%s\n", sample->dir);
  return 0;
}
