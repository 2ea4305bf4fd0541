/* The files of an audit log: audit-00000001.jsonl and so on in one directory. The chain goes on from one to the next.
 */
#pragma once

#include <glib.h>

#define AUDIT_MAX_SEGMENT 99999999

/* Their names, oldest first. Other files are left out. */
GPtrArray *audit_segments_list(const char *dir, GError **error);
/* 0 when it is no segment's name. */
guint audit_segment_number(const char *name);
char *audit_segment_name(guint number);
