#include "guest/tee-simulator/install.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "tdx/simulated.h"

#include <string.h>
#include <time.h>

#define SEED_SIZE 32

static gboolean write_text(const char *directory, const char *name, const char *text, mode_t mode, GError **error) {
  g_autofree char *path = g_build_filename(directory, name, NULL);
  return file_write_atomic(path, text, strlen(text), mode, error);
}

static gboolean write_seed(const char *directory, const Secret *seed, GError **error) {
  char *hex = hex_encode(secret_peek(seed), secret_len(seed));
  g_autoptr(Secret) line = secret_new_zero(2 * SEED_SIZE + 1);
  memcpy(secret_data(line), hex, 2 * SEED_SIZE);
  secret_data(line)[2 * SEED_SIZE] = '\n';
  secret_wipe(hex, 2 * SEED_SIZE);
  g_free(hex);
  g_autofree char *path = g_build_filename(directory, "seed.hex", NULL);
  return file_write_atomic(path, secret_peek(line), secret_len(line), 0600, error);
}

static gboolean refuse_existing(const char *directory, GError **error) {
  g_autofree char *path = g_build_filename(directory, "seed.hex", NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "%s exists already; remove it to start with another root", path);
  return FALSE;
}

gboolean tee_install(const char *directory, GError **error) {
  if (!refuse_existing(directory, error) || !file_make_dirs(directory, 0700, error))
    return FALSE;
  g_autoptr(Secret) seed = secret_new_random(SEED_SIZE);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(seed, error);
  g_autofree char *collateral = pki ? simulated_pki_collateral(pki, time(NULL), error) : NULL;
  if (!collateral)
    return FALSE;
  g_autofree char *root = simulated_pki_root_pem(pki);
  /* The seed comes last: where it is, the rest is too. */
  return write_text(directory, "root.pem", root, 0644, error) &&
         write_text(directory, "collateral.json", collateral, 0644, error) && write_seed(directory, seed, error);
}
