/* Tables in box drawing, as wide as their longest cells (spec: supervisor-and-cli B.2). */
#pragma once

#include <glib.h>

typedef struct Table Table;

/* `columns` is NULL-terminated; borrowed while the table lives. */
Table *table_new(const char *const *columns);
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/* As many cells as columns, copied; an empty or NULL cell prints "-". */
void table_add(Table *table, const char *const *cells);
/* The whole table, each line ended. */
char *table_text(const Table *table);
