/* Collateral from a service that is honest, broken, lying or gone. */
#include "base/file.h"
#include "base/json.h"
#include "crypto/x509.h"
#include "dcap/collateral_source.h"
#include "fixture.h"
#include "service_double.h"
#include "tdx/simulated/scenario.h"

#include <glib/gstdio.h>
#include <string.h>

#define NOW G_GINT64_CONSTANT(1795000000)
#define DAY 86400
#define N_REQUESTS 4 /* for one platform model */
#define PATIENCE_US (60 * G_USEC_PER_SEC)
#define TIMEOUT_MS 30000
#define HANG_TIMEOUT_MS 500
#define FILE_MAX_SIZE (8 * 1024 * 1024)

typedef struct {
  SimulatedPki *pki;
  SimulatedScenario *scenario;
  ServiceDouble *service;
  X509 *root;
  GBytes *quote;
  char *cache_dir;
} World;

static void set_dates(json_t *document, gint64 from, gint64 until) {
  g_autoptr(GDateTime) start = g_date_time_new_from_unix_utc(from), end = g_date_time_new_from_unix_utc(until);
  g_autofree char *issued = g_date_time_format(start, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *next = g_date_time_format(end, "%Y-%m-%dT%H:%M:%SZ");
  json_object_set_new(document, "issueDate", json_string(issued));
  json_object_set_new(document, "nextUpdate", json_string(next));
}

static json_t *collateral_of(const SimulatedScenario *scenario) {
  g_autofree char *text = simulated_scenario_collateral(scenario);
  g_autofree char *chain = simulated_scenario_pck_chain(scenario);
  json_t *json = json_parse(text, strlen(text), "collateral", NULL);
  json_object_set_new(json, "pck_certificate_chain", json_string(chain));
  return json;
}

/* What the service has is valid from `from` to `until`. */
static void publish(World *world, gint64 from, gint64 until) {
  set_dates(world->scenario->tcb_info, from, until);
  set_dates(world->scenario->qe_identity, from, until);
  world->scenario->crl_this_update = from;
  world->scenario->crl_next_update = until + 1;
  g_autoptr(json_t) collateral = collateral_of(world->scenario);
  service_double_serve(world->service, collateral);
}

static SimulatedPki *make_pki(guint8 seed_byte) {
  guint8 bytes[32] = {seed_byte};
  g_autoptr(Secret) seed = secret_new(bytes, sizeof bytes);
  return simulated_pki_new(seed, NULL);
}

static World *world_new(void) {
  World *world = g_new0(World, 1);
  world->pki = make_pki(1);
  world->scenario = simulated_scenario_new(world->pki, 4);
  world->service = service_double_new();
  g_autofree char *root = simulated_pki_root_pem(world->pki);
  world->root = cert_from_pem(root, strlen(root), NULL);
  world->quote = simulated_scenario_quote(world->scenario);
  g_autofree char *dir = g_dir_make_tmp("dstack-collateral-XXXXXX", NULL);
  world->cache_dir = g_build_filename(dir, "cache", NULL);
  publish(world, NOW - DAY, NOW + 10 * DAY);
  return world;
}

static void world_free(World *world) {
  g_autofree char *dir = g_path_get_dirname(world->cache_dir);
  file_remove_tree(dir, NULL);
  service_double_free(world->service);
  simulated_scenario_free(world->scenario);
  simulated_pki_free(world->pki);
  X509_free(world->root);
  g_bytes_unref(world->quote);
  g_free(world->cache_dir);
  g_free(world);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* `timeout_ms` is for answers that never come; all others have time, however busy the machine is. */
static DcapCollateralSource *open_impatient(const World *world, gboolean with_cache, guint timeout_ms) {
  const DcapServiceOptions options = {.url = service_double_url(world->service),
                                      .cache_dir = with_cache ? world->cache_dir : NULL,
                                      .timeout_ms = timeout_ms};
  g_autoptr(GError) error = NULL;
  DcapCollateralSource *source = dcap_collateral_source_service(&options, &error);
  g_assert_no_error(error);
  return source;
}

static DcapCollateralSource *open_source(const World *world, gboolean with_cache) {
  return open_impatient(world, with_cache, TIMEOUT_MS);
}

static DcapFailure verify_bytes(const World *world, DcapCollateralSource *source, GBytes *quote, gint64 now) {
  const DcapOptions options = {.root = world->root, .now = now};
  g_auto(DcapVerdict) verdict = {0};
  g_autoptr(GError) error = NULL;
  gboolean verified = dcap_verify_from(source, quote, &options, &verdict, NULL, &error);
  g_assert_cmpint(verified, ==, verdict.failure == DCAP_OK);
  g_assert_cmpint(verified, ==, error == NULL);
  if (error)
    g_assert_true(g_str_has_prefix(error->message, dcap_failure_name(verdict.failure)));
  return verdict.failure;
}

static DcapFailure verify(const World *world, DcapCollateralSource *source, gint64 now) {
  return verify_bytes(world, source, world->quote, now);
}

static void assert_failure(DcapFailure actual, DcapFailure expected) {
  g_assert_cmpstr(dcap_failure_name(actual), ==, dcap_failure_name(expected));
}

static void test_requests(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(DcapCollateralSource) source = open_source(world, FALSE);
  for (int i = 0; i < 3; i++)
    assert_failure(verify(world, source, NOW), DCAP_OK);
  g_autofree char *requests = service_double_requests(world->service);
  g_assert_cmpstr(requests, ==,
                  "/sgx/certification/v4/pckcrl?ca=platform&encoding=der\n"
                  "/tdx/certification/v4/tcb?fmspc=D57AC0000000\n"
                  "/tdx/certification/v4/qe/identity?update=standard\n"
                  "/sgx/certification/v4/rootcacrl\n");
}

static void test_enclave(void) {
  g_autoptr(World) world = world_new();
  simulated_scenario_free(world->scenario);
  world->scenario = simulated_scenario_new(world->pki, 3);
  publish(world, NOW - DAY, NOW + DAY);
  g_autoptr(GBytes) quote = simulated_scenario_quote(world->scenario);
  g_autoptr(DcapCollateralSource) source = open_source(world, FALSE);
  assert_failure(verify_bytes(world, source, quote, NOW), DCAP_OK);
  g_autofree char *requests = service_double_requests(world->service);
  g_assert_nonnull(strstr(requests, "/sgx/certification/v4/tcb?fmspc=D57AC0000000\n"));
  g_assert_nonnull(strstr(requests, "/sgx/certification/v4/qe/identity?update=standard\n"));
}

static void test_hex_lists(void) {
  g_autoptr(World) world = world_new();
  service_double_set_hex(world->service, TRUE);
  g_autoptr(DcapCollateralSource) source = open_source(world, FALSE);
  assert_failure(verify(world, source, NOW), DCAP_OK);
}

static void assert_url(const char *url, gboolean good) {
  const DcapServiceOptions options = {.url = url};
  g_autoptr(GError) error = NULL;
  g_autoptr(DcapCollateralSource) source = dcap_collateral_source_service(&options, &error);
  g_assert_cmpint(source != NULL, ==, good);
  g_assert_cmpint(error == NULL, ==, good);
}

static void test_urls(void) {
  static const char *const bad[] = {
      "ftp://a.example",       "file:///etc/passwd",     "a.example",           "https://",
      "https://u:p@a.example", "https://a.example/?x=1", "https://a.example/#x"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    assert_url(bad[i], FALSE);
  assert_url("https://a.example:8081/pccs", TRUE);
  assert_url("https://[::1]:8081", TRUE);
  assert_url(" ", TRUE); /* unset: Intel's */
  g_setenv("PCCS_URL", "nonsense", TRUE);
  assert_url(NULL, FALSE);
  assert_url("https://a.example", TRUE);
  g_unsetenv("PCCS_URL");
}

static void test_url_with_path(void) {
  static const char *const suffixes[] = {"/", "/sgx/certification/v4", "/tdx/certification/v4//"};
  g_autoptr(World) world = world_new();
  for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
    g_autofree char *url = g_strconcat(service_double_url(world->service), suffixes[i], NULL);
    const DcapServiceOptions options = {.url = url, .timeout_ms = TIMEOUT_MS};
    g_autoptr(DcapCollateralSource) source = dcap_collateral_source_service(&options, NULL);
    assert_failure(verify(world, source, NOW), DCAP_OK);
  }
  g_autofree char *requests = service_double_requests(world->service);
  g_assert_null(strstr(requests, "//"));
  g_assert_null(strstr(requests, "v4/sgx"));
}

static char *cached_file(const World *world) {
  g_autoptr(GDir) dir = g_dir_open(world->cache_dir, 0, NULL);
  const char *name = dir ? g_dir_read_name(dir) : NULL;
  char *path = name ? g_build_filename(world->cache_dir, name, NULL) : NULL;
  if (name)
    g_assert_null(g_dir_read_name(dir));
  return path;
}

/* A network that is gone does not stop verification, not even across a restart; an end of validity does. */
static void test_offline(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(DcapCollateralSource) first = open_source(world, TRUE);
  assert_failure(verify(world, first, NOW), DCAP_OK);
  service_double_unplug(world->service, TRUE);
  assert_failure(verify(world, first, NOW + 10 * DAY), DCAP_OK);
  g_autoptr(DcapCollateralSource) second = open_source(world, TRUE);
  assert_failure(verify(world, second, NOW + DAY), DCAP_OK);
  assert_failure(verify(world, second, NOW + 10 * DAY), DCAP_OK);
  assert_failure(verify(world, second, NOW + 10 * DAY + 1), DCAP_COLLATERAL_FETCH);
  g_autoptr(DcapCollateralSource) third = open_source(world, TRUE);
  assert_failure(verify(world, third, NOW + 10 * DAY + 1), DCAP_COLLATERAL_FETCH);
  g_autofree char *path = cached_file(world);
  g_autofree char *name = g_path_get_basename(path);
  g_assert_true(g_str_has_prefix(name, "tdx-d57ac0000000-platform-"));
}

static void test_damaged_cache(void) {
  static const char *const texts[] = {"", "{", "null", "{\"tcb_info\":\"\"}"};
  g_autoptr(World) world = world_new();
  g_autoptr(DcapCollateralSource) first = open_source(world, TRUE);
  assert_failure(verify(world, first, NOW), DCAP_OK);
  g_autofree char *path = cached_file(world);
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
    g_autoptr(DcapCollateralSource) again = open_source(world, TRUE);
    assert_failure(verify(world, again, NOW), DCAP_OK);
    g_assert_cmpuint(service_double_count(world->service), ==, (i + 2) * N_REQUESTS);
  }
  g_assert_cmpint(g_unlink(path), ==, 0);
  g_assert_cmpint(symlink("/dev/zero", path), ==, 0);
  g_autoptr(DcapCollateralSource) last = open_source(world, TRUE);
  assert_failure(verify(world, last, NOW), DCAP_OK);
  g_assert_false(g_file_test(path, G_FILE_TEST_IS_SYMLINK)); /* replaced, not followed */
}

/* Genuine collateral of another platform, or under another root, in the place of ours. */
static void test_foreign_cache(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(SimulatedPki) other_pki = make_pki(2);
  g_autoptr(SimulatedScenario) other_root = simulated_scenario_new(other_pki, 4);
  g_autoptr(SimulatedScenario) other_model = simulated_scenario_new(world->pki, 4);
  json_object_set_new(other_model->tcb_info, "fmspc", json_string("000000000000"));
  SimulatedScenario *const others[] = {other_root, other_model};
  g_autoptr(DcapCollateralSource) first = open_source(world, TRUE);
  assert_failure(verify(world, first, NOW), DCAP_OK);
  g_autofree char *path = cached_file(world);
  for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
    g_autofree char *text = simulated_scenario_collateral(others[i]);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(DcapCollateralSource) again = open_source(world, TRUE);
    assert_failure(verify(world, again, NOW), DCAP_OK);
    g_assert_cmpuint(service_double_count(world->service), ==, (i + 2) * N_REQUESTS);
  }
}

static void wait_for_requests(const World *world, guint count) {
  gint64 deadline = g_get_monotonic_time() + PATIENCE_US;
  while (service_double_count(world->service) < count && g_get_monotonic_time() < deadline)
    g_usleep(5000);
  g_assert_cmpuint(service_double_count(world->service), ==, count);
}

/* A day later the service is asked again while what is there is in use; the new collateral then lives longer. */
static void test_refresh(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(DcapCollateralSource) source = open_source(world, TRUE);
  assert_failure(verify(world, source, NOW), DCAP_OK);
  assert_failure(verify(world, source, NOW + DAY - 1), DCAP_OK);
  g_assert_cmpuint(service_double_count(world->service), ==, N_REQUESTS);
  publish(world, NOW + DAY, NOW + 20 * DAY);
  assert_failure(verify(world, source, NOW + DAY), DCAP_OK);
  wait_for_requests(world, 2 * N_REQUESTS);
  service_double_unplug(world->service, TRUE);
  gint64 deadline = g_get_monotonic_time() + PATIENCE_US;
  while (verify(world, source, NOW + 20 * DAY) != DCAP_OK && g_get_monotonic_time() < deadline)
    g_usleep(5000);
  assert_failure(verify(world, source, NOW + 20 * DAY), DCAP_OK);
}

/* Short-lived collateral is refreshed when half of its life is over. */
static void test_refresh_of_short_life(void) {
  g_autoptr(World) world = world_new();
  publish(world, NOW, NOW + 100);
  g_autoptr(DcapCollateralSource) source = open_source(world, FALSE);
  assert_failure(verify(world, source, NOW), DCAP_OK);
  assert_failure(verify(world, source, NOW + 49), DCAP_OK);
  g_assert_cmpuint(service_double_count(world->service), ==, N_REQUESTS);
  assert_failure(verify(world, source, NOW + 50), DCAP_OK);
  wait_for_requests(world, 2 * N_REQUESTS);
}

/* A service that goes back in time, or comes to lie, does not take away what was good. */
static void test_refresh_with_lies(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(SimulatedPki) other_pki = make_pki(2);
  g_autoptr(SimulatedScenario) other = simulated_scenario_new(other_pki, 4);
  g_autoptr(json_t) lie = collateral_of(other);
  g_autoptr(DcapCollateralSource) source = open_source(world, FALSE);
  assert_failure(verify(world, source, NOW), DCAP_OK);
  publish(world, NOW - DAY, NOW + 2 * DAY);
  assert_failure(verify(world, source, NOW + DAY), DCAP_OK);
  wait_for_requests(world, 2 * N_REQUESTS);
  assert_failure(verify(world, source, NOW + 3 * DAY), DCAP_OK);
  service_double_serve(world->service, lie);
  assert_failure(verify(world, source, NOW + 4 * DAY), DCAP_OK);
  assert_failure(verify(world, source, NOW + 10 * DAY), DCAP_OK);
}

static void assert_not_cached(const World *world) {
  g_autofree char *path = cached_file(world);
  g_assert_null(path);
}

static void test_lies(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(DcapCollateralSource) expired = open_source(world, TRUE), other_root = open_source(world, TRUE),
                                  other_model = open_source(world, TRUE), other_kind = open_source(world, TRUE),
                                  honest = open_source(world, TRUE);
  publish(world, NOW - 10 * DAY, NOW - DAY);
  assert_failure(verify(world, expired, NOW), DCAP_EXPIRED);
  assert_not_cached(world);
  g_autoptr(SimulatedPki) other_pki = make_pki(2);
  g_autoptr(SimulatedScenario) foreign = simulated_scenario_new(other_pki, 4);
  g_autoptr(json_t) foreign_json = collateral_of(foreign);
  service_double_serve(world->service, foreign_json);
  assert_failure(verify(world, other_root, NOW), DCAP_CHAIN_INVALID);
  g_autoptr(SimulatedScenario) enclave = simulated_scenario_new(world->pki, 3);
  g_autoptr(json_t) enclave_json = collateral_of(enclave);
  service_double_serve(world->service, enclave_json);
  assert_failure(verify(world, other_kind, NOW), DCAP_WRONG_TCB_INFO_TYPE);
  json_object_set_new(world->scenario->tcb_info, "fmspc", json_string("000000000000"));
  publish(world, NOW - DAY, NOW + DAY);
  assert_failure(verify(world, other_model, NOW), DCAP_FMSPC_MISMATCH);
  assert_not_cached(world);
  json_object_set_new(world->scenario->tcb_info, "fmspc", json_string("d57ac0000000"));
  publish(world, NOW - DAY, NOW + DAY);
  assert_failure(verify(world, honest, NOW), DCAP_OK);
}

/* What is true is kept, however bad it is for the platform. */
static void test_bad_news(void) {
  g_autoptr(World) world = world_new();
  world->scenario->revoked = SIMULATED_REVOKE_PCK;
  publish(world, NOW - DAY, NOW + DAY);
  g_autoptr(DcapCollateralSource) source = open_source(world, TRUE);
  assert_failure(verify(world, source, NOW), DCAP_REVOKED);
  assert_failure(verify(world, source, NOW), DCAP_REVOKED);
  g_assert_cmpuint(service_double_count(world->service), ==, N_REQUESTS);
}

static gboolean has_no_effect(Part part, Mischief mischief) {
  gboolean is_document = part == PART_TCB_INFO || part == PART_QE_IDENTITY;
  switch (mischief) {
  case HONEST:
    return TRUE;
  case NOT_JSON:
  case DUPLICATE_MEMBER:
  case NO_SIGNATURE:
    return !is_document;
  case NO_CHAIN_HEADER:
    return part == PART_ROOT_CRL;
  case CUT_CHAIN_HEADER: /* the chain of the PCK list is not needed */
    return !is_document;
  default:
    return FALSE;
  }
}

static void test_mischief(void) {
  g_autoptr(World) world = world_new();
  for (Part part = 0; part < PART_PCK_CERT; part++) {
    for (Mischief mischief = 0; mischief < N_MISCHIEFS; mischief++) {
      service_double_misbehave(world->service, part, mischief);
      g_autoptr(DcapCollateralSource) source =
          open_impatient(world, TRUE, mischief == HANG ? HANG_TIMEOUT_MS : TIMEOUT_MS);
      gint64 start = g_get_monotonic_time();
      DcapFailure failure = verify(world, source, NOW);
      g_assert_cmpint(g_get_monotonic_time() - start, <, PATIENCE_US);
      g_test_message("part %d, mischief %d: %s", part, mischief, dcap_failure_name(failure));
      if (has_no_effect(part, mischief)) {
        assert_failure(failure, DCAP_OK);
        file_remove_tree(world->cache_dir, NULL);
      } else {
        g_assert_true(failure == DCAP_COLLATERAL_FETCH || failure == DCAP_COLLATERAL_DECODE ||
                      failure == DCAP_CHAIN_INVALID);
        assert_not_cached(world);
      }
    }
    service_double_misbehave(world->service, part, HONEST);
  }
}

/* A failure is not repeated for everybody who asks. */
static void test_pause_after_failure(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(DcapCollateralSource) source = open_source(world, FALSE);
  service_double_misbehave(world->service, PART_PCK_CRL, STATUS_500);
  for (int i = 0; i < 5; i++)
    assert_failure(verify(world, source, NOW), DCAP_COLLATERAL_FETCH);
  g_assert_cmpuint(service_double_count(world->service), ==, 1);
}

/* Nobody is asked on behalf of a quote that proves nothing. */
static void test_forged_quotes(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(DcapCollateralSource) source = open_source(world, TRUE);
  gsize len;
  const guint8 *good = g_bytes_get_data(world->quote, &len);
  static const struct {
    gsize at;
    DcapFailure failure;
  } flips[] = {{600, DCAP_BAD_QUOTE_SIGNATURE},
               {640, DCAP_BAD_QUOTE_SIGNATURE},
               {710, DCAP_QE_REPORT_DATA_MISMATCH},
               {800, DCAP_BAD_QE_REPORT_SIGNATURE}};
  for (gsize i = 0; i < G_N_ELEMENTS(flips); i++) {
    g_autofree guint8 *bad = g_memdup2(good, len);
    bad[flips[i].at] ^= 1;
    g_autoptr(GBytes) quote = g_bytes_new(bad, len);
    assert_failure(verify_bytes(world, source, quote, NOW), flips[i].failure);
  }
  g_autoptr(SimulatedPki) other_pki = make_pki(2);
  g_autoptr(SimulatedScenario) other = simulated_scenario_new(other_pki, 4);
  g_autoptr(GBytes) foreign = simulated_scenario_quote(other);
  assert_failure(verify_bytes(world, source, foreign, NOW), DCAP_CHAIN_INVALID);
  g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
  assert_failure(verify_bytes(world, source, nothing, NOW), DCAP_PARSE_ERROR);
  g_assert_cmpuint(service_double_count(world->service), ==, 0);
  assert_failure(verify(world, source, NOW), DCAP_OK); /* and none of them stands in the way of a good one */
}

typedef struct {
  const World *world;
  DcapCollateralSource *source;
} Crowd;

static gpointer verify_in_crowd(gpointer data) {
  const Crowd *crowd = data;
  assert_failure(verify(crowd->world, crowd->source, NOW), DCAP_OK);
  return NULL;
}

static void test_single_flight(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(DcapCollateralSource) source = open_source(world, TRUE);
  Crowd crowd = {world, source};
  GThread *threads[8];
  for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
    threads[i] = g_thread_new("verify", verify_in_crowd, &crowd);
  for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
    g_thread_join(threads[i]);
  g_assert_cmpuint(service_double_count(world->service), ==, N_REQUESTS);
}

/* A source that is given up does not wait for an answer that never comes. */
static void test_free_while_refreshing(void) {
  g_autoptr(World) world = world_new();
  DcapServiceOptions options = {.url = service_double_url(world->service)};
  DcapCollateralSource *source = dcap_collateral_source_service(&options, NULL);
  assert_failure(verify(world, source, NOW), DCAP_OK);
  service_double_misbehave(world->service, PART_TCB_INFO, HANG);
  assert_failure(verify(world, source, NOW + DAY), DCAP_OK);
  wait_for_requests(world, N_REQUESTS + 2);
  gint64 start = g_get_monotonic_time();
  dcap_collateral_source_unref(source);
  g_assert_cmpint(g_get_monotonic_time() - start, <, PATIENCE_US);
}

/* A quote without its PCK certificate: the service has it. */
static void test_named_certificate(void) {
  g_autoptr(World) world = world_new();
  world->scenario->quote.cert_type = 3;
  g_autoptr(GBytes) quote = simulated_scenario_quote(world->scenario);
  g_autoptr(DcapCollateralSource) source = open_source(world, TRUE), wrong_level = open_source(world, TRUE);
  service_double_set_tcbm(world->service, "040402020401000500000000000000000C00"); /* PCESVN 12 instead of 13 */
  assert_failure(verify_bytes(world, wrong_level, quote, NOW), DCAP_COLLATERAL_FETCH);
  service_double_set_tcbm(world->service, "040402020401000500000000000000000d00");
  guint before = service_double_count(world->service);
  assert_failure(verify_bytes(world, source, quote, NOW), DCAP_OK);
  assert_failure(verify_bytes(world, source, quote, NOW), DCAP_OK);
  g_assert_cmpuint(service_double_count(world->service), ==, before + 1 + N_REQUESTS);
  g_autofree char *requests = service_double_requests(world->service);
  g_assert_nonnull(strstr(requests, "/sgx/certification/v4/pckcert?qeid="));
  g_assert_nonnull(strstr(requests, "&cpusvn=04040202040100050000000000000000&pcesvn=0D00&pceid=0000\n"));
  service_double_unplug(world->service, TRUE);
  g_autoptr(DcapCollateralSource) restarted = open_source(world, TRUE);
  assert_failure(verify_bytes(world, restarted, quote, NOW), DCAP_OK);
}

/* Like verify_bytes(), for a quote for which no collateral can be had just now. */
static void assert_put_off(const World *world, DcapCollateralSource *source, GBytes *quote, const char *reason) {
  const DcapOptions options = {.root = world->root, .now = NOW};
  g_auto(DcapVerdict) verdict = {0};
  g_autoptr(GError) error = NULL;
  g_assert_false(dcap_verify_from(source, quote, &options, &verdict, NULL, &error));
  assert_failure(verdict.failure, DCAP_COLLATERAL_FETCH);
  g_assert_cmpstr(error->message, ==, reason);
}

#define TCBM "040402020401000500000000000000000d00"

static GBytes *nameless_quote(World *world) {
  service_double_set_tcbm(world->service, TCBM);
  world->scenario->quote.cert_type = 3;
  GBytes *quote = simulated_scenario_quote(world->scenario);
  world->scenario->quote.cert_type = 5;
  return quote;
}

static GBytes *with_flip(GBytes *quote, gsize at) {
  gsize len;
  const guint8 *data = g_bytes_get_data(quote, &len);
  guint8 *copy = g_memdup2(data, len);
  copy[at] ^= 1;
  return g_bytes_new_take(copy, len);
}

typedef struct {
  const World *world;
  DcapCollateralSource *source;
  GBytes *quote;
} Lookup;

static gpointer look_up(gpointer data) {
  const Lookup *lookup = data;
  assert_failure(verify_bytes(lookup->world, lookup->source, lookup->quote, NOW), DCAP_COLLATERAL_FETCH);
  return NULL;
}

#define UNDER_WAY "collateral fetch: a pck certificate is being looked up: try again"
#define PAUSED "collateral fetch: a pck certificate could not be looked up a moment ago"
#define SLOW_MS 3000
#define SETTLE_US 300000
#define QE_ID_AT 28
#define REPORT_DATA_AT 568

/* One forged quote at a time gets the service asked, and nobody waits for the answer but who sent it. */
static void test_lookups_hold_up_nobody(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(GBytes) genuine = nameless_quote(world), forged = with_flip(genuine, QE_ID_AT),
                    other = with_flip(genuine, QE_ID_AT + 1);
  g_autoptr(DcapCollateralSource) earlier = open_source(world, TRUE), source = open_impatient(world, TRUE, SLOW_MS);
  assert_failure(verify_bytes(world, earlier, genuine, NOW), DCAP_OK);
  assert_failure(verify(world, source, NOW), DCAP_OK);
  service_double_misbehave(world->service, PART_PCK_CERT, HANG);
  guint before = service_double_count(world->service);
  Lookup lookup = {world, source, forged};
  gint64 start = g_get_monotonic_time();
  GThread *thread = g_thread_new("forger", look_up, &lookup);
  wait_for_requests(world, before + 1);
  for (int i = 0; i < 3; i++) {
    assert_put_off(world, source, forged, UNDER_WAY); /* the same */
    assert_put_off(world, source, other, UNDER_WAY);
    assert_failure(verify(world, source, NOW), DCAP_OK);
    assert_failure(verify_bytes(world, source, genuine, NOW), DCAP_OK); /* from disk */
  }
  g_assert_cmpint(g_get_monotonic_time() - start, <, SLOW_MS * 1000);
  g_thread_join(thread);
  assert_put_off(world, source, other, PAUSED);
  assert_failure(verify(world, source, NOW), DCAP_OK);
  assert_failure(verify_bytes(world, source, genuine, NOW), DCAP_OK);
  g_assert_cmpuint(service_double_count(world->service), ==, before + 1);
}

/* A forged quote of a known platform does not get its certificate looked up anew; the genuine one does. */
static void test_lookup_before_refresh(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(GBytes) genuine = nameless_quote(world), forged = with_flip(genuine, REPORT_DATA_AT);
  g_autoptr(DcapCollateralSource) source = open_source(world, FALSE);
  assert_failure(verify_bytes(world, source, genuine, NOW), DCAP_OK);
  guint before = service_double_count(world->service);
  for (int i = 0; i < 3; i++)
    assert_failure(verify_bytes(world, source, forged, NOW + DAY), DCAP_BAD_QUOTE_SIGNATURE);
  g_usleep(SETTLE_US);
  g_assert_cmpuint(service_double_count(world->service), ==, before);
  assert_failure(verify_bytes(world, source, genuine, NOW + DAY), DCAP_OK);
  wait_for_requests(world, before + 1 + N_REQUESTS);
}

static void test_named_certificate_mischief(void) {
  g_autoptr(World) world = world_new();
  world->scenario->quote.cert_type = 3;
  g_autoptr(GBytes) quote = simulated_scenario_quote(world->scenario);
  static const Mischief mischiefs[] = {STATUS_500, CUT_BODY, HUGE_BODY, NO_CHAIN_HEADER, CUT_CHAIN_HEADER, RAW_BINARY};
  for (gsize i = 0; i < G_N_ELEMENTS(mischiefs); i++) {
    service_double_misbehave(world->service, PART_PCK_CERT, mischiefs[i]);
    g_autoptr(DcapCollateralSource) source = open_source(world, TRUE);
    DcapFailure failure = verify_bytes(world, source, quote, NOW);
    g_assert_true(failure == DCAP_COLLATERAL_FETCH || failure == DCAP_CHAIN_INVALID ||
                  failure == DCAP_COLLATERAL_DECODE);
  }
}

/* Intel's own collateral, through the service's form and back. */
static void test_real_collateral(void) {
  static const struct {
    const char *quote, *collateral;
    gint64 now;
  } pairs[] = {{"dcap/tdx_v4.quote.bin", "dcap/tdx_v4.collateral.json", 1752919234},
               {"dcap/tdx_v5_td15_ok.quote.bin", "dcap/tdx_v5_td15.collateral.json", 1774003274},
               {"dcap/tdx_v4_mrconfigid.quote.hex", "dcap/tdx_v4_mrconfigid.collateral.json", 1759388630},
               {"dcap/sgx_v3.quote.bin", "dcap/sgx_v3.collateral.json", 1752919277}};
  for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
    g_autoptr(GBytes) quote = fixture_bytes(pairs[i].quote), text = fixture_bytes(pairs[i].collateral);
    if (!quote || !text)
      return;
    g_autoptr(World) world = world_new();
    g_clear_pointer(&world->root, X509_free); /* Intel's */
    g_autoptr(json_t) json = json_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), "collateral", NULL);
    service_double_serve(world->service, json);
    g_autoptr(DcapCollateralSource) source = open_source(world, TRUE);
    assert_failure(verify_bytes(world, source, quote, pairs[i].now), DCAP_OK);
    service_double_unplug(world->service, TRUE);
    g_autoptr(DcapCollateralSource) restarted = open_source(world, TRUE);
    assert_failure(verify_bytes(world, restarted, quote, pairs[i].now), DCAP_OK);
  }
}

/* More platform models than are remembered: others are forgotten, and asked about again. */
static void test_many_models(void) {
  g_autoptr(World) world = world_new();
  g_autoptr(DcapCollateralSource) source = open_source(world, FALSE);
  for (guint8 model = 0; model < 70; model++) {
    g_autofree char *fmspc = g_strdup_printf("%02x0000000000", model);
    memset(world->scenario->platform.fmspc, 0, 6);
    world->scenario->platform.fmspc[0] = model;
    json_object_set_new(world->scenario->tcb_info, "fmspc", json_string(fmspc));
    publish(world, NOW - DAY, NOW + DAY + model);
    g_autoptr(GBytes) quote = simulated_scenario_quote(world->scenario);
    assert_failure(verify_bytes(world, source, quote, NOW), DCAP_OK);
    assert_failure(verify_bytes(world, source, quote, NOW), DCAP_OK);
    g_assert_cmpuint(service_double_count(world->service), ==, (model + 1) * N_REQUESTS);
  }
}

/* The service's certificate is checked, unless an operator says otherwise. */
static void test_tls(void) {
  g_autoptr(World) world = world_new();
  service_double_free(world->service);
  world->service = service_double_new_tls();
  publish(world, NOW - DAY, NOW + DAY);
  DcapServiceOptions options = {.url = service_double_url(world->service), .timeout_ms = TIMEOUT_MS};
  g_autoptr(DcapCollateralSource) checking = dcap_collateral_source_service(&options, NULL);
  assert_failure(verify(world, checking, NOW), DCAP_COLLATERAL_FETCH);
  g_assert_cmpuint(service_double_count(world->service), ==, 0);
  options.insecure_tls = TRUE;
  g_autoptr(DcapCollateralSource) trusting = dcap_collateral_source_service(&options, NULL);
  assert_failure(verify(world, trusting, NOW), DCAP_OK);
}

static void test_file(void) {
  g_autoptr(World) world = world_new();
  g_autofree char *text = simulated_scenario_collateral(world->scenario);
  g_autofree char *path = g_strconcat(world->cache_dir, ".json", NULL);
  g_autoptr(GError) error = NULL;
  g_assert_null(dcap_collateral_source_file(path, &error));
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  g_autoptr(DcapCollateralSource) source = dcap_collateral_source_file(path, NULL);
  assert_failure(verify(world, source, NOW), DCAP_OK);
  g_assert_true(g_file_set_contents(path, "{}", -1, NULL));
  assert_failure(verify(world, source, NOW), DCAP_COLLATERAL_DECODE);
  g_assert_cmpint(g_unlink(path), ==, 0);
  assert_failure(verify(world, source, NOW), DCAP_COLLATERAL_FETCH);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  assert_failure(verify(world, source, NOW), DCAP_OK);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_unsetenv("PCCS_URL");
  g_setenv("no_proxy", "*", TRUE);
  g_test_add_func("/dcap/source/requests", test_requests);
  g_test_add_func("/dcap/source/enclave", test_enclave);
  g_test_add_func("/dcap/source/hex-lists", test_hex_lists);
  g_test_add_func("/dcap/source/urls", test_urls);
  g_test_add_func("/dcap/source/url-with-path", test_url_with_path);
  g_test_add_func("/dcap/source/offline", test_offline);
  g_test_add_func("/dcap/source/damaged-cache", test_damaged_cache);
  g_test_add_func("/dcap/source/foreign-cache", test_foreign_cache);
  g_test_add_func("/dcap/source/refresh", test_refresh);
  g_test_add_func("/dcap/source/refresh-of-short-life", test_refresh_of_short_life);
  g_test_add_func("/dcap/source/refresh-with-lies", test_refresh_with_lies);
  g_test_add_func("/dcap/source/lies", test_lies);
  g_test_add_func("/dcap/source/bad-news", test_bad_news);
  g_test_add_func("/dcap/source/mischief", test_mischief);
  g_test_add_func("/dcap/source/pause-after-failure", test_pause_after_failure);
  g_test_add_func("/dcap/source/forged-quotes", test_forged_quotes);
  g_test_add_func("/dcap/source/single-flight", test_single_flight);
  g_test_add_func("/dcap/source/free-while-refreshing", test_free_while_refreshing);
  g_test_add_func("/dcap/source/named-certificate", test_named_certificate);
  g_test_add_func("/dcap/source/named-certificate-mischief", test_named_certificate_mischief);
  g_test_add_func("/dcap/source/lookups-hold-up-nobody", test_lookups_hold_up_nobody);
  g_test_add_func("/dcap/source/lookup-before-refresh", test_lookup_before_refresh);
  g_test_add_func("/dcap/source/real-collateral", test_real_collateral);
  g_test_add_func("/dcap/source/many-models", test_many_models);
  g_test_add_func("/dcap/source/tls", test_tls);
  g_test_add_func("/dcap/source/file", test_file);
  return g_test_run();
}
