/* Ten thousand connections that never come to a request: honest clients get their keys all the same, at their usual pace. */
#include "half_open.h"

#define N_CONNECTIONS 10000
#define MAX_SECONDS 5 /* of an honest client; alone it takes a few milliseconds */
#define N_HONEST 5

static Kms *shared;

static gint64 honest_call(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0x71, 1, GOOD_IMAGE);
  gint64 start = g_get_monotonic_time();
  g_autoptr(GError) error = NULL;
  g_autoptr(AppKeys) keys = app_keys_from_kms(shared->url, platform, VM_CONFIG, shared->verifier, &error);
  g_assert_no_error(error);
  return g_get_monotonic_time() - start;
}

static void assert_quick(const char *when) {
  gint64 longest = 0;
  for (guint i = 0; i < N_HONEST; i++)
    longest = MAX(longest, honest_call());
  g_test_message("%s: at most %.1f ms", when, (double)longest / 1000);
  g_assert_cmpint(longest, <, MAX_SECONDS * G_USEC_PER_SEC);
}

static HalfOpen *make_room(void) {
  HalfOpen *half_open = half_open_new(shared, N_CONNECTIONS);
  if (!half_open)
    g_test_skip("the limit of open files can't be raised far enough");
  return half_open;
}

static void test_held(void) {
  g_autoptr(HalfOpen) half_open = make_room();
  if (!half_open)
    return;
  assert_quick("alone");
  while (half_open_add(half_open))
    ;
  assert_quick("beside 10,000 half-open connections");
  g_clear_pointer(&half_open, half_open_free);
  assert_quick("after them");
}

/* The same while somebody opens new ones all the time. */
typedef struct {
  HalfOpen *half_open;
  gint stop; /* atomic */
} Flood;

static gpointer run_flood(gpointer data) {
  Flood *flood = data;
  while (!g_atomic_int_get(&flood->stop) && half_open_add(flood->half_open))
    ;
  return NULL;
}

static void test_flood(void) {
  g_autoptr(HalfOpen) half_open = make_room();
  if (!half_open)
    return;
  Flood flood = {half_open, 0};
  GThread *thread = g_thread_new("flood", run_flood, &flood);
  assert_quick("while more are opened");
  g_atomic_int_set(&flood.stop, 1);
  (void)g_thread_join(thread);
  g_test_message("%u were opened meanwhile", half_open_count(half_open));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  shared = kms_new();
  kms_start(shared);
  g_test_add_func("/kms/half-open/held", test_held);
  g_test_add_func("/kms/half-open/flood", test_flood);
  int result = g_test_run();
  kms_free(shared);
  return result;
}
