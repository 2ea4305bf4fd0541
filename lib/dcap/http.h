/* Asking a collateral service: a few GET requests over one connection, bounded in size and time. */
#pragma once

#include <glib.h>

#define DCAP_HTTP_MAX_BODY (1024 * 1024)
#define DCAP_HTTP_MAX_HEADER (64 * 1024)
#define DCAP_HTTP_MAX_HEADERS 64
#define DCAP_HTTP_MAX_URL (16 * 1024)

typedef struct DcapHttp DcapHttp;
/* All requests together take at most `timeout_ms`; *cancelled (atomic) set to TRUE ends them within a second. The
 * server's certificate is checked unless `insecure_tls`. */
DcapHttp *dcap_http_new(guint timeout_ms, gboolean insecure_tls, const gint *cancelled);
void dcap_http_free(DcapHttp *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DcapHttp, dcap_http_free)

typedef struct {
  GBytes *body;
  GHashTable *headers; /* lower-case name -> value, the last one of a name */
} DcapHttpReply;
void dcap_http_reply_clear(DcapHttpReply *reply);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DcapHttpReply, dcap_http_reply_clear)

/* Only http and https, no redirects; a status outside 2xx is an error. Errors (text "<host and path>: ..."):
 * UNAVAILABLE, TIMEOUT, TOO_LARGE, and NOT_FOUND for status 404. */
gboolean dcap_http_get(DcapHttp *http, const char *url, DcapHttpReply *out, GError **error);
