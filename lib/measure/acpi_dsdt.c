/* The DSDT of QEMU's q35 machine, term by term (spec: measurement 5.3). */
#include "acpi.h"

#include "aml.h"

#include <stdarg.h>
#include <string.h>

enum { APIC_ID_LIMIT = 255 };
#define DEFAULT_HOLE64_BASE G_GUINT64_CONSTANT(0x380000000000)
#define DEFAULT_HOLE64_SIZE (G_GUINT64_CONSTANT(1) << 35)

static void G_GNUC_PRINTF(2, 3) emit(GByteArray *out, const char *format, ...) {
  va_list args;
  va_start(args, format);
  g_autofree char *source = g_strdup_vprintf(format, args);
  va_end(args);
  aml_assemble(out, source);
}

/* Terms are assembled into their parent's text, so that lengths come out of one place. */
static void G_GNUC_PRINTF(2, 3) add(GString *text, const char *format, ...) {
  va_list args;
  va_start(args, format);
  g_string_append_vprintf(text, format, args);
  va_end(args);
}

static gboolean is_edge(const AcpiMachine *machine) { return !qemu_version_at_least(&machine->qemu, 9, 2, 0); }

/* Interrupt flags: consumer, active high, shared; edge- or level-triggered. */
static guint trigger(const AcpiMachine *machine) { return is_edge(machine) ? 0x0b : 0x09; }

#define DSM_FUNCTION_0                                                                                                 \
  "(store (buffer 00) L0) (if (not (eq A0 (uuid E5C937D0-3553-4D7A-9117-EA4D19C3434D))) (return L0))"                  \
  "(if (less A1 2) (return L0))"

static void debug_port(GByteArray *out) {
  emit(out, "(scope \\ (region DBG 1 0x402 1) (field DBG 1 (DBGB 8))"
            " (method DBUG 1 (to-hex A0 L0) (to-buffer L0 L0) (subtract (sizeof L0) 1 L1) (store 0 L2)"
            "  (while (less L2 L1) (store (deref (index L0 L2)) DBGB) (increment L2)) (store 0x0a DBGB)))");
}

static void host_bridge(GByteArray *out, const AcpiMachine *machine) {
  emit(out,
       "(scope _SB"
       " (device PCI0 (name _HID (eisa PNP0A08)) (name _CID (eisa PNP0A03)) (name _UID 0)"
       "  (method _OSC 4 (dword-field A3 0 CDW1)"
       "   (if (eq A0 (uuid 33DB4D5B-1FF7-401C-9657-7441C03DD766)) (dword-field A3 4 CDW2) (dword-field A3 8 CDW3)"
       "    (store CDW3 L0) (and L0 %u L0) (if (not (eq A1 1)) (or CDW1 8 CDW1))"
       "    (if (not (eq CDW3 L0)) (or CDW1 0x10 CDW1)) (store L0 CDW3))"
       "   (else (or CDW1 4 CDW1)) (return A3))"
       "  (method! EDSM 5 (if (eq A2 0) " DSM_FUNCTION_0 " (store 0x81 (index L0 0)) (return L0))"
       "   (if (eq A2 7) (store (package 2 0 \"\") L0) (store (deref (index A4 0)) L1) (store L1 (index L0 0))"
       "    (return L0))))"
       " (device DRAC (name _HID \"PNP0C01\") (name _CRS (resources (memory 0 0xe0000000 0xefffffff)))))",
       machine->hotplug_off ? 0x1fu : 0x1eu);
}

static void pci_hotplug(GByteArray *out, const AcpiMachine *machine) {
#define AIDX "(call AIDX (deref (index A4 0)) (deref (index A4 1)))"
  const char *function_7 =
      is_edge(machine)
          ? "(store (package 2 0 \"\") L0) (store " AIDX " L2) (store L2 (index L0 0)) (return L0)"
          : "(store " AIDX " L2) (store (package 2) L0)"
            " (if (not (either (eq L2 0) (eq L2 0xffffffff))) (store L2 (index L0 0)) (store \"\" (index L0 1)))"
            " (return L0)";
  emit(
      out,
      "(scope _SB.PCI0 (region PCST 1 0xcc0 8) (field PCST 0x43 (PCIU 32) (PCID 32))"
      " (region SEJ 1 0xcc8 4) (field SEJ 0x43 (B0EJ 32)) (region BNMR 1 0xcd0 8) (field BNMR 0x43 (BNUM 32) (PIDX 32))"
      " (mutex BLCK)"
      " (method PCEJ 2 (acquire BLCK) (store A0 BNUM) (store (shl 1 A1) B0EJ) (release BLCK) (return 0))"
      " (method AIDX 2 (acquire BLCK) (store A0 BNUM) (store (shl 1 A1) PIDX) (store PIDX L0) (release BLCK)"
      "  (return L0))"
      " (method! PDSM 5 (if (eq A2 0) " DSM_FUNCTION_0 " (store 0 L1) (store " AIDX " L2)"
      "   (if (not (or (eq L2 0) (eq L2 0xffffffff))) (or L1 1 L1) (or L1 (shl 1 7) L1))"
      "   (store L1 (index L0 0)) (return L0))"
      "  (if (eq A2 7) %s)))",
      function_7);
#undef AIDX
}

/* 128 entries of the routing table: four pins a slot, link names rotating inside A-D or E-H from a start letter. */
static void routing_table(GString *text, const char *prefix) {
  add(text, "(package 128");
  for (guint slot = 0; slot < 0x20; slot++) {
    char start = slot < 0x18 ? (char)('E' + (slot & 3)) : slot == 0x18 || slot == 0x1e ? 'E' : 'A';
    char base = start < 'E' ? 'A' : 'E';
    for (guint pin = 0; pin < 4; pin++)
      add(text, " (package 4 %u %u %s%c 0)", slot << 16 | 0xffff, pin, prefix, base + (start - base + (int)pin) % 4);
  }
  add(text, ")");
}

static void interrupt_links(GByteArray *out, const AcpiMachine *machine) {
  guint flags = trigger(machine);
  g_autoptr(GString) text = g_string_new("(scope _SB (scope PCI0 (name PRTP ");
  routing_table(text, "LNK");
  add(text, ") (name PRTA ");
  routing_table(text, "GSI");
  add(text,
      ") (method _PRT 0 (if (eq PICF 0) (return PRTP)) (else (return PRTA))))"
      " (method IQST 1 (if (and 0x80 A0) (return 9)) (return 0x0b))"
      " (method! IQCR 1 (name PRR0 (resources (interrupt %u 0))) (dword-field PRR0 5 PRRI)"
      "  (store (and A0 0xf) PRRI) (return PRR0))",
      flags);
  for (guint i = 0; i < 8; i++) {
    char x = (char)('A' + i);
    add(text,
        "(device LNK%c (name _HID (eisa PNP0C0F)) (name _UID %u) (name _PRS (resources (interrupt %u 5 10 11)))"
        " (method _STA 0 (return (call IQST PRQ%c))) (method _DIS 0 (or PRQ%c 0x80 PRQ%c))"
        " (method _CRS 0 (return (call IQCR PRQ%c)))"
        " (method _SRS 1 (dword-field A0 5 PRRI) (store PRRI PRQ%c)))",
        x, i, flags, x, x, x, x, x);
  }
  for (guint i = 0; i < 8; i++)
    add(text,
        "(device GSI%c (name _HID (eisa PNP0C0F)) (name _UID %u) (name _PRS (resources (interrupt %u %u)))"
        " (name _CRS (resources (interrupt %u %u))) (method _DIS 0) (method _SRS 1))",
        'A' + i, 0x10 + i, flags, 0x10 + i, flags, 0x10 + i);
  add(text, ")");
  aml_assemble(out, text->str);
}

static void cpu_object(GString *text, const AcpiMachine *machine, guint i) {
  if (i < APIC_ID_LIMIT)
    add(text, "(processor C%03X %u", i, i);
  else
    add(text, "(device C%03X (name _HID \"ACPI0007\") (name _UID %u)", i, i);
  add(text, " (method! _STA 0 (return (call CSTA %u)))", i);
  if (i < APIC_ID_LIMIT)
    add(text, " (name _MAT (buffer 0008%02x%02x01000000))", i, i);
  else
    add(text, " (name _MAT (buffer 09100000%02x%02x000001000000%02x%02x0000))", i & 255, i >> 8, i & 255, i >> 8);
  if (i > 0)
    add(text, " (method _EJ0 1 (call CEJ0 %u))", i);
  add(text, " (method! _OST 3 (call COST %u A0 A1 A2))", i);
  if (machine->hugepages)
    add(text, " (name _PXM 0)");
  add(text, ")");
}

#define PRES "\\_SB.PCI0.PRES."

static void cpu_scan(GString *text, const AcpiMachine *machine) {
  /* From QEMU 10.0 on removals are collected like insertions. */
  gboolean list = qemu_version_at_least(&machine->qemu, 10, 0, 0);
  add(text,
      "(method! CSCN 0 (acquire " PRES "CPLK) (name CNEW (package 255)) %s (store 0 L3) (store 1 L4)"
      " (while (eq L4 1) (store 0 L4) (store 1 L0) (store 0 L1) %s"
      "  (while (both (eq L0 1) (less L3 %u)) (store 0 L0) (store L3 " PRES "CSEL) (store 0 " PRES "CCMD)"
      "   (if (less " PRES "CDAT L3) (break)) (if %s (store 1 L4) (break)) (store " PRES "CDAT L3)"
      "   (if (eq " PRES "CINS 1) (store L3 (index CNEW L1)) (increment L1) (store 1 L0))"
      "   %s (increment L3))"
      "  (store 0 L2)"
      "  (while (less L2 L1) (store (deref (index CNEW L2)) L3) (call CTFY L3 1) (store L3 (debug))"
      "   (store L3 " PRES "CSEL) (store 1 " PRES "CINS) (increment L2))"
      "  %s)"
      " (release " PRES "CPLK))",
      list ? "(name CEJL (package 255))" : "", list ? "(store 0 L5)" : "", machine->cpus,
      list ? "(either (eq L1 255) (eq L5 255))" : "(eq L1 255)",
      list ? "(if (eq " PRES "CRMV 1) (store L3 (index CEJL L5)) (increment L5) (store 1 L0))"
           : "(else (if (eq " PRES "CRMV 1) (call CTFY L3 3) (store 1 " PRES "CRMV) (store 1 L0)))",
      list ? "(store 0 L2) (while (less L2 L5) (store (deref (index CEJL L2)) L3) (call CTFY L3 3)"
             " (store L3 " PRES "CSEL) (store 1 " PRES "CRMV) (increment L2))"
           : "");
}

static void cpus(GByteArray *out, const AcpiMachine *machine) {
  g_autoptr(GString) text = g_string_new(NULL);
  add(text,
      "(scope _SB (device \\_SB.PCI0.PRES (name _HID (eisa PNP0A06)) (name _UID \"CPU Hotplug resources\") (mutex CPLK)"
      "  (name _CRS (resources (io 0xcd8 0xcd8 1 12))) (region PRST 1 0xcd8 12)"
      "  (field PRST 0x41 (- 32) (CPEN 1) (CINS 1) (CRMV 1) (CEJ0 1) (CEJF 1) (- 3) (CCMD 8))"
      "  (field PRST 0x03 (CSEL 32) (- 32) (CDAT 32)) %s)"
      " (device \\_SB.CPUS (name _HID \"ACPI0010\") (name _CID (eisa PNP0A05)) (method CTFY 2",
      qemu_version_at_least(&machine->qemu, 11, 0, 0) ? "" : "(method! _INI 0 (store 0 CSEL))");
  for (guint i = 0; i < machine->cpus; i++)
    add(text, " (if (eq A0 %u) (notify C%03X A1))", i, i);
  add(text,
      ")"
      " (method! CSTA 1 (acquire " PRES "CPLK) (store A0 " PRES "CSEL) (store 0 L0)"
      "  (if (eq " PRES "CPEN 1) (store 0xf L0)) (release " PRES "CPLK) (return L0))"
      " (method! CEJ0 1 (acquire " PRES "CPLK) (store A0 " PRES "CSEL) (store 1 " PRES "CEJ0) (release " PRES "CPLK))");
  cpu_scan(text, machine);
  add(text,
      " (method! COST 4 (acquire " PRES "CPLK) (store A0 " PRES "CSEL) (store 1 " PRES "CCMD) (store A1 " PRES "CDAT)"
      "  (store 2 " PRES "CCMD) (store A2 " PRES "CDAT) (release " PRES "CPLK))");
  for (guint i = 0; i < machine->cpus; i++)
    cpu_object(text, machine, i);
  add(text, "))");
  aml_assemble(out, text->str);
}

static char *memory_above_4g(const AcpiMachine *machine) {
  if (machine->hole64_empty)
    return g_strdup("");
  return g_strdup_printf("(memory64 1 %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT ")",
                         machine->hole64_base ? machine->hole64_base : DEFAULT_HOLE64_BASE,
                         machine->hole64_size ? machine->hole64_size : DEFAULT_HOLE64_SIZE);
}

static void host_resources(GByteArray *out, const AcpiMachine *machine) {
  g_autofree char *hole64 = memory_above_4g(machine);
  emit(out,
       "(scope \\_SB.PCI0 (name _CRS (resources (bus 0 0xff) (io 0xcf8 0xcf8 1 8) (io-range 0 0xcf7)"
       "  (io-range 0xd00 0xffff) (memory 1 0xa0000 0xbffff) (memory 0 %" G_GUINT64_FORMAT " 0xdfffffff)"
       "  (memory 0 0xf0000000 0xfebfffff) %s))"
       " (device GPE0 (name _HID \"PNP0A06\") (name _UID \"GPE0 resources\") (name _STA 0xb)"
       "  (name _CRS (resources (io 0x620 0x620 1 16)))) %s)",
       acpi_low_memory(machine), hole64,
       machine->hotplug_off
           ? ""
           : "(device PHPR (name _HID \"PNP0A06\") (name _UID \"PCI Hotplug resources\") (name _STA 0xb)"
             " (name _CRS (resources (io 0xcc0 0xcc0 1 0x18))))");
}

static guint port_devfn(const AcpiMachine *machine, guint port) { return (machine->virtio_devices + 1 + port) << 3; }

static void root_port(GString *text, const AcpiMachine *machine, guint port) {
  guint devfn = port_devfn(machine, port);
  add(text, "(device S%02X (name _ADR %u) (device S00 (name _ADR 0))", devfn, (devfn >> 3) << 16);
  if (!machine->hotplug_off) /* bus selectors are numbered from the last port to the first */
    add(text,
        "(name BSEL %u) (scope S00 (name ASUN 0)"
        " (method! _DSM 4 (store (package 2 0 0) L0) (store BSEL (index L0 0)) (store ASUN (index L0 1))"
        "  (return (call PDSM A0 A1 A2 A3 L0)))"
        " (name _SUN 0) (method _EJ0 1 (call PCEJ BSEL _SUN)))"
        " (method DVNT 2 (if (and A0 1) (notify S00 A1)))",
        machine->root_ports - 1 - port);
  add(text, ")");
}

static void isa_bridge(GString *text, const AcpiMachine *machine) {
  add(text,
      "(device SF8 (name _ADR 0x1f0000) (region PIRQ 2 0x60 0x0c)"
      " (scope \\_SB (field PCI0.SF8.PIRQ 1 (PRQA 8) (PRQB 8) (PRQC 8) (PRQD 8) (- 32) (PRQE 8) (PRQF 8) (PRQG 8) "
      "(PRQH 8)))"
      " (device KBD (name _HID (eisa PNP0303)) (name _STA 0xf)"
      "  (name _CRS (resources (io 0x60 0x60 1 1) (io 0x64 0x64 1 1) (irq 1))))"
      " (device MOU (name _HID (eisa PNP0F13)) (name _STA 0xf) (name _CRS (resources (irq 12))))"
      " (device COM1 (name _HID (eisa PNP0501)) (name _UID 1) (name _STA 0xf)"
      "  (name _CRS (resources (io 0x3f8 0x3f8 0 8) %s)))"
      " (device RTC (name _HID (eisa PNP0B00)) (name _CRS (resources (io 0x70 0x70 1 8) (irq 8)))))",
      qemu_version_at_least(&machine->qemu, 11, 1, 0) ? "(irq-flags 4 0x18)" : "(irq 4)");
}

static void pci_devices(GByteArray *out, const AcpiMachine *machine) {
  g_autoptr(GString) text = g_string_new("(scope \\_SB (scope PCI0 (device S00 (name _ADR 0))");
  for (guint slot = 1; slot <= machine->virtio_devices; slot++)
    add(text, "(device S%02X (name _ADR %u))", slot << 3, slot << 16);
  for (guint port = 0; port < machine->root_ports; port++)
    root_port(text, machine, port);
  isa_bridge(text, machine);
  add(text, "(device SFA (name _ADR 0x1f0002)) (device SFB (name _ADR 0x1f0003))))");
  aml_assemble(out, text->str);
}

static void hotplug_events(GByteArray *out, const AcpiMachine *machine) {
  guint ports = machine->root_ports;
  if (ports > 0) {
    g_autoptr(GString) text = g_string_new("(scope \\_SB.PCI0");
    for (guint port = ports; port-- > 0;)
      add(text, "(scope S%02X (method PCNT 0 (store %u BNUM) (call DVNT PCIU 1) (call DVNT PCID 3)))",
          port_devfn(machine, port), ports - 1 - port);
    add(text, "(method PCNT 0");
    for (guint port = ports; port-- > 0;)
      add(text, " ^S%02X.PCNT", port_devfn(machine, port));
    add(text, "))");
    aml_assemble(out, text->str);
  }
  emit(out, "(scope _GPE (method _E01 0 %s))",
       ports > 0 ? "(acquire \\_SB.PCI0.BLCK) \\_SB.PCI0.PCNT (release \\_SB.PCI0.BLCK)" : "");
}

GByteArray *acpi_dsdt(const AcpiMachine *machine) {
  GByteArray *out = g_byte_array_new();
  debug_port(out);
  host_bridge(out, machine);
  if (!machine->hotplug_off)
    pci_hotplug(out, machine);
  emit(out, "(name PICF 0) (method _PIC 1 (store A0 PICF))");
  interrupt_links(out, machine);
  emit(out, "(scope _GPE (name _HID \"ACPI0006\"))");
  cpus(out, machine);
  emit(out, "(method \\_GPE._E02 0 \\_SB.CPUS.CSCN)");
  host_resources(out, machine);
  emit(out, "(scope \\ (name _S3 (package 4 1 1 0 0)) (name _S4 (package 4 2 2 0 0)) (name _S5 (package 4 0 0 0 0)))");
  emit(out, "(scope \\_SB.PCI0 (device FWCF (name _HID \"QEMU0002\") (name _STA 0xb)"
            " (name _CRS (resources (io 0x510 0x510 1 12)))))");
  pci_devices(out, machine);
  if (!machine->hotplug_off)
    hotplug_events(out, machine);
  return out;
}
