/* A CVM to try verification on: an installation's simulated TEE, a small image, a boot of it, and all of that as files.
 *
 * For documentation and tests. The programs of production do not link it: whoever has the simulated root's key can make
 * any quote, and the seed of this one is thrown away. */
#pragma once

#include <glib.h>

typedef struct {
  char *dir;
  char *root_path, *collateral_path; /* root.pem, collateral.json */
  char *cache_dir;                   /* cache/: an image cache as the verifier has it */
  char *image_dir;                   /* in the cache */
  char *image_hash;                  /* hex */
  char *vm_config;                   /* JSON text of the shape that was booted: vm-config.json */
  GBytes *quote;                     /* quote.bin; as hex in quote.hex */
  char *event_log;                   /* JSON text: event-log.json */
} Sample;

#define SAMPLE_CPUS 2
#define SAMPLE_MEMORY "2147483648"
#define SAMPLE_IMAGE_VERSION "9.9.9"
/* The first bytes of the quote's report_data; the rest is zero. */
#define SAMPLE_REPORT_DATA "a challenge from the reader"

/* Makes `dir` (which may be there) and everything in it:
 *   getquote.json    the guest agent's answer: quote, event_log, report_data, vm_config
 *   request.json     the same for POST /verify
 *   attestation.json the same in one piece, a versioned attestation
 *   app-compose.json what the app is; its SHA-256 is the compose hash in the event log
 *   verifier.toml    configuration for dstack-verifier */
Sample *sample_make(const char *dir, GError **error);
void sample_free(Sample *sample);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sample, sample_free)

/* vm_config with another number of CPUs, and `image_hash` (NULL: the sample's). */
char *sample_vm_config(const Sample *sample, guint cpus, const char *image_hash);
