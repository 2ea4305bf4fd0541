/* What a verification costs beside the three signature checks it can not do without.
 *
 * Prints quotes per second with the collateral parsed once, and the ratio to three P-256 verifications measured in the
 * same run: that ratio survives a busy machine, the figure itself does not. All in processor time. */
#include "base/file.h"
#include "crypto/p256.h"
#include "crypto/x509.h"
#include "dcap/dcap.h"
#include "tdx/simulated.h"

#include <string.h>
#include <time.h>

#define N_ROUNDS 20
#define N_PER_ROUND 100
#define N_COLD 50
#define HUGE_SIZE (2 * 1024 * 1024)
#define FILE_MAX_SIZE (8 * 1024 * 1024)

typedef struct {
  GBytes *quote;
  char *collateral_text;
  DcapOptions options;
} Input;

/* Of this thread on a processor: what else the machine does is not counted. */
static gdouble seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (gdouble)now.tv_sec + (gdouble)now.tv_nsec / 1e9;
}

static void verify_once(const Input *input, const DcapCollateral *collateral) {
  g_auto(DcapVerdict) verdict = {0};
  g_autoptr(GError) error = NULL;
  if (!dcap_verify_bytes(input->quote, collateral, &input->options, &verdict, NULL, &error))
    g_error("%s", error->message);
}

static gdouble time_quotes(const Input *input, const DcapCollateral *collateral) {
  gdouble start = seconds();
  for (guint i = 0; i < N_PER_ROUND; i++)
    verify_once(input, collateral);
  return (seconds() - start) / N_PER_ROUND;
}

static gdouble time_cold(const Input *input) {
  gdouble start = seconds();
  for (guint i = 0; i < N_COLD; i++) {
    g_autoptr(DcapCollateral) collateral =
        dcap_collateral_parse(input->collateral_text, strlen(input->collateral_text), NULL);
    verify_once(input, collateral);
  }
  return (seconds() - start) / N_COLD;
}

/* Something that begins like a quote and is too large to be one. */
static gdouble time_huge(const Input *input, const DcapCollateral *collateral) {
  gsize len;
  const guint8 *good = g_bytes_get_data(input->quote, &len);
  guint8 *huge = g_malloc0(HUGE_SIZE);
  memcpy(huge, good, len);
  g_autoptr(GBytes) raw = g_bytes_new_take(huge, HUGE_SIZE);
  gdouble start = seconds();
  for (guint i = 0; i < N_PER_ROUND; i++) {
    g_auto(DcapVerdict) verdict = {0};
    g_assert_false(dcap_verify_bytes(raw, collateral, &input->options, &verdict, NULL, NULL));
  }
  return (seconds() - start) / N_PER_ROUND;
}

static gdouble time_signatures(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  guint8 point[65], signature[64], message[632] = {0};
  p256_point(key, point);
  p256_sign_raw(key, message, sizeof message, signature);
  gdouble start = seconds();
  for (guint i = 0; i < N_PER_ROUND; i++)
    g_assert_true(p256_verify_raw(point + 1, message, sizeof message, signature));
  return (seconds() - start) / N_PER_ROUND;
}

static void simulated_input(Input *input) {
  g_autoptr(Secret) seed = secret_new_random(32);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(seed, NULL);
  TdReport report = {0};
  simulated_report_init(&report);
  input->options.now = g_get_real_time() / G_USEC_PER_SEC;
  input->quote = simulated_quote(pki, &report, NULL);
  input->collateral_text = simulated_pki_collateral(pki, input->options.now, NULL);
  g_autofree char *root = simulated_pki_root_pem(pki);
  input->options.root = cert_from_pem(root, strlen(root), NULL);
}

static void given_input(char **argv, Input *input) {
  g_autoptr(GError) error = NULL;
  input->quote = file_read(argv[1], FILE_MAX_SIZE, &error);
  input->collateral_text = error ? NULL : file_read_text(argv[2], FILE_MAX_SIZE, &error);
  if (error)
    g_error("%s", error->message);
  input->options.now = g_ascii_strtoll(argv[3], NULL, 10);
  g_autoptr(GBytes) root = argv[4] ? file_read(argv[4], FILE_MAX_SIZE, &error) : NULL;
  if (root)
    input->options.root = cert_from_der(g_bytes_get_data(root, NULL), g_bytes_get_size(root), &error);
  if (error)
    g_error("%s", error->message);
}

/* The simulated quote and all it takes to verify it, for another program to measure itself with. */
static void write_input(const Input *input, const char *dir) {
  g_autofree char *quote = g_build_filename(dir, "quote.bin", NULL), *root = g_build_filename(dir, "root.der", NULL);
  g_autofree char *collateral = g_build_filename(dir, "collateral.json", NULL);
  g_autofree char *time_path = g_build_filename(dir, "time", NULL);
  g_autofree char *time = g_strdup_printf("%" G_GINT64_FORMAT "\n", input->options.now);
  g_autoptr(GBytes) root_der = cert_to_der(input->options.root);
  gsize len, root_len;
  const char *data = g_bytes_get_data(input->quote, &len), *root_data = g_bytes_get_data(root_der, &root_len);
  if (!g_file_set_contents(quote, data, (gssize)len, NULL) ||
      !g_file_set_contents(root, root_data, (gssize)root_len, NULL) ||
      !g_file_set_contents(collateral, input->collateral_text, -1, NULL) ||
      !g_file_set_contents(time_path, time, -1, NULL))
    g_error("failed to write to %s", dir);
}

/* Usage: bench-dcap-verify [QUOTE COLLATERAL UNIX_TIME [ROOT_DER] | --write DIR]; without arguments a simulated quote
 * is made. */
int main(int argc, char **argv) {
  Input input = {0};
  if (argc == 3 && g_str_equal(argv[1], "--write")) {
    simulated_input(&input);
    write_input(&input, argv[2]);
    return 0;
  }
  if (argc >= 4)
    given_input(argv, &input);
  else
    simulated_input(&input);
  g_autoptr(DcapCollateral) collateral =
      dcap_collateral_parse(input.collateral_text, strlen(input.collateral_text), NULL);
  verify_once(&input, collateral);
  gdouble quote = G_MAXDOUBLE, signature = G_MAXDOUBLE;
  for (guint i = 0; i < N_ROUNDS; i++) { /* in turns, the best of each: what else runs here hits both alike */
    quote = MIN(quote, time_quotes(&input, collateral));
    signature = MIN(signature, time_signatures());
  }
  gdouble cold = time_cold(&input);
  g_print("quotes per cpu second                    %10.0f\n", 1 / quote);
  g_print("one quote / three p-256 verifications    %10.2f   (at most 1.25)\n", quote / (3 * signature));
  g_print("with parsing the collateral each time    %10.2f\n", cold / (3 * signature));
  gdouble huge = time_huge(&input, collateral);
  g_print("refusing 2 MiB / verifying one quote     %10.2f   (at most 0.10)\n", huge / quote);
  gboolean good = quote <= 1.25 * 3 * signature && huge <= 0.1 * quote;
  g_bytes_unref(input.quote);
  g_free(input.collateral_text);
  X509_free(input.options.root);
  return good ? 0 : 1;
}
