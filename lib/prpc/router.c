#include "prpc/router.h"

#include "prpc/dispatch.h"

#include <string.h>

typedef struct {
  char *path; /* "" or "/prpc" */
  PrpcService *service;
} PrpcMount;

static void mount_free(gpointer data) {
  PrpcMount *mount = data;
  g_free(mount->path);
  prpc_service_free(mount->service);
  g_free(mount);
}

static void route_free(gpointer data) {
  PrpcRouteEntry *route = data;
  g_free(route->path);
  g_strfreev(route->methods);
  g_free(route);
}

PrpcRouter *prpc_router_new(const char *server_ident) {
  PrpcRouter *router = g_new0(PrpcRouter, 1);
  router->ident = g_strdup(server_ident);
  router->headers = g_ptr_array_new_with_free_func(g_free);
  router->mounts = g_ptr_array_new_with_free_func(mount_free);
  router->routes = g_ptr_array_new_with_free_func(route_free);
  return router;
}

void prpc_router_free(PrpcRouter *router) {
  if (!router)
    return;
  g_free(router->ident);
  g_ptr_array_unref(router->headers);
  g_ptr_array_unref(router->mounts);
  g_ptr_array_unref(router->routes);
  g_free(router);
}

void prpc_router_mount(PrpcRouter *router, const char *mount, PrpcService *service) {
  PrpcMount *entry = g_new0(PrpcMount, 1);
  entry->path = g_strdup(strcmp(mount, "/") == 0 ? "" : mount);
  entry->service = service;
  g_ptr_array_add(router->mounts, entry);
}

void prpc_router_route(PrpcRouter *router, const char *methods, const char *path, gsize max_body, PrpcRoute route,
                       gpointer user_data) {
  PrpcRouteEntry *entry = g_new0(PrpcRouteEntry, 1);
  entry->is_prefix = g_str_has_suffix(path, "*");
  entry->path = g_strndup(path, strlen(path) - (entry->is_prefix ? 1 : 0));
  entry->methods = g_strsplit(methods, ",", -1);
  entry->max_body = max_body;
  entry->run = route;
  entry->user_data = user_data;
  g_ptr_array_add(router->routes, entry);
}

void prpc_router_filter(PrpcRouter *router, PrpcFilter filter, gpointer user_data) {
  router->filter = filter;
  router->filter_data = user_data;
}

void prpc_router_observe(PrpcRouter *router, PrpcObserver observer, gpointer user_data) {
  router->observer = observer;
  router->observer_data = user_data;
}

void prpc_router_header(PrpcRouter *router, const char *header) { g_ptr_array_add(router->headers, g_strdup(header)); }

/* HEAD is run as GET. */
static gboolean verb_matches(const PrpcRouteEntry *route, const char *verb) {
  const char *const *methods = (const char *const *)route->methods;
  return g_strv_contains(methods, verb) || (strcmp(verb, "HEAD") == 0 && g_strv_contains(methods, "GET"));
}

static gboolean path_matches(const PrpcRouteEntry *route, const char *path) {
  return route->is_prefix ? g_str_has_prefix(path, route->path) : strcmp(path, route->path) == 0;
}

static const PrpcRouteEntry *find_route(const PrpcRouter *router, const char *verb, const char *path, gboolean prefix) {
  const PrpcRouteEntry *best = NULL;
  for (guint i = 0; i < router->routes->len; i++) {
    const PrpcRouteEntry *route = router->routes->pdata[i];
    if (route->is_prefix == prefix && path_matches(route, path) && verb_matches(route, verb) &&
        (!best || strlen(route->path) > strlen(best->path)))
      best = route;
  }
  return best;
}

/* Exactly one segment after the mount is a method. */
static gboolean find_method(const PrpcRouter *router, const char *verb, const char *path, PrpcTarget *target) {
  if (strcmp(verb, "GET") != 0 && strcmp(verb, "POST") != 0 && strcmp(verb, "HEAD") != 0)
    return FALSE;
  for (guint i = 0; i < router->mounts->len; i++) {
    const PrpcMount *mount = router->mounts->pdata[i];
    gsize len = strlen(mount->path);
    if (strncmp(path, mount->path, len) != 0 || path[len] != '/' || strchr(path + len + 1, '/'))
      continue;
    const char *method = path + len + 1;
    if (!*method) {
      target->status = 422;
      continue;
    }
    target->service = mount->service;
    target->method = prpc_service_trim(mount->service, method);
    target->max_body = prpc_service_max_body(mount->service, target->method);
    return TRUE;
  }
  return FALSE;
}

PrpcTarget prpc_router_resolve(const PrpcRouter *router, const char *verb, const char *path) {
  PrpcTarget target = {.status = 404, .route = find_route(router, verb, path, FALSE)};
  if (!target.route && !find_method(router, verb, path, &target))
    target.route = find_route(router, verb, path, TRUE);
  if (target.route)
    target.max_body = target.route->max_body;
  return target;
}
