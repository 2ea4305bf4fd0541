#include "guest-agent/log_query.h"

#include "prpc/uri.h"

#include <string.h>

#define DEFAULT_TAIL "1000"
#define MAX_TAIL 1000000000

gboolean log_query_time(const char *text, guint64 now, guint64 *out) {
  gsize digits = strspn(text, "0123456789"), len = strlen(text);
  g_autofree char *number = g_strndup(text, digits);
  *out = 0;
  if (len == 0)
    return TRUE;
  if (digits == 0 || !g_ascii_string_to_unsigned(number, 10, 0, G_MAXUINT64, out, NULL))
    return FALSE;
  if (digits == len)
    return TRUE;
  static const char units[] = "smhd";
  static const guint64 seconds[] = {1, 60, 3600, 86400};
  const char *unit = strchr(units, text[digits]);
  if (digits + 1 != len || !unit)
    return FALSE;
  guint64 ago;
  if (!g_uint64_checked_mul(&ago, *out, seconds[unit - units]))
    return FALSE;
  *out = now - MIN(now, ago);
  return TRUE;
}

/* Absent: FALSE; without a value: TRUE. */
static gboolean read_flag(const char *query, const char *name, gboolean *out) {
  g_autofree char *value = prpc_query_find(query, name);
  static const char *const on[] = {"", "on", "yes", "true"}, *const off[] = {"off", "no", "false"};
  *out = FALSE;
  if (!value)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(on); i++)
    *out = *out || g_ascii_strcasecmp(value, on[i]) == 0;
  for (guint i = 0; !*out && i < G_N_ELEMENTS(off); i++)
    if (g_ascii_strcasecmp(value, off[i]) == 0)
      return TRUE;
  return *out;
}

static gboolean read_flags(const char *query, LogQuery *out) {
  return read_flag(query, "follow", &out->follow) && read_flag(query, "text", &out->text) &&
         read_flag(query, "bare", &out->bare) && read_flag(query, "timestamps", &out->timestamps) &&
         read_flag(query, "ansi", &out->ansi);
}

static gboolean read_time(const char *query, const char *name, guint64 now, guint64 *out) {
  g_autofree char *value = prpc_query_find(query, name);
  return log_query_time(value ? value : "", now, out);
}

static gboolean read_tail(const char *query, LogQuery *out) {
  g_autofree char *value = prpc_query_find(query, "tail");
  const char *tail = value ? value : DEFAULT_TAIL;
  guint64 number;
  if (strcmp(tail, "all") != 0 && !g_ascii_string_to_unsigned(tail, 10, 0, MAX_TAIL, &number, NULL))
    return FALSE;
  return g_strlcpy(out->tail, tail, sizeof out->tail) < sizeof out->tail;
}

LogQueryStatus log_query_parse(const char *query, guint64 now, LogQuery *out) {
  *out = (LogQuery){0};
  if (!prpc_query_decodes(query) || !read_flags(query, out))
    return LOG_QUERY_BAD_FLAG;
  if (!read_time(query, "since", now, &out->since))
    return LOG_QUERY_BAD_SINCE;
  if (!read_time(query, "until", now, &out->until))
    return LOG_QUERY_BAD_UNTIL;
  return read_tail(query, out) ? LOG_QUERY_OK : LOG_QUERY_BAD_TAIL;
}

static const char *bool_text(gboolean value) { return value ? "true" : "false"; }

char *log_query_for_docker(const LogQuery *query) {
  g_autofree char *until = query->until ? g_strdup_printf("&until=%" G_GUINT64_FORMAT, query->until) : g_strdup("");
  return g_strdup_printf("stdout=true&stderr=true&follow=%s&timestamps=%s&tail=%s&since=%" G_GUINT64_FORMAT "%s",
                         bool_text(query->follow), bool_text(query->timestamps), query->tail, query->since, until);
}
