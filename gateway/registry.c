#include "registry.h"

#include "state_file.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

#define WIREGUARD_KEY_SIZE 32
#define FRESH_HANDSHAKE_MS (300 * 1000)

struct Registry {
  GMutex lock;
  Ipv4Plan plan;
  char *state_path;
  char *own_public_key;
  GTree *instances; /* instance id -> Instance*, in order */
};

static void instance_clear(gpointer data) {
  Instance *instance = data;
  g_free(instance->id);
  g_free(instance->app_id);
  g_free(instance->public_key);
}
static void instance_release(gpointer data) { g_atomic_rc_box_release_full(data, instance_clear); }

static gint compare_ids(gconstpointer a, gconstpointer b, gpointer user_data) {
  (void)user_data; /* g_tree_new_full's shape */
  return strcmp(a, b);
}

/* The key ends up in a configuration file: exactly one canonical base64 text of 32 bytes, nothing else. */
static gboolean key_is_valid(const char *public_key) {
  gsize len;
  g_autofree guchar *raw = g_base64_decode(public_key, &len);
  if (len != WIREGUARD_KEY_SIZE)
    return FALSE;
  g_autofree char *canonical = g_base64_encode(raw, len);
  return strcmp(canonical, public_key) == 0;
}

static gboolean hex_id_is_valid(const char *id) {
  return strlen(id) == 40 && strspn(id, "0123456789abcdef") == 40;
}

typedef struct {
  guint32 ip;
  const char *public_key;
  const Instance *found;
} Search;

static gboolean match_ip(gpointer key, gpointer value, gpointer user_data) {
  (void)key;
  Search *search = user_data;
  search->found = ((Instance *)value)->ip == search->ip ? value : NULL;
  return search->found != NULL;
}
static gboolean match_key(gpointer key, gpointer value, gpointer user_data) {
  (void)key;
  Search *search = user_data;
  search->found = strcmp(((Instance *)value)->public_key, search->public_key) == 0 ? value : NULL;
  return search->found != NULL;
}

static gboolean ip_taken(guint32 ip, gpointer user_data) {
  Registry *registry = user_data;
  Search search = {.ip = ip};
  g_tree_foreach(registry->instances, match_ip, &search);
  return search.found != NULL;
}

static gboolean refuse(GError **error, DstackErrorCode code, const char *why) {
  g_set_error(error, DSTACK_ERROR, code, "%s", why);
  return FALSE;
}

/* What another program may have written there: it decides whose traffic goes where, so it must be what we would have written. */
static gboolean check_stored(Registry *registry, const StoredInstance *one, GError **error) {
  if (!hex_id_is_valid(one->id) || !hex_id_is_valid(one->app_id))
    return refuse(error, DSTACK_ERROR_INVALID, "app id and instance id must be 20 bytes each");
  if (!key_is_valid(one->public_key) || strcmp(one->public_key, registry->own_public_key) == 0)
    return refuse(error, DSTACK_ERROR_INVALID, "public_key is not a client's wireguard key");
  Search search = {.ip = one->ip, .public_key = one->public_key};
  g_tree_foreach(registry->instances, match_ip, &search);
  if (!search.found)
    g_tree_foreach(registry->instances, match_key, &search);
  return search.found ? refuse(error, DSTACK_ERROR_INVALID, "another instance has its ip or public_key") : TRUE;
}

Registry *registry_new(const Ipv4Plan *plan, const char *state_path, const char *own_public_key, GError **error) {
  Registry *registry = g_new0(Registry, 1);
  g_mutex_init(&registry->lock);
  registry->plan = *plan;
  registry->state_path = g_strdup(state_path);
  registry->own_public_key = g_strdup(own_public_key);
  registry->instances = g_tree_new_full(compare_ids, NULL, NULL, instance_release);
  g_autoptr(GPtrArray) stored = state_file_load(state_path, error);
  if (!stored) {
    registry_free(registry);
    return NULL;
  }
  for (guint i = 0; i < stored->len; i++) {
    StoredInstance *one = stored->pdata[i];
    if (!ipv4_plan_valid(&registry->plan, one->ip)) {
      log_warn("forgetting instance %s, whose address is not a client's any more: it gets another when it registers", one->id);
      continue;
    }
    if (!check_stored(registry, one, error)) {
      g_prefix_error(error, "%s: instance %s: ", state_path, one->id);
      registry_free(registry);
      return NULL;
    }
    Instance *instance = g_atomic_rc_box_new0(Instance);
    instance->id = g_strdup(one->id);
    instance->app_id = g_strdup(one->app_id);
    instance->ip = one->ip;
    instance->public_key = g_strdup(one->public_key);
    instance->reg_time_ms = one->reg_time_ms;
    instance->last_seen_ms = one->last_seen_ms;
    g_tree_insert(registry->instances, instance->id, instance);
  }
  return registry;
}

void registry_free(Registry *registry) {
  if (!registry)
    return;
  g_tree_unref(registry->instances);
  g_free(registry->state_path);
  g_free(registry->own_public_key);
  g_mutex_clear(&registry->lock);
  g_free(registry);
}

static gboolean check_request(Registry *registry, const char *instance_id, const char *app_id, const char *public_key,
                              GError **error) {
  if (!hex_id_is_valid(instance_id) || !hex_id_is_valid(app_id))
    return refuse(error, DSTACK_ERROR_INVALID, "failed to allocate ip address for client: app id and instance id must be "
                                               "20 bytes each");
  if (!key_is_valid(public_key))
    return refuse(error, DSTACK_ERROR_INVALID, "client_public_key is not the base64 text of a wireguard key");
  const Instance *known = g_tree_lookup(registry->instances, instance_id);
  if (known && strcmp(known->app_id, app_id) != 0)
    return refuse(error, DSTACK_ERROR_DENIED, "instance id is registered under another app id");
  Search search = {.public_key = public_key};
  g_tree_foreach(registry->instances, match_key, &search);
  if ((search.found && search.found != known) || strcmp(public_key, registry->own_public_key) == 0)
    return refuse(error, DSTACK_ERROR_DENIED, "wireguard key is in use by another instance");
  return TRUE;
}

static gboolean append_stored(gpointer key, gpointer value, gpointer user_data) {
  (void)key;
  const Instance *instance = value;
  StoredInstance *stored = stored_instance_new(instance->id, instance->app_id, instance->ip, instance->public_key);
  stored->reg_time_ms = instance->reg_time_ms;
  stored->last_seen_ms = instance->last_seen_ms;
  g_ptr_array_add(user_data, stored);
  return FALSE;
}

static gboolean save(Registry *registry, GError **error) {
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)stored_instance_free);
  g_tree_foreach(registry->instances, append_stored, all);
  return state_file_save(registry->state_path, all, error);
}

/* An Instance is shared with the data plane and never changes but for its counters: a change makes a new one. */
static Instance *replace(Registry *registry, const char *id, const char *app_id, guint32 ip, const char *public_key,
                         gint64 reg_time_ms) {
  Instance *instance = g_atomic_rc_box_new0(Instance);
  instance->id = g_strdup(id);
  instance->app_id = g_strdup(app_id);
  instance->ip = ip;
  instance->public_key = g_strdup(public_key);
  instance->reg_time_ms = reg_time_ms;
  g_tree_replace(registry->instances, instance->id, instance);
  return instance;
}

static guint32 register_locked(Registry *registry, const char *instance_id, const char *app_id, const char *public_key,
                               gboolean *changed, GError **error) {
  if (!check_request(registry, instance_id, app_id, public_key, error))
    return 0;
  const Instance *known = g_tree_lookup(registry->instances, instance_id);
  gboolean keep_ip = known && ipv4_plan_valid(&registry->plan, known->ip);
  *changed = !keep_ip || strcmp(known->public_key, public_key) != 0;
  if (!*changed)
    return known->ip;
  guint32 ip = keep_ip ? known->ip : ipv4_plan_allocate(&registry->plan, ip_taken, registry);
  if (ip == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE,
                "failed to allocate ip address for client: no address is free");
    return 0;
  }
  g_autofree char *old_key = known ? g_strdup(known->public_key) : NULL;
  guint32 old_ip = known ? known->ip : 0;
  gint64 now_ms = g_get_real_time() / 1000;
  replace(registry, instance_id, app_id, ip, public_key, now_ms);
  if (save(registry, error))
    return ip;
  /* What is not on disk must not be promised: a restart would forget the address. */
  if (old_key)
    replace(registry, instance_id, app_id, old_ip, old_key, now_ms);
  else
    g_tree_remove(registry->instances, instance_id);
  g_prefix_error(error, "failed to save state: ");
  return 0;
}

guint32 registry_register(Registry *registry, const char *instance_id, const char *app_id, const char *public_key,
                          gboolean *changed, GError **error) {
  g_mutex_lock(&registry->lock);
  guint32 ip = register_locked(registry, instance_id, app_id, public_key, changed, error);
  g_mutex_unlock(&registry->lock);
  return ip;
}

typedef struct {
  const char *app_id;
  GPtrArray *found;
} AppSearch;

static gboolean collect_app(gpointer key, gpointer value, gpointer user_data) {
  (void)key;
  AppSearch *search = user_data;
  if (strcmp(((Instance *)value)->app_id, search->app_id) == 0)
    g_ptr_array_add(search->found, value);
  return FALSE;
}

static gint by_freshness(gconstpointer a, gconstpointer b) {
  const Instance *x = *(Instance *const *)a, *y = *(Instance *const *)b;
  return x->last_seen_ms == y->last_seen_ms ? 0 : x->last_seen_ms > y->last_seen_ms ? -1 : 1;
}

/* Keeps one of those with a recent handshake, or none. */
static void keep_one_fresh(GPtrArray *found) {
  gint64 oldest_ms = g_get_real_time() / 1000 - FRESH_HANDSHAKE_MS;
  guint fresh = 0;
  while (fresh < found->len && ((Instance *)found->pdata[fresh])->last_seen_ms > oldest_ms)
    fresh++;
  if (fresh > 0)
    found->pdata[0] = found->pdata[g_random_int_range(0, (gint)fresh)];
  g_ptr_array_set_size(found, fresh > 0);
}

guint registry_select(Registry *registry, const char *id, guint top_n, RegistryTarget targets[REGISTRY_MAX_TARGETS]) {
  guint limit = CLAMP(top_n, 1, REGISTRY_MAX_TARGETS), n = 0;
  g_mutex_lock(&registry->lock);
  g_autoptr(GPtrArray) found = g_ptr_array_new();
  Instance *exact = g_tree_lookup(registry->instances, id);
  if (exact)
    g_ptr_array_add(found, exact);
  else
    g_tree_foreach(registry->instances, collect_app, &(AppSearch){id, found});
  g_ptr_array_sort(found, by_freshness);
  if (top_n == 0 && !exact)
    keep_one_fresh(found);
  for (; n < found->len && n < limit; n++) {
    Instance *instance = g_atomic_rc_box_acquire(found->pdata[n]);
    targets[n] = (RegistryTarget){instance->ip, instance};
  }
  g_mutex_unlock(&registry->lock);
  return n;
}

void registry_release_target(RegistryTarget *target) {
  if (target->instance)
    g_atomic_rc_box_release_full(target->instance, instance_clear);
  target->instance = NULL;
}

typedef struct {
  void (*visit)(const Instance *instance, gpointer user_data);
  gpointer user_data;
} Visit;

static gboolean visit_one(gpointer key, gpointer value, gpointer user_data) {
  (void)key;
  Visit *visit = user_data;
  visit->visit(value, visit->user_data);
  return FALSE;
}

void registry_foreach(Registry *registry, void (*visit)(const Instance *instance, gpointer user_data),
                      gpointer user_data) {
  g_mutex_lock(&registry->lock);
  g_tree_foreach(registry->instances, visit_one, &(Visit){visit, user_data});
  g_mutex_unlock(&registry->lock);
}

guint registry_size(Registry *registry) {
  g_mutex_lock(&registry->lock);
  guint size = (guint)g_tree_nnodes(registry->instances);
  g_mutex_unlock(&registry->lock);
  return size;
}

static gboolean update_seen(gpointer key, gpointer value, gpointer user_data) {
  (void)key;
  Instance *instance = value;
  const gint64 *seconds = g_hash_table_lookup(user_data, instance->public_key);
  if (seconds && *seconds > 0)
    instance->last_seen_ms = *seconds * 1000;
  return FALSE;
}

void registry_set_handshakes(Registry *registry, GHashTable *handshakes) {
  g_mutex_lock(&registry->lock);
  g_tree_foreach(registry->instances, update_seen, handshakes);
  g_mutex_unlock(&registry->lock);
}

typedef struct {
  gint64 before_ms;
  GPtrArray *ids;
} StaleSearch;

static gboolean collect_stale(gpointer key, gpointer value, gpointer user_data) {
  StaleSearch *search = user_data;
  const Instance *instance = value;
  if (instance->reg_time_ms < search->before_ms && instance->last_seen_ms < search->before_ms)
    g_ptr_array_add(search->ids, g_strdup(key));
  return FALSE;
}

gboolean registry_recycle(Registry *registry, guint64 timeout_ms) {
  g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
  gint64 before_ms = g_get_real_time() / 1000 - (gint64)MIN(timeout_ms, (guint64)G_MAXINT64 / 2);
  g_autoptr(GError) error = NULL;
  g_mutex_lock(&registry->lock);
  g_tree_foreach(registry->instances, collect_stale, &(StaleSearch){before_ms, ids});
  for (guint i = 0; i < ids->len; i++)
    g_tree_remove(registry->instances, ids->pdata[i]);
  gboolean saved = ids->len == 0 || save(registry, &error);
  g_mutex_unlock(&registry->lock);
  if (!saved)
    log_error("failed to save state after recycling: %s", error->message);
  for (guint i = 0; i < ids->len; i++)
    log_info("recycled instance %s", (const char *)ids->pdata[i]);
  return ids->len > 0;
}
