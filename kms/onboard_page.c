#include "kms/onboard_page.h"

#include <string.h>

typedef struct {
  const char *path, *type;
  const unsigned char *data;
  const unsigned long *size;
} PageFile;

static const PageFile files[] = {
    {"/", "text/html; charset=utf-8", page_onboard_html, &page_onboard_html_size},
    {"/onboard.js", "text/javascript; charset=utf-8", page_onboard_js, &page_onboard_js_size},
    {"/onboard.css", "text/css; charset=utf-8", page_onboard_css, &page_onboard_css_size},
};

/* Own files only, nothing inline, in nobody's frame. */
static const char *const guards[] = {
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "Referrer-Policy: no-referrer",
    "Cache-Control: no-store",
    NULL};

static void answer(PrpcHttpRequest *request, gpointer user_data) {
  const PageFile *file = user_data;
  prpc_http_reply(request, 200, file->type, file->data, *file->size, guards);
}

void onboard_page_routes(PrpcRouter *router) {
  for (guint i = 0; i < G_N_ELEMENTS(files); i++)
    prpc_router_route(router, "GET", files[i].path, 0, answer, (gpointer)&files[i]);
}

gboolean onboard_page_has(const char *path) {
  for (guint i = 0; i < G_N_ELEMENTS(files); i++)
    if (strcmp(files[i].path, path) == 0)
      return TRUE;
  return FALSE;
}
