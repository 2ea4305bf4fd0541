/* Connections to the KMS that never come to a request. */
#pragma once

#include "harness.h"

#include <glib.h>

typedef struct HalfOpen HalfOpen;
/* Room for `n` of them; NULL when the limit of open files can't be raised that far. */
HalfOpen *half_open_new(const Kms *kms, guint n);
/* Closes them all. */
void half_open_free(HalfOpen *half_open);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HalfOpen, half_open_free)

/* One more: each third says nothing, each third sends three bytes, each third begins a handshake. FALSE when there are n. */
gboolean half_open_add(HalfOpen *half_open);
guint half_open_count(const HalfOpen *half_open);
