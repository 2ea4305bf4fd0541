/* dstack-verifier: is this quote genuine, and does it show the CVM it claims to show? */
#include "base/error.h"
#include "base/footprint.h"
#include "base/log.h"
#include "base/options.h"
#include "certificate.h"
#include "config.h"
#include "quote_command.h"
#include "service.h"
#include "verify_file.h"

#include <glib.h>
#include <locale.h>

#define N_WORKERS 4
#define MAX_CONNECTIONS 256

static const char summary[] =
    "Serves POST /verify, which judges a quote with its event log and the description of its VM, GET /health\n"
    "and GET /metrics.\n"
    "To judge one quote offline: dstack-verifier quote --help";

typedef struct {
  char *config_path, *verify_path, *certificate_path;
  gboolean show_version;
} Arguments;

static gboolean parse_arguments(int argc, char **argv, Arguments *out, GError **error) {
  const GOptionEntry entries[] = {{"config", 'c', 0, G_OPTION_ARG_FILENAME, &out->config_path,
                                   "configuration (default: dstack-verifier.toml)", "FILE"},
                                  {"verify", 0, 0, G_OPTION_ARG_FILENAME, &out->verify_path,
                                   "answer the request in FILE into FILE.verification.json, then end", "FILE"},
                                  {"verify-cert", 0, 0, G_OPTION_ARG_FILENAME, &out->certificate_path,
                                   "judge the attested certificate in FILE (DER or PEM), then end", "FILE"},
                                  {"version", 'V', 0, G_OPTION_ARG_NONE, &out->show_version, "print the version", NULL},
                                  {NULL}};
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_set_summary(context, summary);
  g_option_context_add_main_entries(context, entries, NULL);
  if (!options_parse(context, &argc, &argv, error))
    return FALSE;
  if (argc == 1)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unexpected argument '%s'", argv[1]);
  return FALSE;
}

static gboolean serve(const VerifierConfig *config, const VerificationContext *context, ImageStore *images,
                      GError **error) {
  g_autoptr(PrpcServer) server = prpc_server_new(N_WORKERS, MAX_CONNECTIONS, error);
  if (!server)
    return FALSE;
  VerifierService service = {.verification = context, .images = images};
  PrpcRouter *router = verifier_router_new(&service);
  const PrpcListenOptions options = {0};
  guint listener = prpc_server_listen(server, config->listen, router, &options, error);
  if (listener != 0) {
    footprint_shed_startup();
    prpc_server_run(server);
  }
  g_clear_pointer(&server, prpc_server_free);
  prpc_router_free(router);
  return listener != 0;
}

static int run(const Arguments *arguments, GError **error) {
  g_autoptr(VerifierConfig) config = verifier_config_load(arguments->config_path, error);
  if (!config)
    return EXIT_USAGE;
  const RatlsVerifierOptions options = {.root_ca_path = config->root_ca_tdx,
                                        .allow_external_root = config->allow_external_root,
                                        .collateral_path = config->collateral_file,
                                        .pccs_url = config->pccs_url,
                                        .collateral_cache_dir = config->collateral_cache_dir,
                                        .insecure_pccs_tls = config->insecure_pccs_tls};
  g_autoptr(RatlsVerifier) verifier = ratls_verifier_new(&options, error);
  if (!verifier)
    return EXIT_REFUSED;
  const ImageStoreOptions image_options = {.cache_dir = config->image_cache_dir,
                                           .download_url =
                                               arguments->certificate_path ? NULL : config->image_download_url,
                                           .download_timeout_ms = config->image_download_timeout_ms};
  g_autoptr(ImageStore) images = image_store_new(&image_options, error);
  if (!images)
    return EXIT_USAGE;
  g_autoptr(ImageJudge) judge = image_judge_new(images);
  const VerificationContext context = {verifier, judge};
  if (arguments->verify_path)
    return verify_file(&context, arguments->verify_path);
  if (arguments->certificate_path)
    return verify_certificate_file(&context, arguments->certificate_path);
  return serve(config, &context, images, error) ? EXIT_VERIFIED : EXIT_REFUSED;
}

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "");
  footprint_limit_arenas();
  log_init("dstack-verifier", LOG_INFO);
  if (argc > 1 && g_str_equal(argv[1], "quote"))
    return quote_command(argc - 1, argv + 1);
  Arguments arguments = {0};
  g_autoptr(GError) error = NULL;
  int status = EXIT_USAGE;
  if (parse_arguments(argc, argv, &arguments, &error)) {
    if (arguments.show_version)
      g_print("dstack-verifier %s\n", DSTACK_VERSION);
    status = arguments.show_version ? EXIT_VERIFIED : run(&arguments, &error);
  }
  if (error)
    g_printerr("dstack-verifier: %s\n", error->message);
  g_free(arguments.config_path);
  g_free(arguments.verify_path);
  g_free(arguments.certificate_path);
  return status;
}
