#include "prpc/page.h"

#include "prpc/http1.h"

#include <string.h>

static const char *describe(int status) {
  switch (status) {
  case 400:
    return "The request could not be understood.";
  case 404:
    return "The requested resource could not be found.";
  case 413:
    return "The request is larger than the server accepts.";
  case 422:
    return "The request was well-formed but names nothing that can be done.";
  case 503:
    return "The server is busy. Try again later.";
  default:
    return "The server failed to answer the request.";
  }
}

/* One item of an Accept header: its media type and quality in thousandths. */
static guint parse_accept_item(char *item, char **type) {
  guint quality = 1000;
  g_auto(GStrv) parameters = g_strsplit(item, ";", 16);
  for (guint i = 1; parameters[0] && parameters[i]; i++) {
    const char *parameter = g_strstrip(parameters[i]);
    double value = g_str_has_prefix(parameter, "q=") ? g_ascii_strtod(parameter + 2, NULL) : 1;
    if (value >= 0 && value < 1) /* false for NaN too */
      quality = (guint)(value * 1000);
  }
  *type = g_strdup(parameters[0] ? g_strstrip(parameters[0]) : "");
  return quality;
}

static gboolean prefers_json(const char *accept) {
  g_auto(GStrv) items = g_strsplit(accept ? accept : "", ",", 64);
  guint best = 0;
  gboolean json = FALSE;
  for (char **at = items; *at; at++) {
    g_autofree char *type = NULL;
    guint quality = parse_accept_item(*at, &type);
    if (quality > best) {
      best = quality;
      json = g_ascii_strcasecmp(type, "application/json") == 0;
    }
  }
  return json;
}

GBytes *prpc_page(int status, const char *accept, const char **content_type) {
  const char *reason = http1_reason(status);
  char *text;
  if (prefers_json(accept)) {
    *content_type = "application/json";
    text = g_strdup_printf(
        "{\n  \"error\": {\n    \"code\": %d,\n    \"reason\": \"%s\",\n    \"description\": \"%s\"\n  }\n}", status,
        reason, describe(status));
  } else {
    *content_type = "text/html; charset=utf-8";
    text = g_strdup_printf(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>%d %s</title></head>\n"
        "<body><h1>%d %s</h1><p>%s</p></body>\n</html>\n",
        status, reason, status, reason, describe(status));
  }
  return g_bytes_new_take(text, strlen(text));
}
