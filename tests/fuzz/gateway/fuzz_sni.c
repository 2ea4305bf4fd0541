/* Fuzzes what a stranger's first bytes go through: the client hello, then the route. */
#include "gateway/route.h"
#include "gateway/sni.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char name[SNI_MAX_NAME + 1];
  Route route;
  if (sni_parse(data, size, name) == SNI_FOUND) {
    g_autoptr(GError) error = NULL;
    (void)route_parse(name, "example.com", &route, &error);
  }
  return 0;
}
