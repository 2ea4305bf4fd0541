/* Who sits in the hole of dstack-kms-holed, and what he carries away. */
#pragma once

#include "harness.h"

#include "kms/wire.h"

#include <glib.h>

typedef struct {
  PrpcClient *client;
  GByteArray *loot; /* everything that ever came out of the hole */
} Attacker;

Attacker *attacker_new(Kms *kms);
void attacker_free(Attacker *attacker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Attacker, attacker_free)

/* A system call inside of the front: its result, or -errno. */
gint64 attacker_call(Attacker *attacker, long number, const guint64 arguments[6]);
/* Bytes put into the front's memory, and their address. */
guint64 attacker_put(Attacker *attacker, const void *data, gsize len);
guint64 attacker_put_text(Attacker *attacker, const char *text);
/* Bytes of the front's memory: fewer where it can't be read. */
GBytes *attacker_get(Attacker *attacker, guint64 address, gsize len);
/* All the memory of the front goes into the loot; `mappings` as process_mappings() gives them. */
void attacker_take_memory(Attacker *attacker, GArray *mappings);

/* Sends `len` bytes as they are on one of the front's channels; FALSE when the channel or the front is gone. */
gboolean attacker_send(Attacker *attacker, int fd, const void *data, gsize len);
/* The next frame on a channel; NULL when the channel or the front is gone. */
WireBuffer *attacker_receive(Attacker *attacker, int fd);
/* One frame there, one back. */
WireBuffer *attacker_exchange(Attacker *attacker, int fd, const WireBuffer *request);
