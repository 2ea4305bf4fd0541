/* A small world for the verifier: an installation's simulated TEE, an image, a CVM that booted it, and files of all
 * that. */
#pragma once

#include "double.h"
#include "tdx/simulated.h"

#include <glib.h>
#include <jansson.h>

typedef struct {
  char *dir;
  char *root_path, *collateral_path, *cache_dir;
  char *image_dir;  /* in the cache */
  char *image_hash; /* hex */
  char *vm_config;  /* JSON text of the shape that was booted */
  GBytes *quote;
  char *event_log;
  Double *server; /* for image downloads; has none until told otherwise */
} World;

World *world_new(void);
void world_free(World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* vm_config with another number of CPUs, and `image_hash` (NULL: the world's). */
char *world_vm_config(const World *world, guint cpus, const char *image_hash);
/* The image as a server has it. */
GBytes *world_archive(const World *world);
char *world_path(const World *world, const char *name);
/* Writes a file in the world's directory and returns its path. */
char *world_write(const World *world, const char *name, const void *data, gssize len);
/* A request for the booted CVM. New reference. */
json_t *world_request(const World *world);

/* Runs the program under test; `arguments` follow its name. Returns the exit status. */
int run_verifier(const char *const *arguments, char **output, char **errors);
