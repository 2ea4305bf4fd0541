#include "hole.h"

#include "base/reader.h"
#include "kms/service.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIPE_PIECE 4096

PrpcRouter *__real_kms_service_router(KmsService *service);
PrpcRouter *__wrap_kms_service_router(KmsService *service);

/* Through a pipe: the kernel says EFAULT where a read of its own would end the process. */
static gsize copy_readable(const guint8 *from, guint8 *to, gsize size) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return 0;
  gsize done = 0;
  for (ssize_t n = 1; n > 0 && done < size; done += n > 0 ? (gsize)n : 0) {
    n = write(ends[1], from + done, MIN(size - done, PIPE_PIECE - (guintptr)(from + done) % PIPE_PIECE));
    if (n > 0)
      n = read(ends[0], to + done, (gsize)n);
  }
  close(ends[0]);
  close(ends[1]);
  return done;
}

static guint64 call_kernel(Reader *body) {
  long number = (long)reader_u64be(body), arguments[6];
  for (guint i = 0; i < G_N_ELEMENTS(arguments); i++)
    arguments[i] = (long)reader_u64be(body);
  long result =
      syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
  return (guint64)(result < 0 ? -errno : result);
}

static void reply(PrpcHttpRequest *request, const void *data, gsize len) {
  prpc_http_reply(request, 200, "application/octet-stream", data, len, NULL);
}

static void reply_number(PrpcHttpRequest *request, guint64 number) {
  number = GUINT64_TO_BE(number);
  reply(request, &number, sizeof number);
}

static void reply_memory(PrpcHttpRequest *request, Reader *body) {
  const guint8 *from = (const guint8 *)(guintptr)reader_u64be(body);
  guint64 asked = reader_u64be(body);
  gsize size = MIN(asked, HOLE_MAX_PIECE);
  g_autofree guint8 *copy = g_malloc(size);
  reply(request, copy, copy_readable(from, copy, size));
}

static void fall_in(PrpcHttpRequest *request, gpointer user_data) {
  (void)user_data;
  Reader body = reader_init_bytes(prpc_http_body(request));
  switch (reader_u8(&body)) {
  case HOLE_ALLOCATE:
    return reply_number(request, (guintptr)g_malloc0(reader_u64be(&body)));
  case HOLE_WRITE: {
    guint8 *to = (guint8 *)(guintptr)reader_u64be(&body);
    gsize len = reader_remaining(&body);
    memcpy(to, reader_take(&body, len), len);
    return reply(request, "", 0);
  }
  case HOLE_READ:
    return reply_memory(request, &body);
  default:
    return reply_number(request, call_kernel(&body));
  }
}

PrpcRouter *__wrap_kms_service_router(KmsService *service) {
  PrpcRouter *router = __real_kms_service_router(service);
  prpc_router_route(router, "POST", HOLE_PATH, 2 * HOLE_MAX_PIECE, fall_in, NULL);
  return router;
}
