/* A small assembler for ACPI Machine Language (ACPI 6.5 chapter 20; the exact choices of spec measurement 5.2).
 *
 * Source text is a sequence of terms in parentheses, close to ASL, so that a table reads like its specification:
 *
 *   (method PCEJ 2 (acquire BLCK) (store A0 BNUM) (store (shl 1 A1) B0EJ) (release BLCK) (return 0))
 *
 * Atoms: integers (decimal or 0x hex), "strings", A0..A6 and L0..L7, and names (with leading '\' or '^', segments
 * joined by
 * '.'). Terms:
 *
 *   (scope NAME ...) (device NAME ...) (processor NAME ID ...) (method NAME ARGS ...) (method! NAME ARGS ...): '!'
 * serialized (name NAME VALUE) (region NAME SPACE OFFSET LENGTH) (field NAME FLAGS (NAME BITS) (- BITS) ...) (mutex
 * NAME) (if PREDICATE ...) (else ...) (while PREDICATE ...) (break) (return X) (call NAME ARGS...) (package N ITEMS...)
 * (buffer HEX) (uuid TEXT) (eisa TEXT) (debug) (store A B) (eq A B) (less A B) (not A) (both A B) (either A B) (and A B
 * TARGET) (or A B TARGET) (shl A B TARGET) (subtract A B TARGET) (increment A) (sizeof A) (index A B) (deref A) (notify
 * NAME X) (acquire NAME) (release NAME) (dword-field BUFFER INDEX NAME) (to-hex A TARGET) (to-buffer A TARGET); a
 * target left out is none (resources R...) with R one of (io MIN MAX ALIGN LEN) (irq N) (irq-flags N FLAGS) (interrupt
 * FLAGS N...) (bus MIN MAX) (io-range MIN MAX) (memory CACHE MIN MAX) (memory64 CACHE MIN LENGTH) */
#pragma once

#include <glib.h>

/* Appends the code of `source` to `out`. The source is the program's own text: a mistake in it ends the program. */
void aml_assemble(GByteArray *out, const char *source);
