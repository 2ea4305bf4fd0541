/* Inside lib/prpc: a strict HTTP/1.1 codec over memory (RFC 9110, 9112), without any I/O.
 *
 * Everything that two parsers could read in two ways is refused: bare LF, folded lines, white space before a colon,
 * both Content-Length and Transfer-Encoding, codings other than a single "chunked". */
#pragma once

#include <glib.h>

#define HTTP1_MAX_LINE 16384 /* request line, bytes */
#define HTTP1_MAX_HEAD 65536 /* request line and headers, bytes */
#define HTTP1_MAX_HEADERS 100
#define HTTP1_MAX_TRAILERS 8192 /* after the last chunk, bytes */

typedef struct {
  char *name; /* lower case */
  char *value;
} Http1Header;

typedef struct {
  char *method, *target; /* of a request */
  int status;            /* of an answer */
  guint minor;           /* HTTP/1.<minor>: 0 or 1 */
  GArray *headers;       /* of Http1Header */
  gboolean keep_alive, expect_continue, chunked;
  gboolean has_length;
  guint64 content_length; /* 0 when absent */
} Http1Head;

/* The length of the head that `data` begins with, including its empty line; 0 when more bytes are needed, -1 when it is
 * over a limit. *scanned remembers what was looked at; 0 at first. Empty lines before the head count as part of it. */
gssize http1_head_length(const char *data, gsize len, gsize *scanned);
/* Parses a complete head of `len` bytes. NULL: *status gets the HTTP status to answer (400, 414, 431, 501, 505). */
Http1Head *http1_head_parse(const char *data, gsize len, int *status);
/* The same for an answer's head. NULL when it is malformed. */
Http1Head *http1_answer_parse(const char *data, gsize len);
void http1_head_free(Http1Head *head);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Http1Head, http1_head_free)
/* The first header of that lower-case name, or NULL. */
const char *http1_header(const Http1Head *head, const char *name);
gboolean http1_head_has_body(const Http1Head *head);

typedef enum { HTTP1_BODY_MORE, HTTP1_BODY_DONE, HTTP1_BODY_TOO_LARGE, HTTP1_BODY_MALFORMED } Http1BodyStatus;

/* Reads a body of either framing, of at most `max` bytes. */
typedef struct {
  guint8 state;
  gboolean chunked;
  guint64 left; /* bytes left of the chunk, or of the whole body */
  gsize max;
  guint line_len; /* of the chunk-size line, or of all trailers */
  guint size_digits;
  GByteArray *content;
} Http1Body;

void http1_body_init(Http1Body *body, const Http1Head *head, gsize max);
/* Consumes some of `data`; *used gets how much. To be called again with the rest while it says MORE. */
Http1BodyStatus http1_body_feed(Http1Body *body, const guint8 *data, gsize len, gsize *used);
/* The content, which `body` gives up. */
GBytes *http1_body_take(Http1Body *body);
void http1_body_clear(Http1Body *body);

/* The reason phrase of a status. */
const char *http1_reason(int status);
