/* Terminal escape sequences (ECMA-48) in log lines. */
#pragma once

#include <glib.h>

/* A copy without them: CSI, OSC and the other strings, and two-character escapes. An unfinished one is left out too. */
char *ansi_strip(const char *text);
