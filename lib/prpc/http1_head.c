#include "prpc/http1.h"

#include <string.h>

static void header_clear(gpointer data) {
  Http1Header *header = data;
  g_free(header->name);
  g_free(header->value);
}

void http1_head_free(Http1Head *head) {
  if (!head)
    return;
  g_free(head->method);
  g_free(head->target);
  g_clear_pointer(&head->headers, g_array_unref);
  g_free(head);
}

const char *http1_header(const Http1Head *head, const char *name) {
  for (guint i = 0; i < head->headers->len; i++) {
    const Http1Header *header = &g_array_index(head->headers, Http1Header, i);
    if (strcmp(header->name, name) == 0)
      return header->value;
  }
  return NULL;
}

gboolean http1_head_has_body(const Http1Head *head) { return head->chunked || head->content_length > 0; }

static gsize empty_lines(const char *data, gsize len) {
  gsize skip = 0;
  while (len - skip >= 2 && data[skip] == '\r' && data[skip + 1] == '\n')
    skip += 2;
  return skip;
}

gssize http1_head_length(const char *data, gsize len, gsize *scanned) {
  gsize from = MAX(*scanned, empty_lines(data, len));
  from = from > 3 ? from - 3 : 0; /* the end may lie across the boundary */
  from = MAX(from, empty_lines(data, len));
  const char *end = from < len ? memmem(data + from, len - from, "\r\n\r\n", 4) : NULL;
  *scanned = len;
  gsize size = end ? (gsize)(end - data) + 4 : len;
  if (size > HTTP1_MAX_HEAD)
    return -1;
  return end ? (gssize)size : 0;
}

static gboolean is_token_char(char c) { return g_ascii_isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c)); }

static gboolean is_token(const char *text, gsize len) {
  for (gsize i = 0; i < len; i++)
    if (!is_token_char(text[i]))
      return FALSE;
  return len > 0;
}

static gboolean is_visible_ascii(const char *text, gsize len) {
  for (gsize i = 0; i < len; i++)
    if (text[i] <= 0x20 || text[i] >= 0x7f)
      return FALSE;
  return len > 0;
}

/* "METHOD SP target SP HTTP/1.x". Returns the status, 0 when well. */
static int parse_request_line(Http1Head *head, const char *line, gsize len) {
  if (len > HTTP1_MAX_LINE)
    return 414;
  const char *end = line + len;
  const char *space = memchr(line, ' ', len);
  const char *last = memrchr(line, ' ', len);
  if (!space || last == space || !is_token(line, (gsize)(space - line)))
    return 400;
  if (!is_visible_ascii(space + 1, (gsize)(last - space - 1)))
    return 400;
  const char *version = last + 1;
  if (end - version != 8 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.')
    return 400;
  if (version[5] != '1' || (version[7] != '0' && version[7] != '1'))
    return 505;
  head->method = g_strndup(line, (gsize)(space - line));
  head->target = g_strndup(space + 1, (gsize)(last - space - 1));
  head->minor = (guint)(version[7] - '0');
  return 0;
}

static gboolean is_field_value(const char *text, gsize len) {
  for (gsize i = 0; i < len; i++)
    if (((guchar)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
      return FALSE;
  return TRUE;
}

/* "Name: value". No white space around the name, so that folded lines fail too. */
static int parse_header_line(Http1Head *head, const char *line, gsize len) {
  const char *colon = memchr(line, ':', len);
  if (!colon || !is_token(line, (gsize)(colon - line)))
    return 400;
  const char *value = colon + 1, *end = line + len;
  while (value < end && (*value == ' ' || *value == '\t'))
    value++;
  while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  if (!is_field_value(value, (gsize)(end - value)))
    return 400;
  if (head->headers->len == HTTP1_MAX_HEADERS)
    return 431;
  Http1Header header = {g_ascii_strdown(line, colon - line), g_strndup(value, (gsize)(end - value))};
  g_array_append_val(head->headers, header);
  return 0;
}

/* Headers that decide how the request is read may come twice only with one meaning. */
static gboolean is_unambiguous(const Http1Head *head, const char *name) {
  const char *first = http1_header(head, name);
  for (guint i = 0; first && i < head->headers->len; i++) {
    const Http1Header *header = &g_array_index(head->headers, Http1Header, i);
    if (strcmp(header->name, name) == 0 && strcmp(header->value, first) != 0)
      return FALSE;
  }
  return TRUE;
}

static gboolean is_given_once(const Http1Head *head, const char *name) {
  guint count = 0;
  for (guint i = 0; i < head->headers->len; i++)
    count += strcmp(g_array_index(head->headers, Http1Header, i).name, name) == 0;
  return count <= 1;
}

static int parse_content_length(Http1Head *head, const char *text) {
  gsize len = strlen(text);
  if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
    return 400;
  head->content_length = g_ascii_strtoull(text, NULL, 10);
  return 0;
}

static int parse_framing(Http1Head *head) {
  const char *length = http1_header(head, "content-length");
  const char *coding = http1_header(head, "transfer-encoding");
  if (!is_unambiguous(head, "content-length") || !is_unambiguous(head, "content-type") || !is_given_once(head, "host"))
    return 400;
  head->has_length = length != NULL;
  if (!coding)
    return length ? parse_content_length(head, length) : 0;
  if (length || head->minor == 0 || !is_given_once(head, "transfer-encoding"))
    return 400;
  head->chunked = g_ascii_strcasecmp(coding, "chunked") == 0;
  return head->chunked ? 0 : 501;
}

static gboolean has_list_item(const char *list, const char *item) {
  g_auto(GStrv) items = g_strsplit(list ? list : "", ",", HTTP1_MAX_HEADERS);
  for (char **at = items; *at; at++)
    if (g_ascii_strcasecmp(g_strstrip(*at), item) == 0)
      return TRUE;
  return FALSE;
}

static void parse_connection(Http1Head *head) {
  const char *connection = http1_header(head, "connection");
  head->keep_alive = head->minor == 1 ? !has_list_item(connection, "close") : has_list_item(connection, "keep-alive");
  const char *expect = http1_header(head, "expect");
  head->expect_continue = expect && head->minor == 1 && g_ascii_strcasecmp(expect, "100-continue") == 0;
}

/* "HTTP/1.x SP 200[ SP reason]". Returns 0 when well. */
static int parse_status_line(Http1Head *head, const char *line, gsize len) {
  if (len < 12 || len > HTTP1_MAX_LINE || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1'))
    return 400;
  if (line[8] != ' ' || (len > 12 && line[12] != ' ') || !is_field_value(line, len))
    return 400;
  for (int i = 9; i < 12; i++)
    if (!g_ascii_isdigit(line[i]))
      return 400;
  head->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  head->minor = (guint)(line[7] - '0');
  return 0;
}

typedef int (*LineParser)(Http1Head *head, const char *line, gsize len);

static int parse_lines(Http1Head *head, LineParser parse_first, const char *data, gsize len) {
  const char *line = data, *end = data + len - 2; /* without the final empty line */
  for (LineParser parse = parse_first; line < end; parse = parse_header_line) {
    const char *stop = memmem(line, (gsize)(end - line), "\r\n", 2);
    int status = parse(head, line, (gsize)(stop - line));
    if (status)
      return status;
    line = stop + 2;
  }
  return parse_framing(head);
}

static Http1Head *parse_head(LineParser parse_first, const char *data, gsize len, int *status) {
  gsize skip = empty_lines(data, len);
  *status = 400;
  if (len - skip < 4 || memcmp(data + len - 4, "\r\n\r\n", 4) != 0)
    return NULL;
  g_autoptr(Http1Head) head = g_new0(Http1Head, 1);
  head->headers = g_array_new(FALSE, FALSE, sizeof(Http1Header));
  g_array_set_clear_func(head->headers, header_clear);
  *status = parse_lines(head, parse_first, data + skip, len - skip);
  if (*status)
    return NULL;
  parse_connection(head);
  return g_steal_pointer(&head);
}

Http1Head *http1_head_parse(const char *data, gsize len, int *status) {
  return parse_head(parse_request_line, data, len, status);
}

Http1Head *http1_answer_parse(const char *data, gsize len) {
  int status;
  return parse_head(parse_status_line, data, len, &status);
}
