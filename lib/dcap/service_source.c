/* Collateral from a service, remembered in memory and on disk for as long as it says it is good. */
#include "dcap/disk_cache.h"
#include "dcap/failure.h"
#include "dcap/flight.h"
#include "dcap/source_internal.h"

#include "base/error.h"
#include "base/log.h"

#define MAX_ENTRIES 64
#define REFRESH_AFTER_S (24 * 60 * 60)
#define FIRST_RETRY_US (2 * G_USEC_PER_SEC)
#define MAX_RETRY_US (10 * 60 * G_USEC_PER_SEC)
#define MAX_RETRY_WITHOUT_US (30 * G_USEC_PER_SEC) /* nothing works meanwhile */
#define MAX_DOUBLINGS 16
#define LOOKUP_UNDER_WAY "a pck certificate is being looked up: try again"

/* One platform model. */
typedef struct {
  char *key;
  DcapCollateral *collateral;     /* NULL: none yet */
  gint64 from, until, refresh_at; /* Unix seconds, of `collateral` */
  gboolean in_flight;             /* somebody fetches; the entry stays where it is meanwhile */
  guint n_waiting;                /* for that; it stays for them, too */
  guint n_failures;               /* in a row */
  gint64 retry_at;                /* monotonic microseconds; not asked again before */
  DcapFailure failure;            /* of the last attempt, with `error`; NULL: it succeeded */
  GError *error;
} Entry;

typedef struct {
  DcapCollateralSource base;
  DcapFlightPlan plan;
  gint cancelled; /* atomic */
  GMutex lock;    /* guards what follows; never held while fetching or verifying */
  GCond changed;
  GHashTable *entries; /* key, inside the value -> Entry* */
  guint n_refreshes;   /* threads under way */
  /* Anybody can make up a quote without its PCK certificate, and only the service can tell: one is asked about at a
   * time, and after a failure all of them pause. */
  const Entry *looking_up;
  guint n_lookup_failures; /* in a row */
  gint64 lookup_at;        /* monotonic microseconds; not before */
} ServiceSource;

static void entry_free(gpointer data) {
  Entry *entry = data;
  g_clear_pointer(&entry->collateral, dcap_collateral_unref);
  g_clear_error(&entry->error);
  g_free(entry->key);
  g_free(entry);
}

/* Makes room: entries without collateral go first, then those that end soonest. FALSE: all are in flight. */
static gboolean evict_one(ServiceSource *self) {
  GHashTableIter iter;
  gpointer value;
  Entry *worst = NULL;
  g_hash_table_iter_init(&iter, self->entries);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    Entry *entry = value;
    if (!entry->in_flight && entry->n_waiting == 0 && (!worst || entry->until < worst->until))
      worst = entry;
  }
  return worst && g_hash_table_remove(self->entries, worst->key);
}

static Entry *ensure_entry(ServiceSource *self, const char *key) {
  Entry *entry = g_hash_table_lookup(self->entries, key);
  if (entry)
    return entry;
  if (g_hash_table_size(self->entries) >= MAX_ENTRIES && !evict_one(self))
    return NULL;
  entry = g_new0(Entry, 1);
  entry->key = g_strdup(key);
  entry->until = G_MININT64;
  g_hash_table_insert(self->entries, entry->key, entry);
  return entry;
}

static gboolean is_current(const Entry *entry, gint64 now) {
  return entry->collateral && entry->from <= now && now <= entry->until;
}

static gint64 pause_after(guint n_failures, gint64 longest) {
  return MIN((gint64)FIRST_RETRY_US << MIN(n_failures, MAX_DOUBLINGS), longest);
}

static void settle_failure(Entry *entry, const DcapFlight *flight, gint64 now) {
  if (flight->nobody_asked)
    return;
  log_warn("collateral %s: %s%s", entry->key, flight->error->message,
           is_current(entry, now) ? "; what is there stays in use" : "");
  gint64 longest = is_current(entry, now) ? MAX_RETRY_US : MAX_RETRY_WITHOUT_US;
  entry->retry_at = g_get_monotonic_time() + pause_after(entry->n_failures++, longest);
  g_clear_error(&entry->error);
  entry->error = g_error_copy(flight->error);
  entry->failure = flight->failure;
}

static void settle_success(Entry *entry, DcapFlight *flight, gint64 now) {
  gint64 from, until;
  entry->n_failures = 0;
  entry->retry_at = 0;
  g_clear_error(&entry->error);
  dcap_collateral_window(flight->collateral, &from, &until);
  entry->refresh_at = flight->obtained + MIN(REFRESH_AFTER_S, (until - flight->obtained) / 2);
  if (is_current(entry, now) && until < entry->until)
    return; /* the service went back: keep the newer one */
  g_clear_pointer(&entry->collateral, dcap_collateral_unref);
  entry->collateral = g_steal_pointer(&flight->collateral);
  entry->from = from;
  entry->until = until;
}

static void settle(ServiceSource *self, Entry *entry, DcapFlight *flight, gint64 now) {
  if (flight->collateral)
    settle_success(entry, flight, now);
  else
    settle_failure(entry, flight, now);
  entry->in_flight = FALSE;
  g_cond_broadcast(&self->changed);
}

/* A refresh in the background, on a copy of what it was started for. */
typedef struct {
  ServiceSource *self;
  Entry *entry;
  DcapCollateral *known;
  Quote *quote;
  X509 *root;
  gint64 now;
} Refresh;

static void refresh_free(Refresh *refresh) {
  dcap_collateral_unref(refresh->known);
  quote_free(refresh->quote);
  X509_free(refresh->root);
  g_free(refresh);
}

static gpointer run_refresh(gpointer data) {
  Refresh *refresh = data;
  ServiceSource *self = refresh->self;
  const DcapOptions options = {.root = refresh->root, .now = refresh->now};
  g_auto(DcapFlight) flight = {0};
  dcap_flight_fetch(&self->plan, refresh->entry->key, refresh->quote, &options, refresh->known, &flight);
  g_mutex_lock(&self->lock);
  settle(self, refresh->entry, &flight, refresh->now);
  self->n_refreshes--;
  g_mutex_unlock(&self->lock);
  refresh_free(refresh);
  return NULL;
}

/* Under the lock. */
static void start_refresh(ServiceSource *self, Entry *entry, const Quote *quote, const DcapOptions *options) {
  Refresh *refresh = g_new0(Refresh, 1);
  *refresh = (Refresh){.self = self,
                       .entry = entry,
                       .known = dcap_collateral_ref(entry->collateral),
                       .quote = quote_parse(quote->raw, NULL),
                       .root = options->root,
                       .now = options->now};
  if (refresh->root)
    X509_up_ref(refresh->root);
  g_autoptr(GError) error = NULL;
  GThread *thread = refresh->quote ? g_thread_try_new("collateral", run_refresh, refresh, &error) : NULL;
  if (thread) {
    entry->in_flight = TRUE;
    self->n_refreshes++;
    g_thread_unref(thread);
    return;
  }
  refresh_free(refresh);
}

/* Under the lock. */
static gboolean begin_lookup(ServiceSource *self, const Entry *entry, DcapFlight *flight) {
  gboolean paused = g_get_monotonic_time() < self->lookup_at;
  if (self->looking_up || paused) {
    flight->nobody_asked = TRUE;
    flight->failure = dcap_fail(&flight->error, DCAP_COLLATERAL_FETCH, "%s",
                                paused ? "a pck certificate could not be looked up a moment ago" : LOOKUP_UNDER_WAY);
    return FALSE;
  }
  self->looking_up = entry;
  g_cond_broadcast(&self->changed); /* nobody shall wait for it */
  return TRUE;
}

/* Under the lock. */
static void end_lookup(ServiceSource *self, const DcapFlight *flight) {
  self->looking_up = NULL;
  if (flight->collateral)
    self->n_lookup_failures = 0;
  else
    self->lookup_at = g_get_monotonic_time() + pause_after(self->n_lookup_failures++, MAX_RETRY_WITHOUT_US);
}

/* Under the lock, which is released while it loads and fetches. */
static void load_or_fetch(ServiceSource *self, const Entry *entry, const Quote *quote, const DcapOptions *options,
                          DcapFlight *flight) {
  g_mutex_unlock(&self->lock);
  gboolean done = dcap_flight_load(&self->plan, entry->key, quote, options, flight);
  g_mutex_lock(&self->lock);
  gboolean needs_lookup = dcap_flight_needs_lookup(quote);
  if (done || (needs_lookup && !begin_lookup(self, entry, flight)))
    return;
  g_mutex_unlock(&self->lock);
  dcap_flight_fetch(&self->plan, entry->key, quote, options, NULL, flight);
  g_mutex_lock(&self->lock);
  if (needs_lookup)
    end_lookup(self, flight);
}

/* Under the lock, which is released meanwhile. */
static DcapCollateral *fly(ServiceSource *self, Entry *entry, const Quote *quote, const DcapOptions *options,
                           DcapFailure *failure, GError **error) {
  g_auto(DcapFlight) flight = {0};
  entry->in_flight = TRUE;
  load_or_fetch(self, entry, quote, options, &flight);
  settle(self, entry, &flight, options->now);
  if (!flight.error)
    return dcap_collateral_ref(entry->collateral);
  *failure = flight.failure;
  g_propagate_error(error, g_steal_pointer(&flight.error));
  return NULL;
}

/* Under the lock. */
static DcapCollateral *get_entry(ServiceSource *self, Entry *entry, const Quote *quote, const DcapOptions *options,
                                 DcapFailure *failure, GError **error) {
  entry->n_waiting++;
  while (entry->in_flight && !is_current(entry, options->now) && self->looking_up != entry)
    g_cond_wait(&self->changed, &self->lock);
  entry->n_waiting--;
  gboolean may_ask = !entry->in_flight && g_get_monotonic_time() >= entry->retry_at;
  if (is_current(entry, options->now)) {
    if (may_ask && options->now >= entry->refresh_at)
      start_refresh(self, entry, quote, options);
    return dcap_collateral_ref(entry->collateral);
  }
  if (self->looking_up == entry) {
    *failure = dcap_fail(error, DCAP_COLLATERAL_FETCH, LOOKUP_UNDER_WAY);
    return NULL;
  }
  if (may_ask || !entry->error)
    return fly(self, entry, quote, options, failure, error);
  *failure = entry->failure;
  g_propagate_error(error, g_error_copy(entry->error));
  return NULL;
}

static DcapCollateral *service_get(DcapCollateralSource *source, const Quote *quote, const DcapOptions *options,
                                   DcapFailure *failure, GError **error) {
  ServiceSource *self = (ServiceSource *)source;
  g_autofree char *key = dcap_flight_key(&self->plan, quote, failure, error);
  if (!key)
    return NULL;
  g_mutex_lock(&self->lock);
  Entry *entry = ensure_entry(self, key);
  DcapCollateral *collateral = NULL;
  if (entry)
    collateral = get_entry(self, entry, quote, options, failure, error);
  else
    *failure = dcap_fail(error, DCAP_COLLATERAL_FETCH, "%d other platform models are being asked about", MAX_ENTRIES);
  g_mutex_unlock(&self->lock);
  return collateral;
}

static void service_free(DcapCollateralSource *source) {
  ServiceSource *self = (ServiceSource *)source;
  g_atomic_int_set(&self->cancelled, TRUE);
  g_mutex_lock(&self->lock);
  while (self->n_refreshes > 0)
    g_cond_wait(&self->changed, &self->lock);
  g_mutex_unlock(&self->lock);
  g_hash_table_unref(self->entries);
  dcap_flight_plan_clear(&self->plan);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->changed);
  g_free(self);
}

static const DcapSourceOps service_ops = {service_get, service_free};

DcapCollateralSource *dcap_collateral_source_service(const DcapServiceOptions *options, GError **error) {
  ServiceSource *self = g_new0(ServiceSource, 1);
  self->base.ops = &service_ops;
  g_atomic_ref_count_init(&self->base.refs);
  g_mutex_init(&self->lock);
  g_cond_init(&self->changed);
  self->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
  g_autoptr(DcapCollateralSource) source = &self->base;
  return dcap_flight_plan_init(&self->plan, options, &self->cancelled, error) ? g_steal_pointer(&source) : NULL;
}
