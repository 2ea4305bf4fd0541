/* Fixtures of real hardware: kept beside the source tree, not in it. A test without them skips. */
#pragma once

#include <glib.h>

/* The bytes of attestation/<name>; hex text of *.hex files is decoded. NULL (and the test marked as skipped) when
 * absent. */
GBytes *fixture_bytes(const char *name);
/* Decodes lower-case hex without checks; for vectors. */
GBytes *bytes_of_hex(const char *hex);
/* Fails the test unless `data` is `hex`. */
void assert_hex(const void *data, gsize len, const char *hex);
