/* A download server that does what its path says: answers well, lies, hangs, or never stops. */
#pragma once

#include <glib.h>

typedef enum {
  SERVE_GOOD, /* the archive */
  SERVE_404,
  SERVE_HANG,      /* takes the request and says nothing */
  SERVE_TRICKLE,   /* the headers, then a byte now and then */
  SERVE_CUT,       /* half of what it announced, then closes */
  SERVE_ENDLESS,   /* no length, and no end */
  SERVE_ANNOUNCES, /* says it has 10 GiB */
  SERVE_REDIRECT,  /* to itself, good then */
  SERVE_LOOP,      /* redirects for ever */
  SERVE_FILE_URL,  /* redirects to a file of this machine */
} ServeMode;

typedef struct Double Double;
Double *double_new(void);
void double_free(Double *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Double, double_free)
/* "http://127.0.0.1:PORT/{OS_IMAGE_HASH}.tar.gz" */
const char *double_url(const Double *server);
void double_serve(Double *server, ServeMode mode, GBytes *body);
guint double_requests(Double *server);
/* The path last asked for. */
char *double_last_path(Double *server);
