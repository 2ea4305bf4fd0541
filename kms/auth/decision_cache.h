/* Decisions that may be repeated for a moment. Thread-safe. */
#pragma once

#include "kms/auth/backend.h"

#include <glib.h>

typedef struct DecisionCache DecisionCache;
/* `lifetime_seconds` 0: keeps nothing. */
DecisionCache *decision_cache_new(guint64 lifetime_seconds);
void decision_cache_free(DecisionCache *cache);
/* TRUE with a copy of the decision on exactly this question. */
gboolean decision_cache_get(DecisionCache *cache, GBytes *question, AuthDecision *out);
void decision_cache_put(DecisionCache *cache, GBytes *question, const AuthDecision *decision);
