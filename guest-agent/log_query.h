/* What a request for logs asks for (spec: prpc-and-agent-api 7.2). */
#pragma once

#include <glib.h>

typedef struct {
  guint64 since, until; /* Unix seconds, 0: no bound */
  char tail[21];        /* "all" or digits */
  gboolean follow, text, bare, timestamps, ansi;
} LogQuery;

typedef enum {
  LOG_QUERY_OK,
  LOG_QUERY_BAD_SINCE,
  LOG_QUERY_BAD_UNTIL,
  LOG_QUERY_BAD_TAIL,
  LOG_QUERY_BAD_FLAG, /* a switch that is neither on nor off */
} LogQueryStatus;

/* `now` is Unix seconds. */
LogQueryStatus log_query_parse(const char *query, guint64 now, LogQuery *out);
/* "": 0; digits: as they are; "<n>s", "m", "h", "d": that long before `now`, at least 0. FALSE for anything else. */
gboolean log_query_time(const char *text, guint64 now, guint64 *out);
/* The query of Docker's logs API. */
char *log_query_for_docker(const LogQuery *query);
