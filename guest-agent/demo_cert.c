#include "guest-agent/demo_cert.h"

#include "base/footprint.h"
#include "base/log.h"

#define FIRST_BACKOFF_US (10 * G_USEC_PER_SEC)
#define MAX_BACKOFF_US (600 * G_USEC_PER_SEC)

struct DemoCert {
  const AppKeys *keys;
  TdxPlatform *platform;
  const char *vm_config;
  GMutex lock; /* guards what follows */
  GThread *thread;
  gboolean running;
  char *text;
  gint64 not_before, backoff; /* monotonic microseconds */
};

DemoCert *demo_cert_new(const AppKeys *keys, TdxPlatform *platform, const char *vm_config) {
  DemoCert *demo = g_new0(DemoCert, 1);
  demo->keys = keys;
  demo->platform = platform;
  demo->vm_config = vm_config;
  demo->backoff = FIRST_BACKOFF_US;
  g_mutex_init(&demo->lock);
  return demo;
}

void demo_cert_free(DemoCert *demo) {
  if (!demo)
    return;
  g_clear_pointer(&demo->thread, g_thread_join);
  g_mutex_clear(&demo->lock);
  g_free(demo->text);
  g_free(demo);
}

static char *issue(DemoCert *demo, GError **error) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  AppCertSpec spec = {.subject = "demo-cert", .client_auth = TRUE, .ra_tls = TRUE};
  g_auto(GStrv) chain = app_keys_certify(demo->keys, demo->platform, demo->vm_config, key, &spec, error);
  return chain ? g_strjoinv("\n", chain) : NULL;
}

static gpointer request_thread(gpointer data) {
  DemoCert *demo = data;
  g_autoptr(GError) error = NULL;
  char *text = issue(demo, &error);
  if (!text)
    log_warn("failed to get the demo certificate: %s", error->message);
  g_mutex_lock(&demo->lock);
  demo->text = text;
  demo->running = FALSE;
  demo->not_before = g_get_monotonic_time() + demo->backoff;
  demo->backoff = MIN(demo->backoff * 2, MAX_BACKOFF_US);
  g_mutex_unlock(&demo->lock);
  footprint_shed_startup(); /* of a certificate's making, which may not be asked for again */
  return NULL;
}

void demo_cert_request(DemoCert *demo) {
  g_mutex_lock(&demo->lock);
  if (!demo->running && !demo->text && g_get_monotonic_time() >= demo->not_before) {
    g_clear_pointer(&demo->thread, g_thread_join); /* ended already: running is FALSE */
    demo->running = TRUE;
    demo->thread = g_thread_new("demo-cert", request_thread, demo);
  }
  g_mutex_unlock(&demo->lock);
}

char *demo_cert_text(DemoCert *demo) {
  g_mutex_lock(&demo->lock);
  char *text = g_strdup(demo->text ? demo->text : "");
  g_mutex_unlock(&demo->lock);
  return text;
}
