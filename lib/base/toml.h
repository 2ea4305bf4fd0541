/* The C face of the TOML parser (toml++), the one C++ file of the tree. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* Called for each key in document order: its dotted path and its line. */
typedef void (*TomlPositionFunc)(const char *path, unsigned line, void *user_data);

/* Parses TOML 1.0 text and returns it as JSON text (malloc), or NULL with a malloc'ed reason in *why ("line N: ...").
 * Dates and times become strings. */
char *toml_to_json(const char *text, TomlPositionFunc position, void *user_data, char **why);

#ifdef __cplusplus
}
#endif
