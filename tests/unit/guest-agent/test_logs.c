/* Tests of what /logs is made of: the query, Docker's frames, escape sequences. */
#include "base/error.h"
#include "guest-agent/ansi.h"
#include "guest-agent/docker.h"
#include "guest-agent/log_frames.h"
#include "guest-agent/log_query.h"

#include <string.h>

#define NOW 1000000

static void test_times(void) {
  static const struct {
    const char *text;
    gboolean ok;
    guint64 value;
  } rows[] = {
      {"", TRUE, 0},
      {"0", TRUE, 0},
      {"1700000000", TRUE, 1700000000},
      {"18446744073709551615", TRUE, G_MAXUINT64},
      {"18446744073709551616", FALSE, 0},
      {"10s", TRUE, NOW - 10},
      {"2m", TRUE, NOW - 120},
      {"1h", TRUE, NOW - 3600},
      {"1d", TRUE, NOW - 86400},
      {"9999d", TRUE, 0},
      {"18446744073709551615d", FALSE, 0},
      {"1w", FALSE, 0},
      {"1hh", FALSE, 0},
      {"h", FALSE, 0},
      {"-1", FALSE, 0},
      {"+1", FALSE, 0},
      {"1.5h", FALSE, 0},
      {" 1", FALSE, 0},
      {"1h ", FALSE, 0},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    guint64 value;
    g_assert_cmpint(log_query_time(rows[i].text, NOW, &value), ==, rows[i].ok);
    if (rows[i].ok)
      g_assert_cmpuint(value, ==, rows[i].value);
  }
}

static void test_query(void) {
  LogQuery query;
  g_assert_cmpint(log_query_parse("", NOW, &query), ==, LOG_QUERY_OK);
  g_autofree char *plain = log_query_for_docker(&query);
  g_assert_cmpstr(plain, ==, "stdout=true&stderr=true&follow=false&timestamps=false&tail=1000&since=0");
  g_assert_cmpint(log_query_parse("text&bare&timestamps&follow&tail=20&unknown=1", NOW, &query), ==, LOG_QUERY_OK);
  g_assert_true(query.text && query.bare && query.timestamps && query.follow && !query.ansi);
  g_assert_cmpint(log_query_parse("text=On&bare=NO&ansi=true&since=1m&until=5&tail=all&follow=off", NOW, &query), ==,
                  LOG_QUERY_OK);
  g_assert_true(query.text && !query.bare && query.ansi && !query.follow);
  g_autofree char *docker = log_query_for_docker(&query);
  g_assert_cmpstr(docker, ==, "stdout=true&stderr=true&follow=false&timestamps=false&tail=all&since=999940&until=5");
  static const struct {
    const char *query;
    LogQueryStatus status;
  } bad[] = {
      {"follow=%zz", LOG_QUERY_BAD_FLAG},       {"since=%zz", LOG_QUERY_BAD_FLAG},
      {"tail=%", LOG_QUERY_BAD_FLAG},           {"%zz=1", LOG_QUERY_BAD_FLAG},
      {"follow=1", LOG_QUERY_BAD_FLAG},         {"text=maybe", LOG_QUERY_BAD_FLAG},
      {"since=x", LOG_QUERY_BAD_SINCE},         {"until=1y", LOG_QUERY_BAD_UNTIL},
      {"tail=-1", LOG_QUERY_BAD_TAIL},          {"tail=", LOG_QUERY_BAD_TAIL},
      {"tail=1%26x%3d1", LOG_QUERY_BAD_TAIL},   {"tail=ALL", LOG_QUERY_BAD_TAIL},
      {"tail=99999999999", LOG_QUERY_BAD_TAIL},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_cmpint(log_query_parse(bad[i].query, NOW, &query), ==, bad[i].status);
}

static void test_names(void) {
  static const char *const good[] = {"a", "dstack-app-1", "A.b_c-d", "0"};
  static const char *const bad[] = {"",   "a/b", "../json", "a?x", "a#b", "a%2fb",
                                    ".a", "-a",  "_a",      "a b", "a\n", "\xc3\xa4"};
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
    g_assert_true(docker_name_ok(good[i]));
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_false(docker_name_ok(bad[i]));
  g_autofree char *long_name = g_strnfill(256, 'a');
  g_assert_false(docker_name_ok(long_name));
}

/* ---- frames ---- */

static gboolean collect(LogChannel channel, const guint8 *data, gsize len, gpointer out) {
  g_string_append_printf(out, "%s:%.*s|", log_channel_name(channel), (int)len, (const char *)data);
  return len != 4 || memcmp(data, "stop", 4) != 0;
}

/* Feeds `step` bytes at a time; what came out, with "!" for an error in the stream. */
static char *decode(const void *data, gsize len, gsize step) {
  GString *out = g_string_new(NULL);
  LogFrames frames;
  log_frames_init(&frames, collect, out);
  g_autoptr(GError) error = NULL;
  gboolean more = TRUE;
  for (gsize at = 0; more && at < len; at += step)
    more = log_frames_feed(&frames, (const guint8 *)data + at, MIN(step, len - at), &error);
  if (more)
    (void)log_frames_end(&frames, &error);
  if (error)
    g_string_append_c(out, '!');
  log_frames_clear(&frames);
  return g_string_free(out, FALSE);
}

#define FRAME(channel, length) channel "\0\0\0\0\0\0" length

static void test_frames(void) {
  static const struct {
    const char *data;
    gsize len;
    const char *expected;
  } rows[] = {
      {"", 0, ""},
      {FRAME("\1", "\5") "hello" FRAME("\2", "\1") "x" FRAME("\0", "\0"), 30, "stdout:hello|stderr:x|stdin:|"},
      {"line one\nline two\nno end", 24, "console:line one\n|console:line two\n|console:no end|"},
      {FRAME("\1", "\2") "ab"
                         "tty\n" FRAME("\1", "\1") "c",
       23, "stdout:ab|console:tty\n|stdout:c|"},
      {FRAME("\1", "\5") "hel", 11, "!"},
      {"\1\0\0", 3, "!"},
      {"\1\0\0\0\xff\xff\xff\xff"
       "x",
       9, "!"},
      {FRAME("\1", "\4") "stop" FRAME("\1", "\1") "x", 21, "stdout:stop|"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    for (gsize step = 1; step <= rows[i].len + 1; step++) {
      g_autofree char *out = decode(rows[i].data, rows[i].len, step);
      g_assert_cmpstr(out, ==, rows[i].expected);
    }
}

/* A line without end is handed out in pieces, so that it never grows without bound. */
static void test_endless_line(void) {
  gsize len = 3 * LOG_FRAME_MAX;
  g_autofree char *line = g_strnfill(len, 'x');
  g_autofree char *out = decode(line, len, 65536);
  g_assert_cmpuint(strlen(out), ==, len + 3 * strlen("console:|"));
}

static void test_ansi(void) {
  static const struct {
    const char *text, *expected;
  } rows[] = {
      {"plain \t\n", "plain \t\n"},
      {"\x1b[1;31mred\x1b[0m", "red"},
      {"\x1b]0;title\x07x\x1b]8;;http://a\x1b\\y", "xy"},
      {"\x1bP data \x1b\\z\x1b(Bq\x1b=r\x1b"
       "7",
       "zqr"},
      {"cut \x1b", "cut "},
      {"cut \x1b[12", "cut "},
      {"cut \x1b]0;", "cut "},
      {"\x1b[\xc3\xa4", "\xc3\xa4"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *stripped = ansi_strip(rows[i].text);
    g_assert_cmpstr(stripped, ==, rows[i].expected);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/logs/times", test_times);
  g_test_add_func("/logs/query", test_query);
  g_test_add_func("/logs/names", test_names);
  g_test_add_func("/logs/frames", test_frames);
  g_test_add_func("/logs/endless-line", test_endless_line);
  g_test_add_func("/logs/ansi", test_ansi);
  return g_test_run();
}
