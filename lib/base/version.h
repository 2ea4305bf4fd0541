/* The two forms of a daemon's version (spec: vmm 1.1, supervisor-and-cli A.1). */
#pragma once

#include <glib.h>

/* Answers an argument -V with "<program> <version>" and --version with "<program> v<version> (<revision>)" on standard output.
 * FALSE, without a word, when neither is there. */
gboolean version_answer(int argc, char **argv, const char *program, const char *revision);
