#include "crypto/digest.h"

#include "base/error.h"
#include "crypto/keccak.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#define FILE_CHUNK (64 * 1024)

/* OpenSSL's digests fail only when memory or the library itself is broken: nothing a caller could do about it. */
static void digest(const EVP_MD *type, const void *data, gsize len, guint8 *out) {
  if (EVP_Digest(data, len, out, NULL, type, NULL) != 1)
    g_error("the crypto library can not compute %s", EVP_MD_get0_name(type));
}

void digest_sha256(const void *data, gsize len, guint8 out[SHA256_SIZE]) { digest(EVP_sha256(), data, len, out); }
void digest_sha384(const void *data, gsize len, guint8 out[SHA384_SIZE]) { digest(EVP_sha384(), data, len, out); }
void digest_sha512(const void *data, gsize len, guint8 out[SHA512_SIZE]) { digest(EVP_sha512(), data, len, out); }
void digest_keccak256(const void *data, gsize len, guint8 out[KECCAK256_SIZE]) {
  keccak_digest(data, len, out, KECCAK256_SIZE);
}

gsize digest_by_name(const char *name, const void *data, gsize len, guint8 out[64]) {
  const struct {
    const char *name;
    const EVP_MD *(*type)(void); /* NULL: original Keccak */
    gsize size;
  } known[] = {
      {"sha256", EVP_sha256, 32},     {"sha384", EVP_sha384, 48},     {"sha512", EVP_sha512, 64},
      {"sha3-256", EVP_sha3_256, 32}, {"sha3-384", EVP_sha3_384, 48}, {"sha3-512", EVP_sha3_512, 64},
      {"keccak256", NULL, 32},        {"keccak384", NULL, 48},        {"keccak512", NULL, 64},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    if (strcmp(name, known[i].name) != 0)
      continue;
    if (known[i].type)
      digest(known[i].type(), data, len, out);
    else
      keccak_digest(data, len, out, known[i].size);
    return known[i].size;
  }
  return 0;
}

static gboolean digest_fd(int fd, EVP_MD_CTX *context, const char *path, GError **error) {
  g_autofree guint8 *chunk = g_malloc(FILE_CHUNK);
  for (;;) {
    ssize_t n = read(fd, chunk, FILE_CHUNK);
    if (n == 0)
      return TRUE;
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      dstack_set_errno(error, errno, "failed to read %s", path);
      return FALSE;
    }
    if (EVP_DigestUpdate(context, chunk, (size_t)n) != 1)
      g_error("the crypto library can not compute SHA256");
  }
}

gboolean digest_sha256_file(const char *path, guint8 out[SHA256_SIZE], GError **error) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    dstack_set_errno(error, errno, "failed to open %s", path);
    return FALSE;
  }
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
    g_error("the crypto library can not compute SHA256");
  gboolean ok = digest_fd(fd, context, path, error);
  if (ok && EVP_DigestFinal_ex(context, out, NULL) != 1)
    g_error("the crypto library can not compute SHA256");
  EVP_MD_CTX_free(context);
  (void)close(fd); /* opened for reading: nothing can be lost */
  return ok;
}
