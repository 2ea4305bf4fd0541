/* The running server over its socket: whatever a client sends, it is answered or hung up on, and the next client is
 * served. */
#include "fixture.h"

#include "base/log.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ENOUGH 100000 /* of an endless answer */

static void read_some(int fd) {
  char piece[8192];
  gsize total = 0;
  for (ssize_t n; total < ENOUGH && (n = recv(fd, piece, sizeof piece, 0)) > 0;)
    total += (gsize)n;
}

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);
int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  static Fixture *fixture;
  if (!fixture) {
    log_init("fuzz", LOG_OFF);
    fixture = fixture_new();
  }
  int fd = fixture_connect(fixture);
  gsize cut = size ? data[0] % size : 0;
  (void)!send(fd, data, cut, MSG_NOSIGNAL); /* the server may have hung up: its right */
  (void)!send(fd, data + cut, size - cut, MSG_NOSIGNAL);
  shutdown(fd, SHUT_WR);
  read_some(fd);
  close(fd);
  return 0;
}
