#include "kms/auth/program.h"

#include "base/footprint.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

int auth_program(int argc, char **argv, const char *name, const char *about, AuthServe serve) {
  footprint_limit_arenas();
  log_init(name, LOG_INFO);
  if (argc > 1) {
    gboolean version = strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0;
    gboolean help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    if (version)
      printf("%s " DSTACK_VERSION "\n", name);
    else
      fprintf(help ? stdout : stderr, "Usage: %s\n\n%s\n", name, about);
    return version || help ? 0 : 2;
  }
  g_autoptr(GError) error = NULL;
  g_autoptr(AuthEnvironment) environment = auth_environment_load(".env", &error);
  int status = environment ? serve(environment, &error) : 1;
  if (error)
    log_error("%s", error->message);
  return status;
}
