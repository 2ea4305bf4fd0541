/* dstack-util: what the boot of a CVM, and scripts inside it, need from dstack. */
#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  const char *name;
  CommandRun run;
  const char *summary;
  gboolean is_verdict; /* status 1 is its "no"; all other failures are 2 */
} Command;

static const Command commands[] = {
    {"setup", command_setup, "prepare the CVM: identity, keys, data disk, environment, gateway"},
    {"gateway-refresh", command_gateway_refresh, "register again with the gateway"},
    {"notify-host", command_notify_host, "tell the host about an event"},
    {"remove-orphans", command_remove_orphans, "remove containers that left the compose file"},
    {"show", command_show, "print who this CVM is"},
    {"extend", command_extend, "extend RTMR3 by an event"},
    {"quote", command_quote, "take a quote over 64 bytes from standard input"},
    {"rand", command_rand, "print random bytes"},
    {"hex", command_hex, "print a file as hex"},
    {"audit", command_audit, "check the audit log of a KMS", TRUE},
};

static void usage(FILE *out) {
  fprintf(out, "usage: dstack-util COMMAND [OPTIONS]\n\n");
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    fprintf(out, "  %-16s %s\n", commands[i].name, commands[i].summary);
  fprintf(out, "\n`dstack-util COMMAND --help` tells more. The environment variable RUST_LOG sets the log level.\n");
}

int main(int argc, char **argv) {
  log_init("dstack-util", LOG_INFO);
  secret_protect_process();
  if (argc < 2 || g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h")) {
    usage(argc < 2 ? stderr : stdout);
    return argc < 2 ? 2 : EXIT_SUCCESS;
  }
  if (g_str_equal(argv[1], "--version") || g_str_equal(argv[1], "-V")) {
    printf("dstack-util %s\n", DSTACK_VERSION);
    return EXIT_SUCCESS;
  }
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
    if (!g_str_equal(argv[1], commands[i].name))
      continue;
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strconcat("dstack-util ", argv[1], NULL);
    g_set_prgname(name);
    if (commands[i].run(argc - 1, argv + 1, &error))
      return EXIT_SUCCESS;
    log_error("%s: %s", argv[1], error->message);
    gboolean is_no = g_error_matches(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
    return commands[i].is_verdict && !is_no ? 2 : EXIT_FAILURE;
  }
  fprintf(stderr, "dstack-util: unknown command %s\n", argv[1]);
  usage(stderr);
  return 2;
}
