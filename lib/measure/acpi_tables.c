/* The other ACPI tables, their layout in one blob, and the blobs derived from it (spec: measurement 5.1, 5.5, 5.6). */
#include "acpi.h"

#include "bytes.h"

#include <string.h>

enum {
  BLOB_UNIT = 0x20000,
  HEADER_SIZE = 36,
  LOADER_SIZE = 4096,
  LOADER_COMMAND = 128,
  FILE_NAME = 56,
  MAX_TABLES = 8
};

gboolean qemu_version_at_least(const QemuVersion *version, guint major, guint minor, guint micro) {
  if (version->major != major)
    return version->major > major;
  if (version->minor != minor)
    return version->minor > minor;
  return version->micro >= micro;
}

guint64 acpi_low_memory(const AcpiMachine *machine) {
  return machine->memory_size >= 0xb0000000 ? 0x80000000 : machine->memory_size;
}

static void put_table(GByteArray *out, const char *signature, guint revision, const GByteArray *body) {
  put_bytes(out, signature, 4);
  put_u32(out, HEADER_SIZE + body->len);
  put_u8(out, revision);
  put_u8(out, 0); /* checksum: the firmware's */
  put_bytes(out, "BOCHS BXPC    ", 14);
  put_u32(out, 1);
  put_bytes(out, "BXPC", 4);
  put_u32(out, 1);
  put_bytes(out, body->data, body->len);
}

static void set_register(GByteArray *table, guint at, guint bits, guint64 address) {
  const guint8 kind[] = {1, (guint8)bits, 0, 0};
  memcpy(table->data + at, kind, sizeof kind);
  set_le(table, at + 4, address, 8);
}

/* Offsets below are those of the whole table; `body` begins behind the header. */
static GByteArray *fadt_body(const AcpiMachine *machine, gsize dsdt_at) {
  g_autoptr(GByteArray) table = g_byte_array_new();
  put_zeros(table, 244);
  set_le(table, 40, dsdt_at, 4);
  table->data[44] = 1;
  set_le(table, 46, 9, 2);
  if (machine->smm) {
    set_le(table, 48, 0xb2, 4);
    table->data[52] = 2;
    table->data[53] = 3;
  }
  const struct {
    guint at, size;
    guint64 value;
  } fields[] = {{56, 4, 0x600},
                {64, 4, 0x604},
                {76, 4, 0x608},
                {80, 4, 0x620},
                {88, 1, 4},
                {89, 1, 2},
                {91, 1, 4},
                {92, 1, 16},
                {96, 2, 0xfff},
                {98, 2, 0xfff},
                {108, 1, 0x32},
                {109, 2, 2},
                {112, 4, 0x84a5 | (machine->cpus > 8 ? 0x40000u : 0)},
                {128, 1, 0x0f},
                {140, 8, dsdt_at}};
  for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
    set_le(table, fields[i].at, fields[i].value, fields[i].size);
  set_register(table, 116, 8, 0xcf9);
  set_register(table, 148, 32, 0x600);
  set_register(table, 172, 16, 0x604);
  set_register(table, 208, 32, 0x608);
  set_register(table, 220, 128, 0x620);
  GByteArray *body = g_byte_array_new();
  put_bytes(body, table->data + HEADER_SIZE, table->len - HEADER_SIZE);
  return body;
}

static void put_override(GByteArray *out, guint source, guint gsi, guint flags) {
  put_u8(out, 2), put_u8(out, 10), put_u8(out, 0), put_u8(out, source);
  put_u32(out, gsi);
  put_u16(out, flags);
}

static GByteArray *madt_body(const AcpiMachine *machine) {
  GByteArray *out = g_byte_array_new();
  put_u32(out, 0xfee00000);
  put_u32(out, machine->pic ? 1 : 0);
  for (guint i = 0; i < machine->cpus; i++) {
    if (i < 255) {
      put_u8(out, 0), put_u8(out, 8), put_u8(out, i), put_u8(out, i), put_u32(out, 1);
    } else {
      put_u8(out, 9), put_u8(out, 16), put_u16(out, 0), put_u32(out, i), put_u32(out, 1), put_u32(out, i);
    }
  }
  put_u8(out, 1), put_u8(out, 12), put_u16(out, 0), put_u32(out, 0xfec00000), put_u32(out, 0);
  if (!qemu_version_at_least(&machine->qemu, 9, 2, 0)) {
    put_override(out, 0, 2, 5);
    for (guint i = 1; i < 16; i++)
      put_override(out, i, i, 5);
  } else {
    static const guint lines[] = {5, 9, 10, 11};
    put_override(out, 0, 2, 0);
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
      put_override(out, lines[i], lines[i], 0x0d);
  }
  if (machine->cpus > 255)
    put_bytes(out, "\x0a\x0c\0\0\xff\xff\xff\xff\x01\0\0\0", 12);
  else
    put_bytes(out, "\x04\x06\xff\0\0\x01", 6);
  return out;
}

static void put_memory_affinity(GByteArray *out, guint64 base, guint64 len) {
  put_u8(out, 1), put_u8(out, 40), put_u32(out, 0), put_u16(out, 0);
  put_u64(out, base), put_u64(out, len), put_u32(out, 0), put_u32(out, len ? 1 : 0), put_u64(out, 0);
}

static GByteArray *srat_body(const AcpiMachine *machine) {
  GByteArray *out = g_byte_array_new();
  guint64 low = acpi_low_memory(machine), high = machine->memory_size - low;
  put_u32(out, 1), put_u64(out, 0);
  for (guint i = 0; i < machine->cpus; i++) {
    if (i < 255) {
      put_u8(out, 0), put_u8(out, 16), put_u8(out, 0), put_u8(out, i), put_u32(out, 1), put_u64(out, 0);
    } else {
      put_u8(out, 2), put_u8(out, 24), put_u16(out, 0), put_u32(out, 0), put_u32(out, i), put_u32(out, 1),
          put_u64(out, 0);
    }
  }
  put_memory_affinity(out, 0, 0xa0000);
  put_memory_affinity(out, 0x100000, low - 0x100000);
  put_memory_affinity(out, high ? G_GUINT64_CONSTANT(1) << 32 : 0, high);
  return out;
}

static GByteArray *mcfg_body(void) {
  GByteArray *out = g_byte_array_new();
  put_u64(out, 0), put_u64(out, 0xe0000000), put_u16(out, 0), put_u8(out, 0), put_u8(out, 255), put_u32(out, 0);
  return out;
}

typedef struct {
  GByteArray *blob, *offsets; /* `offsets`: what the RSDT lists */
} Layout;

static void place(Layout *layout, const char *signature, guint revision, GByteArray *body) {
  put_u32(layout->offsets, layout->blob->len);
  put_table(layout->blob, signature, revision, body);
  g_byte_array_unref(body);
}

GByteArray *acpi_tables(const AcpiMachine *machine) {
  g_autoptr(GByteArray) offsets = g_byte_array_new();
  Layout layout = {g_byte_array_new(), offsets};
  put_bytes(layout.blob, "FACS", 4);
  put_u32(layout.blob, 64);
  put_zeros(layout.blob, 56);
  gsize dsdt_at = layout.blob->len;
  g_autoptr(GByteArray) dsdt = acpi_dsdt(machine);
  put_table(layout.blob, "DSDT", 1, dsdt);
  place(&layout, "FACP", 3, fadt_body(machine, dsdt_at));
  place(&layout, "APIC", 3, madt_body(machine));
  if (machine->hugepages)
    place(&layout, "SRAT", 1, srat_body(machine));
  place(&layout, "MCFG", 1, mcfg_body());
  GByteArray *waet = g_byte_array_new();
  put_u32(waet, 2);
  place(&layout, "WAET", 1, waet);
  put_table(layout.blob, "RSDT", 1, offsets);
  put_zeros(layout.blob, (BLOB_UNIT - layout.blob->len % BLOB_UNIT) % BLOB_UNIT);
  return layout.blob;
}

typedef struct {
  char signature[5];
  guint32 at, len;
} Table;

static guint32 read_u32(const GByteArray *blob, gsize at) {
  return blob->data[at] | (guint32)blob->data[at + 1] << 8 | (guint32)blob->data[at + 2] << 16 |
         (guint32)blob->data[at + 3] << 24;
}

/* Walks the blob we made ourselves; it ends where the padding begins. */
static guint list_tables(const GByteArray *blob, Table tables[MAX_TABLES]) {
  guint n = 0;
  for (gsize at = 0; n < MAX_TABLES && at + 8 <= blob->len && blob->data[at]; at += tables[n++].len) {
    memcpy(tables[n].signature, blob->data + at, 4);
    tables[n].signature[4] = '\0';
    tables[n].at = (guint32)at;
    tables[n].len = read_u32(blob, at + 4);
  }
  return n;
}

static Table find_table(const GByteArray *blob, const char *signature) {
  Table tables[MAX_TABLES];
  guint n = list_tables(blob, tables);
  for (guint i = 0; i < n; i++)
    if (strcmp(tables[i].signature, signature) == 0)
      return tables[i];
  g_assert_not_reached(); /* acpi_tables() always places it */
}

GByteArray *acpi_rsdp(const GByteArray *tables) {
  GByteArray *out = g_byte_array_new();
  put_bytes(out, "RSD PTR \0BOCHS \0", 16);
  put_u32(out, find_table(tables, "RSDT").at);
  return out;
}

static const char tables_file[] = "etc/acpi/tables", rsdp_file[] = "etc/acpi/rsdp";

static void put_file(GByteArray *out, const char *name) {
  put_bytes(out, name, strlen(name));
  put_zeros(out, FILE_NAME - strlen(name));
}

static void put_allocate(GByteArray *out, const char *file, guint align, guint zone) {
  put_u32(out, 1), put_file(out, file), put_u32(out, align), put_u8(out, zone), put_zeros(out, 63);
}

static void put_pointer(GByteArray *out, const char *in_file, const char *to_file, guint at, guint size) {
  put_u32(out, 2), put_file(out, in_file), put_file(out, to_file), put_u32(out, at), put_u8(out, size),
      put_zeros(out, 7);
}

static void put_checksum(GByteArray *out, const char *file, guint result, guint start, guint len) {
  put_u32(out, 3), put_file(out, file), put_u32(out, result), put_u32(out, start), put_u32(out, len),
      put_zeros(out, 56);
}

static void put_table_checksum(GByteArray *out, const Table *table) {
  put_checksum(out, tables_file, table->at + 9, table->at, table->len);
}

GByteArray *acpi_loader(const GByteArray *blob) {
  Table tables[MAX_TABLES];
  guint n = list_tables(blob, tables);
  GByteArray *out = g_byte_array_new();
  put_allocate(out, rsdp_file, 16, 2);
  put_allocate(out, tables_file, 64, 1);
  for (guint i = 1; i + 1 < n; i++) { /* all but FACS and RSDT */
    if (strcmp(tables[i].signature, "FACP") == 0) {
      put_pointer(out, tables_file, tables_file, tables[i].at + 36, 4);
      put_pointer(out, tables_file, tables_file, tables[i].at + 40, 4);
      put_pointer(out, tables_file, tables_file, tables[i].at + 140, 8);
    }
    put_table_checksum(out, &tables[i]);
  }
  const Table *rsdt = &tables[n - 1];
  for (guint at = HEADER_SIZE; at < rsdt->len; at += 4)
    put_pointer(out, tables_file, tables_file, rsdt->at + at, 4);
  put_table_checksum(out, rsdt);
  put_pointer(out, rsdp_file, tables_file, 16, 4);
  put_checksum(out, rsdp_file, 8, 0, 20);
  put_zeros(out, LOADER_SIZE - out->len);
  return out;
}
