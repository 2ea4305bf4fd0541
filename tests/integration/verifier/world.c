#include "world.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/process.h"
#include "tar.h"

#include <sys/wait.h>

#define MAX_ARGUMENTS 16

char *world_path(const World *world, const char *name) { return g_build_filename(world->sample->dir, name, NULL); }

char *world_write(const World *world, const char *name, const void *data, gssize len) {
  char *path = world_path(world, name);
  g_assert_true(g_file_set_contents(path, data, len, NULL));
  return path;
}

World *world_new(void) {
  World *world = g_new0(World, 1);
  g_autofree char *dir = g_dir_make_tmp("dstack-verifier-XXXXXX", NULL);
  g_autoptr(GError) error = NULL;
  world->sample = sample_make(dir, &error);
  g_assert_no_error(error);
  world->server = double_new();
  double_serve(world->server, SERVE_404, NULL);
  return world;
}

void world_free(World *world) {
  double_free(world->server);
  g_assert_true(file_remove_tree(world->sample->dir, NULL));
  sample_free(world->sample);
  g_free(world);
}

GBytes *world_archive(const World *world) {
  static const char *const names[] = {"ovmf.fd", "bzImage", "initramfs.cpio.gz", "metadata.json", "sha256sum.txt"};
  TarMember members[G_N_ELEMENTS(names)];
  g_autoptr(GPtrArray) contents = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(world->sample->image_dir, names[i], NULL);
    char *content;
    gsize len;
    g_assert_true(g_file_get_contents(path, &content, &len, NULL));
    g_ptr_array_add(contents, content);
    members[i] = (TarMember){names[i], '0', content, len, NULL};
  }
  return tar_gz(members, G_N_ELEMENTS(names));
}

json_t *world_request(const World *world) {
  const Sample *sample = world->sample;
  g_autofree char *quote = hex_encode_bytes(sample->quote);
  return json_pack("{s:s,s:s,s:s}", "quote", quote, "event_log", sample->event_log, "vm_config", sample->vm_config);
}

int run_verifier(const char *const *arguments, char **output, char **errors) {
  const char *argv[MAX_ARGUMENTS] = {g_getenv("VERIFIER_PROGRAM")};
  for (gsize i = 0; arguments[i]; i++) {
    g_assert_cmpuint(i + 2, <, MAX_ARGUMENTS);
    argv[i + 1] = arguments[i];
  }
  g_auto(ProcessResult) result = {0};
  g_autoptr(GError) error = NULL;
  process_run(&(ProcessSpec){.argv = argv}, &result, &error);
  g_assert_no_error(error);
  g_assert_true(WIFEXITED(result.status));
  if (output)
    *output = g_steal_pointer(&result.output);
  if (errors)
    *errors = g_steal_pointer(&result.errors);
  return WEXITSTATUS(result.status);
}
