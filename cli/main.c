/* dstack: deploys docker-compose apps into confidential VMs, and looks after them. */
#include "cli/cli.h"

#include "base/log.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  const char *name, *alias;
  int (*run)(int argc, char **argv);
  const char *summary; /* NULL: an alias that is not listed */
} Verb;

static const Verb verbs[] = {
    {"deploy", NULL, cli_deploy, "create a VM for a compose file and start it"},
    {"list", "ls", cli_list, "list VMs"},
    {"inspect", "info", cli_inspect, "show everything about a VM"},
    {"logs", NULL, cli_logs, "print a VM's console, -f to follow it"},
    {"stop", NULL, cli_stop, "shut a VM down, -f to kill it"},
    {"start", NULL, cli_start, "start a stopped VM"},
    {"remove", "rm", cli_remove, "delete a VM and its data"},
    {"compose", NULL, cli_compose, "make an app-compose.json of a docker-compose file"},
    {"images", "lsimage", cli_images, "list guest images"},
    {"app", NULL, cli_app, "say which code may have an app's keys"},
    {"kms", NULL, cli_kms, "choose which KMS you trust; govern its cluster"},
    {"lsvm", NULL, cli_list, NULL},
    {"apps", NULL, cli_list, NULL},
};

static void print_help(FILE *out) {
  fputs("Usage: dstack [--url URL] [--json] VERB ...\n\n"
        "Runs docker-compose apps in confidential virtual machines of a dstack VMM.\n\n"
        "Verbs:\n",
        out);
  for (guint i = 0; i < G_N_ELEMENTS(verbs); i++)
    if (verbs[i].summary)
      fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
  fputs("\nA first app:\n"
        "  export DSTACK_VMM_URL=http://127.0.0.1:9080\n"
        "  dstack deploy docker-compose.yaml -n web --port 8080:80 --wait\n"
        "  dstack logs -f web\n\n"
        "Environment: DSTACK_VMM_URL, and where the VMM asks for it DSTACK_VMM_TOKEN, or DSTACK_VMM_AUTH_USER with\n"
        "DSTACK_VMM_AUTH_PASSWORD. VMs are named by name, id, or the beginning of an id. `dstack VERB --help` tells more.\n\n"
        "Exit status: 0 done, 1 failed, 2 wrong usage.\n",
        out);
}

static const Verb *find_verb(const char *name) {
  for (guint i = 0; i < G_N_ELEMENTS(verbs); i++)
    if (strcmp(verbs[i].name, name) == 0 || g_strcmp0(verbs[i].alias, name) == 0)
      return &verbs[i];
  return NULL;
}

/* Takes options that stand before the verb; returns the place of what follows. */
static int skip_common(int argc, char **argv) {
  int at = 1;
  for (; at < argc && *argv[at] == '-'; at++) {
    if (strcmp(argv[at], "--json") == 0 || strcmp(argv[at], "-j") == 0)
      cli_options.json = TRUE;
    else if (g_str_has_prefix(argv[at], "--url="))
      cli_options.url = g_strdup(argv[at] + strlen("--url="));
    else if (strcmp(argv[at], "--url") == 0 && at + 1 < argc)
      cli_options.url = g_strdup(argv[++at]);
    else
      break;
  }
  return at;
}

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "");
  log_init("dstack", LOG_WARN);
  g_set_prgname("dstack");
  (void)signal(SIGPIPE, SIG_DFL); /* `dstack list | head` ends quietly */
  int at = skip_common(argc, argv);
  const char *word = argc == 1 ? "--help" : at < argc ? argv[at] : "";
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
    print_help(stdout);
    return CLI_DONE;
  }
  if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
    puts("dstack " DSTACK_VERSION);
    return CLI_DONE;
  }
  const Verb *verb = find_verb(word);
  if (!verb)
    return cli_usage(*word == '-' ? "unknown option '%s'" : *word ? "unknown verb '%s'" : "a verb is missing%s", word);
  return verb->run(argc - at, argv + at);
}
