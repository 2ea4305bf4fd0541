/* Secret bytes: keys, seeds, tokens. A type of its own, so that a secret can't be logged or serialised by accident.
 *
 * The memory is locked where the limits allow it, kept out of core dumps, and wiped when freed. */
#pragma once

#include <glib.h>

typedef struct Secret Secret;

/* Copies `len` bytes. The caller wipes its own copy with secret_wipe(). */
Secret *secret_new(const void *data, gsize len);
/* `len` zero bytes, to be filled through secret_data(). */
Secret *secret_new_zero(gsize len);
/* `len` bytes from the kernel's random generator. Never fails: ends the program if the kernel has none. */
Secret *secret_new_random(gsize len);
Secret *secret_copy(const Secret *secret);
void secret_free(Secret *secret);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Secret, secret_free)

const guint8 *secret_peek(const Secret *secret);
guint8 *secret_data(Secret *secret);
gsize secret_len(const Secret *secret);

/* Compares in constant time for equal lengths; unequal lengths are unequal. */
gboolean secret_equal(const Secret *a, const Secret *b);
gboolean bytes_equal_constant_time(const void *a, const void *b, gsize len);
/* Takes `data`, which g_malloc() made: it is wiped when the last reference goes. For messages that may hold keys. */
GBytes *secret_bytes_take(void *data, gsize len);
/* Overwrites memory in a way the compiler keeps. */
void secret_wipe(void *data, gsize len);

/* Switches core dumps and ptrace off for this process; for daemons that hold keys. */
void secret_protect_process(void);
