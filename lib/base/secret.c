#include "base/secret.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

struct Secret {
  gsize len;
  gsize mapped; /* whole pages of our own: mlock and MADV_DONTDUMP work on pages */
  guint8 data[];
};

Secret *secret_new_zero(gsize len) {
  gsize mapped = (sizeof(Secret) + len + 4095) & ~(gsize)4095;
  Secret *secret = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (secret == MAP_FAILED)
    g_error("out of memory for a secret");
  /* Best effort: an unprivileged process may have no mlock allowance, and swap of a CVM lies on the encrypted disk. */
  (void)mlock(secret, mapped);
  (void)madvise(secret, mapped, MADV_DONTDUMP);
  secret->len = len;
  secret->mapped = mapped;
  return secret;
}

Secret *secret_new(const void *data, gsize len) {
  Secret *secret = secret_new_zero(len);
  if (len)
    memcpy(secret->data, data, len);
  return secret;
}

Secret *secret_new_random(gsize len) {
  Secret *secret = secret_new_zero(len);
  for (gsize done = 0; done < len;) {
    ssize_t n = getrandom(secret->data + done, len - done, 0);
    if (n < 0 && errno != EINTR)
      g_error("no random numbers: %s", g_strerror(errno));
    if (n > 0)
      done += (gsize)n;
  }
  return secret;
}

Secret *secret_copy(const Secret *secret) { return secret_new(secret->data, secret->len); }

void secret_free(Secret *secret) {
  if (!secret)
    return;
  gsize mapped = secret->mapped;
  explicit_bzero(secret, mapped);
  (void)munmap(secret, mapped);
}

const guint8 *secret_peek(const Secret *secret) { return secret->data; }
guint8 *secret_data(Secret *secret) { return secret->data; }
gsize secret_len(const Secret *secret) { return secret->len; }

gboolean bytes_equal_constant_time(const void *a, const void *b, gsize len) {
  const volatile guint8 *x = a, *y = b;
  guint8 difference = 0;
  for (gsize i = 0; i < len; i++)
    difference |= x[i] ^ y[i];
  return difference == 0;
}

gboolean secret_equal(const Secret *a, const Secret *b) {
  return a->len == b->len && bytes_equal_constant_time(a->data, b->data, a->len);
}

typedef struct {
  void *data;
  gsize len;
} WipedBytes;

static void wiped_bytes_free(gpointer data) {
  WipedBytes *wiped = data;
  secret_wipe(wiped->data, wiped->len);
  g_free(wiped->data);
  g_free(wiped);
}

GBytes *secret_bytes_take(void *data, gsize len) {
  WipedBytes *wiped = g_new(WipedBytes, 1);
  *wiped = (WipedBytes){data, len};
  return g_bytes_new_with_free_func(data, len, wiped_bytes_free, wiped);
}

void secret_wipe(void *data, gsize len) {
  if (data)
    explicit_bzero(data, len);
}

void secret_protect_process(void) {
  struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
    log_warn("core dumps could not be switched off: %s", g_strerror(errno));
}
