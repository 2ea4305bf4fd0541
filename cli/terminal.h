/* Colour and progress, on terminals only. */
#pragma once

#include <glib.h>
#include <stdio.h>

/* TRUE when the stream is a terminal that wants colour (NO_COLOR and TERM=dumb say no). */
gboolean terminal_has_colour(FILE *stream);
/* The status of a VM, in its colour when `colour`. */
char *terminal_status(const char *status, gboolean colour);
/* Text of a peer with control characters replaced, so that it can not drive the terminal. */
char *terminal_safe(const char *text);
