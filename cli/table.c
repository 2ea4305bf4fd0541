#include "cli/table.h"

struct Table {
  const char *const *columns;
  guint n_columns;
  GPtrArray *cells; /* row by row */
};

Table *table_new(const char *const *columns) {
  Table *table = g_new0(Table, 1);
  table->columns = columns;
  table->n_columns = g_strv_length((char **)columns);
  table->cells = g_ptr_array_new_with_free_func(g_free);
  return table;
}

void table_free(Table *table) {
  if (!table)
    return;
  g_ptr_array_unref(table->cells);
  g_free(table);
}

void table_add(Table *table, const char *const *cells) {
  for (guint i = 0; i < table->n_columns; i++)
    g_ptr_array_add(table->cells, g_strdup(cells[i] && *cells[i] ? cells[i] : "-"));
}

static const char *cell(const Table *table, guint row, guint column) {
  return row == 0 ? table->columns[column] : table->cells->pdata[(row - 1) * table->n_columns + column];
}

static guint n_rows(const Table *table) { return 1 + table->cells->len / table->n_columns; }

static glong width(const Table *table, guint column) {
  glong widest = 0;
  for (guint row = 0; row < n_rows(table); row++)
    widest = MAX(widest, g_utf8_strlen(cell(table, row, column), -1));
  return widest;
}

static void add_rule(const Table *table, GString *out, const char *left, const char *middle, const char *right) {
  for (guint column = 0; column < table->n_columns; column++) {
    g_string_append(out, column == 0 ? left : middle);
    for (glong i = 0; i < width(table, column) + 2; i++)
      g_string_append(out, "─");
  }
  g_string_append_printf(out, "%s\n", right);
}

static void add_row(const Table *table, GString *out, guint row) {
  for (guint column = 0; column < table->n_columns; column++) {
    const char *text = cell(table, row, column);
    g_string_append_printf(out, "│ %s", text);
    for (glong i = g_utf8_strlen(text, -1); i <= width(table, column); i++)
      g_string_append_c(out, ' ');
  }
  g_string_append(out, "│\n");
}

char *table_text(const Table *table) {
  GString *out = g_string_new(NULL);
  add_rule(table, out, "┌", "┬", "┐");
  add_row(table, out, 0);
  add_rule(table, out, "├", "┼", "┤");
  for (guint row = 1; row < n_rows(table); row++)
    add_row(table, out, row);
  add_rule(table, out, "└", "┴", "┘");
  return g_string_free(out, FALSE);
}
