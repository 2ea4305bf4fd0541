#include "holed_kms.h"

#include "base/file.h"
#include "kms/keyholder/key_files.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static void copy_program(const char *from, const char *dir, const char *name) {
  g_autofree char *to = g_build_filename(dir, name, NULL), *content = NULL;
  gsize len;
  g_assert_true(g_file_get_contents(from, &content, &len, NULL) && g_file_set_contents(to, content, (gssize)len, NULL));
  g_assert_cmpint(g_chmod(to, 0755), ==, 0);
}

/* The front looks for its helpers beside itself. Returns the directory of the three. */
static char *use_holed_front(void) {
  g_autofree char *bin = g_dir_make_tmp("dstack-kms-holed-XXXXXX", NULL);
  g_autofree char *program = g_build_filename(bin, "dstack-kms", NULL);
  g_autofree char *built = g_path_get_dirname(g_getenv("KMS_PROGRAM"));
  static const char *const helpers[] = {"dstack-kms-verifier", "dstack-kms-keyholder"};
  for (guint i = 0; i < G_N_ELEMENTS(helpers); i++) {
    g_autofree char *helper = g_build_filename(built, helpers[i], NULL);
    copy_program(helper, bin, helpers[i]);
  }
  copy_program(g_getenv("KMS_HOLED_PROGRAM"), bin, "dstack-kms");
  g_assert_true(g_setenv("KMS_PROGRAM", program, TRUE));
  return g_steal_pointer(&bin);
}

static void add_app(KeyTraces *traces, const RootKeys *keys, guint8 app_byte) {
  guint8 app_id[20], instance_id[20];
  memset(app_id, app_byte, sizeof app_id);
  memset(instance_id, 1, sizeof instance_id);
  g_auto(AppSecrets) secrets = {0};
  g_autoptr(EVP_PKEY) app_ca = app_ca_key_derive(keys, app_id, NULL);
  g_assert_true(app_secrets_derive(keys, app_id, instance_id, &secrets, NULL));
  key_traces_add(traces, "disk key", secrets.disk);
  key_traces_add(traces, "env key", secrets.env);
  key_traces_add(traces, "app key", secrets.k256);
  key_traces_add_p256(traces, "app ca key", app_ca);
}

static KeyTraces *traces_of_roots(Kms *kms) {
  g_autoptr(RootKeys) keys = key_files_load(kms->cert_dir, NULL);
  KeyTraces *traces = key_traces_new();
  key_traces_add_p256(traces, "root ca key", keys->root_ca);
  key_traces_add(traces, "root k256 key", keys->k256);
  add_app(traces, keys, ABSENT_APP);
  return traces;
}

static gboolean is_possible(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  g_print("1..0 # skip with a sanitizer there are no filters\n");
  return FALSE;
#else
  if (geteuid() != 0)
    g_print("1..0 # skip needs root: three processes of one user are not apart\n");
  return geteuid() == 0;
#endif
}

HoledKms *holed_kms_new(void) {
  if (!is_possible())
    return NULL;
  HoledKms *holed = g_new0(HoledKms, 1);
  holed->programs = use_holed_front(); /* before there are threads, for it changes the environment */
  holed->kms = kms_new();
  kms_start(holed->kms);
  holed->secrets = traces_of_roots(holed->kms);
  g_assert_true(holed_kms_serves(holed, EARLIER_APP));
  return holed;
}

void holed_kms_free(HoledKms *holed) {
  key_traces_free(holed->secrets);
  kms_free(holed->kms);
  g_assert_true(file_remove_tree(holed->programs, NULL));
  g_free(holed->programs);
  g_free(holed);
}

gboolean holed_kms_serves(HoledKms *holed, guint8 app_byte) {
  Kms *kms = holed->kms;
  g_autoptr(TdxPlatform) platform = kms_client_platform(kms, app_byte, 1, GOOD_IMAGE);
  g_autoptr(AppKeys) keys = app_keys_from_kms(kms->url, platform, VM_CONFIG, kms->verifier, NULL);
  return keys != NULL;
}

void holed_kms_assert_no_loot(const HoledKms *holed, const Attacker *attacker) {
  const char *found = key_traces_find(holed->secrets, attacker->loot->data, attacker->loot->len);
  if (found)
    g_error("the hole gave away the %s", found);
}

void holed_kms_assert_well(HoledKms *holed, const Attacker *attacker) {
  g_assert_true(process_alive(holed->kms->pid));
  g_assert_true(holed_kms_serves(holed, EARLIER_APP));
  holed_kms_assert_no_loot(holed, attacker);
}
