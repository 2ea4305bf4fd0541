#include "kms/verifier/os_image.h"

#include "base/error.h"
#include "image/expectation.h"

struct OsImageChecker {
  gboolean enabled;
  ImageStore *store;
  ImageJudge *judge;
};

OsImageChecker *os_image_checker_new(const KmsConfig *config, GError **error) {
  g_autoptr(OsImageChecker) checker = g_new0(OsImageChecker, 1);
  const ImageStoreOptions options = {.cache_dir = config->image_cache_dir,
                                     .download_url = config->image_download_url,
                                     .download_timeout_ms = config->image_download_timeout_ms};
  checker->enabled = config->verify_image;
  if (!checker->enabled)
    return g_steal_pointer(&checker);
  if (!(checker->store = image_store_new(&options, error)))
    return NULL;
  checker->judge = image_judge_new(checker->store);
  return g_steal_pointer(&checker);
}

void os_image_checker_free(OsImageChecker *checker) {
  if (!checker)
    return;
  image_judge_free(checker->judge);
  image_store_free(checker->store);
  g_free(checker);
}

gboolean os_image_check(OsImageChecker *checker, const char *vm_config, const VerifiedEvidence *evidence,
                        GError **error) {
  if (!checker->enabled)
    return TRUE;
  g_autoptr(ImageExpectation) expectation = NULL;
  const ImageClaim claim = {.vm_config = vm_config, .quoted = &evidence->quote->td, .quoted_log = evidence->log};
  if (image_judge_claim(checker->judge, &claim, &expectation, error))
    return TRUE;
  g_prefix_error(error, "failed to verify os image hash: ");
  return FALSE;
}

gboolean os_image_clear(OsImageChecker *checker, const char *image_hash, const char *config_hash, GError **error) {
  if (!checker->enabled) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "os images are not verified here, so none are cached");
    return FALSE;
  }
  image_judge_forget(checker->judge);
  return image_store_clear(checker->store, image_hash, config_hash, error);
}
