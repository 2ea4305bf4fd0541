#include "quote_command.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/options.h"
#include "crypto/x509.h"
#include "quote_file.h"
#include "quote_outcome.h"

#define COLLATERAL_MAX_SIZE (8 * 1024 * 1024)
#define ROOT_MAX_SIZE (64 * 1024)

static const char summary[] =
    "Verifies a quote of Intel TDX (or SGX): is it from a genuine, healthy TEE?\n"
    "FILE holds the quote as raw bytes, as hex text, or as a JSON object with a member \"quote\".";
static const char details[] =
    "Exit status: 0 the quote is valid, 1 it is refused, 2 wrong usage or an unreadable file.\n"
    "A valid quote says that a genuine TEE made it. Which software runs there is for the reader\n"
    "to compare: mr_td, rt_mr0-3 and report_data are in the report.";

typedef struct {
  char *collateral_path, *pccs_url, *root_path, *event_log_path, **files;
  gboolean force_hex, as_json;
  gint64 at;
} Arguments;

static void arguments_clear(Arguments *arguments) {
  g_free(arguments->collateral_path);
  g_free(arguments->pccs_url);
  g_free(arguments->root_path);
  g_free(arguments->event_log_path);
  g_strfreev(arguments->files);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arguments, arguments_clear)

static gboolean parse_arguments(int argc, char **argv, Arguments *out, GError **error) {
  out->at = g_get_real_time() / G_USEC_PER_SEC;
  const GOptionEntry entries[] = {
      {"hex", 0, 0, G_OPTION_ARG_NONE, &out->force_hex, "FILE is hex text, whatever it looks like", NULL},
      {"collateral", 0, 0, G_OPTION_ARG_FILENAME, &out->collateral_path,
       "collateral for the quote's platform (JSON); default: asks the service, and keeps its answer", "FILE"},
      {"pccs", 0, 0, G_OPTION_ARG_STRING, &out->pccs_url,
       "the service (default: PCCS_URL of the environment, else Intel's)", "URL"},
      {"root", 0, 0, G_OPTION_ARG_FILENAME, &out->root_path,
       "trust this root certificate (PEM or DER) instead of Intel's: for simulated quotes only", "FILE"},
      {"at", 0, 0, G_OPTION_ARG_INT64, &out->at, "judge as of this time (default: now)", "UNIX"},
      {"event-log", 0, 0, G_OPTION_ARG_FILENAME, &out->event_log_path,
       "event log that must replay to the quote's RTMRs", "FILE"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &out->as_json, "print one JSON object", NULL},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &out->files, NULL, "FILE"},
      {NULL}};
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_set_summary(context, summary);
  g_option_context_set_description(context, details);
  g_option_context_add_main_entries(context, entries, NULL);
  if (!options_parse(context, &argc, &argv, error))
    return FALSE;
  if (out->files && g_strv_length(out->files) == 1)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "expected one FILE; see dstack-verifier quote --help");
  return FALSE;
}

/* Of several certificates nobody could tell which one is meant. */
static X509 *only_certificate(const void *pem, gsize len, GError **error) {
  g_autoptr(GPtrArray) certs = certs_from_pem(pem, len, error);
  if (certs && certs->len > 1)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "expected one root certificate, found %u", certs->len);
  return certs && certs->len == 1 ? X509_dup(certs->pdata[0]) : NULL;
}

static X509 *read_root(const char *path, GError **error) {
  g_autoptr(GBytes) content = file_read(path, ROOT_MAX_SIZE, error);
  if (!content)
    return NULL;
  gsize len;
  const char *data = g_bytes_get_data(content, &len);
  gboolean is_pem = len > 0 && g_strstr_len(data, (gssize)len, "-----BEGIN") != NULL;
  X509 *root = is_pem ? only_certificate(data, len, error) : cert_from_der(data, len, error);
  if (!root)
    g_prefix_error(error, "%s: ", path);
  return root;
}

/* What it says is kept where the user's other caches are, so that the next quote of the platform needs no network. */
static DcapCollateralSource *open_service(const char *url, GError **error) {
  g_autofree char *cache_dir = g_build_filename(g_get_user_cache_dir(), "dstack", "collateral", NULL);
  const DcapServiceOptions options = {.url = url, .cache_dir = cache_dir};
  return dcap_collateral_source_service(&options, error);
}

static gboolean read_input(const Arguments *arguments, QuoteInput *out, GError **error) {
  out->now = arguments->at;
  out->quote = quote_file_read(arguments->files[0], arguments->force_hex, error);
  if (!out->quote)
    return FALSE;
  if (arguments->collateral_path &&
      !(out->collateral = file_read(arguments->collateral_path, COLLATERAL_MAX_SIZE, error)))
    return FALSE;
  if (!arguments->collateral_path && !(out->service = open_service(arguments->pccs_url, error)))
    return FALSE;
  if (arguments->root_path && !(out->root = read_root(arguments->root_path, error)))
    return FALSE;
  if (arguments->event_log_path && !(out->event_log = event_log_file_read(arguments->event_log_path, error)))
    return FALSE;
  return TRUE;
}

/* Reasons quote what hostile input says of itself. */
static void print_text(const char *key, const json_t *value) {
  g_autofree char *text = log_escape(json_string_value(value));
  g_print("%-16s %s\n", key, text);
}

static void print_value(const char *key, const json_t *value) {
  if (json_is_string(value))
    print_text(key, value);
  else if (json_is_boolean(value))
    g_print("%-16s %s\n", key, json_is_true(value) ? "yes" : "no");
  size_t i;
  json_t *item;
  json_array_foreach(value, i, item) print_text(i == 0 ? key : "", item);
}

/* The same facts, a line each; members of objects follow in lines of their own. */
static void print_lines(json_t *object) {
  const char *key, *member;
  json_t *value, *item;
  json_object_foreach(object, key, value) {
    if (json_is_object(value))
      g_print("\n%s:\n", key);
    json_object_foreach(value, member, item) print_value(member, item);
    print_value(key, value);
  }
}

int quote_command(int argc, char **argv) {
  g_set_prgname("dstack-verifier quote");
  g_auto(Arguments) arguments = {0};
  g_auto(QuoteInput) input = {0};
  g_auto(QuoteOutcome) outcome = {0};
  g_autoptr(GError) error = NULL;
  if (!parse_arguments(argc, argv, &arguments, &error) || !read_input(&arguments, &input, &error)) {
    g_printerr("dstack-verifier quote: %s\n", error->message);
    return EXIT_USAGE;
  }
  if (input.root && X509_cmp(input.root, dcap_intel_root()) != 0)
    g_printerr("warning: trusting %s instead of Intel's root: whoever holds its key can make such quotes\n",
               arguments.root_path);
  quote_judge(&input, &outcome);
  g_autoptr(json_t) description = quote_outcome_describe(&outcome, &input);
  g_autofree char *text = json_print(description);
  if (arguments.as_json)
    g_print("%s\n", text);
  else
    print_lines(description);
  return outcome.verified ? EXIT_VERIFIED : EXIT_REFUSED;
}
