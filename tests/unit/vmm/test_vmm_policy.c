/* Pools and policies: context ids, restarts. */
#include "vmm/cid_pool.h"
#include "vmm/restart_policy.h"

#include "base/error.h"

static void test_cids(void) {
  g_autoptr(GError) error = NULL;
  CidPool *pool = cid_pool_new(1000, 2);
  guint32 cid;
  g_assert_true(cid_pool_take(pool, &cid, &error) && cid == 1000);
  g_assert_true(cid_pool_take(pool, &cid, &error) && cid == 1001);
  g_assert_false(cid_pool_take(pool, &cid, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
  cid_pool_release(pool, 1000);
  g_assert_true(cid_pool_reserve(pool, 1000));
  g_assert_false(cid_pool_reserve(pool, 1000));
  g_assert_true(cid_pool_reserve(pool, 7)); /* of a VM from before the range was changed */
  cid_pool_free(pool);
}

static void test_backoff(void) {
  const RestartLimits limits = {.max_retries = 3, .initial_backoff = 2, .max_backoff = 5, .reset_window = 300};
  RestartState state = {0};
  static const struct {
    gint64 now;
    RestartDecision decision;
  } samples[] = {{0, RESTART_WAIT}, {1, RESTART_WAIT},  {2, RESTART_NOW},  {5, RESTART_WAIT},       {6, RESTART_NOW},
                 {10, RESTART_WAIT}, {11, RESTART_NOW}, {12, RESTART_EXHAUSTED}, {13, RESTART_WAIT}, {1000, RESTART_WAIT}};
  for (guint i = 0; i < G_N_ELEMENTS(samples); i++)
    g_assert_cmpint(restart_policy_exited(&state, &limits, samples[i].now + 100), ==, samples[i].decision);
}

static void test_reset(void) {
  const RestartLimits limits = {.max_retries = 1, .initial_backoff = 1, .max_backoff = 1, .reset_window = 10};
  RestartState state = {0};
  g_assert_cmpint(restart_policy_exited(&state, &limits, 100), ==, RESTART_WAIT);
  g_assert_cmpint(restart_policy_exited(&state, &limits, 101), ==, RESTART_NOW);
  restart_policy_running(&state, &limits, 102);
  restart_policy_running(&state, &limits, 111);
  g_assert_cmpuint(state.attempts, ==, 1);
  restart_policy_running(&state, &limits, 112); /* ten seconds of health */
  g_assert_cmpuint(state.attempts, ==, 0);
  g_assert_cmpint(restart_policy_exited(&state, &limits, 113), ==, RESTART_WAIT);
  g_assert_cmpint(restart_policy_exited(&state, &limits, 114), ==, RESTART_NOW);
  g_assert_cmpint(restart_policy_exited(&state, &limits, 115), ==, RESTART_EXHAUSTED);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/vmm/cids", test_cids);
  g_test_add_func("/vmm/restart/backoff", test_backoff);
  g_test_add_func("/vmm/restart/reset", test_reset);
  return g_test_run();
}
