/* A thread that does one thing again and again. */
#pragma once

#include <glib.h>

typedef struct Periodic Periodic;

/* Calls `run` every `interval_s` seconds, the first time after one interval. */
Periodic *periodic_start(const char *name, guint interval_s, void (*run)(gpointer data), gpointer data);
/* Waits for a round that is under way. NULL is no error. */
void periodic_stop(Periodic *task);
