#include "boot_log.h"

#include "bytes.h"
#include "guid.h"

#include "base/error.h"
#include "base/hex.h"
#include "crypto/digest.h"

#include <string.h>

/* TCG event types as firmware logs them (spec: attestation C.3). */
enum {
  EV_SEPARATOR = 4,
  EV_PLATFORM_CONFIG_FLAGS = 0xa,
  EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001,
  EV_EFI_VARIABLE_BOOT = 0x80000002,
  EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003,
  EV_EFI_ACTION = 0x80000007,
  EV_EFI_PLATFORM_FIRMWARE_BLOB2 = 0x8000000a,
  EV_EFI_HANDOFF_TABLES2 = 0x8000000b,
};

const char *const boot_log_rtmr0_names[13] = {"td_hob",      "cfv_image",  "efi:SecureBoot", "efi:PK",      "efi:KEK",
                                              "efi:db",      "efi:dbx",    "separator",      "acpi_loader", "acpi_rsdp",
                                              "acpi_tables", "boot_order", "Boot0000"};

static const char global_guid[] = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
static const char security_guid[] = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
/* The load option "UiApp", which firmware puts first when nobody else did. */
static const char boot0000[] =
    "090100002c0055006900410070007000000004071400c9bdb87cebf8344faaea3ee4af6516a10406140021aa2c46"
    "14760345836e8ab6f46623317fff0400";

static const char standard_cfv[] =
    "344bc51c980ba621aaa00da3ed7436f7d6e549197dfe699515dfa2c6583d95e6412af21c097d473155875ffd561d6790";

void boot_log_standard_cfv(guint8 out[48]) { hex_decode_fixed(standard_cfv, out, 48, NULL); }

static void add_digest(TdxEventLog *log, guint imr, guint32 type, const guint8 digest[48], const char *payload) {
  g_autoptr(GBytes) bytes = g_bytes_new(payload, strlen(payload));
  g_ptr_array_add(log, tdx_event_new(imr, type, digest, "", bytes));
}

static void add_data(TdxEventLog *log, guint imr, guint32 type, const void *data, gsize len, const char *payload) {
  guint8 digest[48];
  digest_sha384(data, len, digest);
  add_digest(log, imr, type, digest, payload);
}

/* An absent EFI variable: GUID, name length, no data, the name in UTF-16. */
static void add_variable(TdxEventLog *log, const char *guid_text, const char *name) {
  g_autoptr(GByteArray) data = g_byte_array_new();
  guint8 guid[16];
  guid_parse(guid_text, guid);
  put_bytes(data, guid, sizeof guid);
  put_u64(data, strlen(name));
  put_u64(data, 0);
  for (const char *c = name; *c; c++)
    put_u16(data, (guchar)*c);
  add_data(log, 0, EV_EFI_VARIABLE_DRIVER_CONFIG, data->data, data->len, name);
}

static void add_separator(TdxEventLog *log, guint imr) { add_data(log, imr, EV_SEPARATOR, "\0\0\0\0", 4, "separator"); }

void boot_log_add_firmware(TdxEventLog *log, const FirmwareDigests *digests) {
  add_digest(log, 0, EV_EFI_HANDOFF_TABLES2, digests->td_hob, "td_hob");
  add_digest(log, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB2, digests->cfv, "cfv_image");
  add_variable(log, global_guid, "SecureBoot");
  add_variable(log, global_guid, "PK");
  add_variable(log, global_guid, "KEK");
  add_variable(log, security_guid, "db");
  add_variable(log, security_guid, "dbx");
  add_separator(log, 0);
  add_digest(log, 0, EV_PLATFORM_CONFIG_FLAGS, digests->acpi_loader, "ACPI DATA");
  add_digest(log, 0, EV_PLATFORM_CONFIG_FLAGS, digests->acpi_rsdp, "ACPI DATA");
  add_digest(log, 0, EV_PLATFORM_CONFIG_FLAGS, digests->acpi_tables, "ACPI DATA");
  add_data(log, 0, EV_EFI_VARIABLE_BOOT, "\0\0", 2, "BootOrder");
  g_autoptr(GBytes) option = hex_decode(boot0000, strlen(boot0000), NULL);
  add_data(log, 0, EV_EFI_VARIABLE_BOOT, g_bytes_get_data(option, NULL), g_bytes_get_size(option), "Boot0000");
}

static void add_action(TdxEventLog *log, const char *text) {
  add_data(log, 1, EV_EFI_ACTION, text, strlen(text), text);
}

void boot_log_add_kernel(TdxEventLog *log, const guint8 kernel[48]) {
  add_digest(log, 1, EV_EFI_BOOT_SERVICES_APPLICATION, kernel, "kernel");
  add_action(log, "Calling EFI Application from Boot Option");
  add_separator(log, 1);
  add_action(log, "Exit Boot Services Invocation");
  add_action(log, "Exit Boot Services Returned with Success");
}

void boot_log_add_initrd(TdxEventLog *log, const guint8 cmdline[48], const guint8 initrd[48]) {
  add_digest(log, 2, EV_EFI_BOOT_SERVICES_APPLICATION, cmdline, "cmdline");
  add_digest(log, 2, EV_EFI_BOOT_SERVICES_APPLICATION, initrd, "initrd");
}

gboolean boot_log_hash_cmdline(const char *cmdline, guint8 out[48], GError **error) {
  g_autofree char *full = g_strconcat(cmdline, " initrd=initrd", NULL);
  glong units;
  g_autofree gunichar2 *text = g_utf8_to_utf16(full, -1, NULL, &units, NULL);
  if (!text) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "kernel command line is not valid utf-8");
    return FALSE;
  }
  g_autoptr(GByteArray) data = g_byte_array_new();
  for (glong i = 0; i <= units; i++)
    put_u16(data, text[i]);
  digest_sha384(data->data, data->len, out);
  return TRUE;
}
