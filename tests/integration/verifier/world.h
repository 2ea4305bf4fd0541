/* A small world for the verifier: the sample CVM of docs/verification.md, and a server for images. */
#pragma once

#include "double.h"
#include "verifier/sample/sample.h"

#include <glib.h>
#include <jansson.h>

typedef struct {
  Sample *sample;
  Double *server; /* for image downloads; has none until told otherwise */
} World;

World *world_new(void);
void world_free(World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* The image as a server has it. */
GBytes *world_archive(const World *world);
char *world_path(const World *world, const char *name);
/* Writes a file in the world's directory and returns its path. */
char *world_write(const World *world, const char *name, const void *data, gssize len);
/* A request for the booted CVM. New reference. */
json_t *world_request(const World *world);

/* Runs the program under test; `arguments` follow its name. Returns the exit status. */
int run_verifier(const char *const *arguments, char **output, char **errors);
