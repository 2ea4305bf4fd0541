/* dstack-verifier: is this quote genuine, and does it show the CVM it claims to show? */
#include "base/log.h"
#include "quote_command.h"

#include <glib.h>
#include <locale.h>

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "");
  log_init("dstack-verifier", LOG_INFO);
  if (argc > 1 && g_str_equal(argv[1], "quote"))
    return quote_command(argc - 1, argv + 1);
  g_printerr("dstack-verifier: the service is not implemented yet; see dstack-verifier quote --help\n");
  return EXIT_USAGE;
}
