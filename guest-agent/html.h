/* Text for web pages. */
#pragma once

#include <glib.h>

/* Appends `text` with the characters that mean something in HTML escaped. NULL: nothing. */
void html_append(GString *out, const char *text);
/* "1.50 GB": divided by 1024 from B to YB, two decimals. */
char *html_size(guint64 bytes);
