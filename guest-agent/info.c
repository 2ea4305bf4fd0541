#include "guest-agent/info.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "guest-agent/demo_cert.h"
#include "prpc/message.h"
#include "tdx/app_info.h"

#include <string.h>
#include <sys/stat.h>

#define DMI_MAX_SIZE 4096

/* What was decoded from one state of the runtime log. */
typedef struct {
  AppInfo *app;
  char *tcb_info;
} Snapshot;

struct InfoSource {
  TdxPlatform *platform;
  const AppCompose *compose;
  GMutex lock; /* guards the snapshot; it also makes quoting single-flight */
  Snapshot *snapshot;
  struct stat log_state;
};

static void snapshot_clear(gpointer data) {
  Snapshot *snapshot = data;
  app_info_free(snapshot->app);
  g_free(snapshot->tcb_info);
}

static void snapshot_unref(Snapshot *snapshot) { g_atomic_rc_box_release_full(snapshot, snapshot_clear); }
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Snapshot, snapshot_unref)

InfoSource *info_source_new(TdxPlatform *platform, const AppCompose *compose) {
  InfoSource *source = g_new0(InfoSource, 1);
  source->platform = platform;
  source->compose = compose;
  g_mutex_init(&source->lock);
  return source;
}

void info_source_free(InfoSource *source) {
  if (!source)
    return;
  g_clear_pointer(&source->snapshot, snapshot_unref);
  g_mutex_clear(&source->lock);
  g_free(source);
}

static void set_hex(json_t *object, const char *key, const void *data, gsize len) {
  g_autofree char *text = hex_encode(data, len);
  json_object_set_new(object, key, json_string(text));
}

static void set_hex_bytes(json_t *object, const char *key, GBytes *value) {
  gsize len;
  const void *data = g_bytes_get_data(value, &len);
  set_hex(object, key, data, len);
}

static char *print_tcb_info(const AppInfo *app, TdxEventLog *log, const AppCompose *compose, GError **error) {
  g_autofree char *log_text = tdx_event_log_print(log);
  json_t *events = json_parse(log_text, strlen(log_text), "event log", error);
  if (!events)
    return NULL;
  g_autoptr(json_t) root = json_object();
  set_hex(root, "mrtd", app->mrtd, sizeof app->mrtd);
  for (guint i = 0; i < TDX_N_RTMRS; i++) {
    char key[] = {'r', 't', 'm', 'r', (char)('0' + i), '\0'};
    set_hex(root, key, app->rtmr[i], sizeof app->rtmr[i]);
  }
  set_hex(root, "mr_aggregated", app->mr_aggregated, sizeof app->mr_aggregated);
  set_hex_bytes(root, "os_image_hash", app->os_image_hash);
  set_hex_bytes(root, "compose_hash", app->compose_hash);
  set_hex(root, "device_id", app->device_id, sizeof app->device_id);
  json_object_set_new(root, "event_log", events);
  json_object_set_new(root, "app_compose", json_string(compose->text));
  char *pretty = json_dumps(root, JSON_INDENT(2));
  char *copy = g_strdup(pretty);
  free(pretty);
  return copy;
}

static Snapshot *take_snapshot(InfoSource *source, GError **error) {
  const guint8 nothing[TDX_REPORT_DATA_SIZE] = {0};
  g_autoptr(TdxEvidence) evidence = tdx_get_evidence(source->platform, nothing, error);
  g_autoptr(Quote) quote = evidence ? quote_parse(evidence->quote, error) : NULL;
  if (!quote)
    return NULL;
  g_autoptr(AppInfo) app = app_info_decode(quote, evidence->log, APP_INFO_RUNTIME, error);
  if (!app)
    return NULL;
  g_autofree char *tcb_info = print_tcb_info(app, evidence->log, source->compose, error);
  if (!tcb_info)
    return NULL;
  Snapshot *snapshot = g_atomic_rc_box_new0(Snapshot);
  snapshot->app = g_steal_pointer(&app);
  snapshot->tcb_info = g_steal_pointer(&tcb_info);
  return snapshot;
}

static gboolean same_state(const struct stat *a, const struct stat *b) {
  return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
         a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Call with the lock held. */
static gboolean refresh_snapshot(InfoSource *source, GError **error) {
  /* Looked at before the quote is taken: an event in between makes the next call decode anew, never serve old facts. */
  struct stat state = {0};
  if (stat(source->platform->runtime_log_path, &state) != 0)
    memset(&state, 0, sizeof state);
  if (source->snapshot && same_state(&state, &source->log_state))
    return TRUE;
  Snapshot *fresh = take_snapshot(source, error);
  if (!fresh) {
    g_prefix_error(error, "failed to decode app info: ");
    return FALSE;
  }
  g_clear_pointer(&source->snapshot, snapshot_unref);
  source->snapshot = fresh;
  source->log_state = state;
  return TRUE;
}

static Snapshot *current_snapshot(InfoSource *source, GError **error) {
  g_mutex_lock(&source->lock);
  Snapshot *snapshot = refresh_snapshot(source, error) ? g_atomic_rc_box_acquire(source->snapshot) : NULL;
  g_mutex_unlock(&source->lock);
  return snapshot;
}

static void set_dmi(char **field, const char *name) {
  g_autofree char *path = g_strconcat("/sys/class/dmi/id/", name, NULL);
  g_autofree char *text = file_read_text(path, DMI_MAX_SIZE, NULL);
  prpc_set_string(field, text ? g_strstrip(text) : "");
}

static void set_key_provider(char **field, GBytes *info) {
  gsize len;
  const char *text = g_bytes_get_data(info, &len);
  if (!text || !g_utf8_validate_len(text, len, NULL))
    return;
  g_autofree char *copy = g_strndup(text, len);
  prpc_set_string(field, copy);
}

gboolean info_fill(Agent *agent, gboolean external, DstackGuest__AppInfo *out, GError **error) {
  g_autoptr(Snapshot) snapshot = current_snapshot(agent->info, error);
  if (!snapshot)
    return FALSE;
  const AppInfo *app = snapshot->app;
  g_autofree char *demo = demo_cert_text(agent->demo_cert);
  prpc_set_gbytes(&out->app_id, app->app_id);
  prpc_set_gbytes(&out->instance_id, app->instance_id);
  prpc_set_string(&out->app_cert, demo);
  prpc_set_string(&out->app_name, agent->compose->name);
  prpc_set_bytes(&out->device_id, app->device_id, sizeof app->device_id);
  prpc_set_bytes(&out->mr_aggregated, app->mr_aggregated, sizeof app->mr_aggregated);
  prpc_set_gbytes(&out->os_image_hash, app->os_image_hash);
  set_key_provider(&out->key_provider_info, app->key_provider_info);
  prpc_set_gbytes(&out->compose_hash, app->compose_hash);
  set_dmi(&out->cloud_vendor, "sys_vendor");
  set_dmi(&out->cloud_product, "product_name");
  if (!external || agent->compose->public_tcbinfo) {
    prpc_set_string(&out->tcb_info, snapshot->tcb_info);
    prpc_set_string(&out->vm_config, agent->sys_config->vm_config);
  }
  demo_cert_request(agent->demo_cert);
  return TRUE;
}
