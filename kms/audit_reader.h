/* The front's view of the audit log: it reads what the key holder writes, by descriptors opened while there are files.
 */
#pragma once

#include "crypto/digest.h"

#include <glib.h>

#define AUDIT_READER_SEGMENTS 16 /* of the newest; older ones are only on the disk */
#define AUDIT_PAGE_LINES 1000
#define AUDIT_PAGE_BYTES (1024 * 1024)

typedef struct AuditReader AuditReader;
/* A log whose only file has no line yet counts as one that will begin with line 1. */
AuditReader *audit_reader_open(const char *dir, GError **error);
void audit_reader_free(AuditReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AuditReader, audit_reader_free)

/* Lines after line `since`, oldest first, at most `limit`, AUDIT_PAGE_LINES and AUDIT_PAGE_BYTES of them; each a string
 * without its newline. None: there is nothing newer. Error NOT_FOUND when the line after `since` is in an older
 * segment. Thread-safe. */
GPtrArray *audit_reader_page(AuditReader *reader, guint64 since, guint limit, GError **error);

typedef struct {
  guint64 seq;
  guint8 hash[SHA256_SIZE]; /* of the newest line */
} AuditHead;
/* Thread-safe. */
gboolean audit_reader_head(AuditReader *reader, AuditHead *out, GError **error);
