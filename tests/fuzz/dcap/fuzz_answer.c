/* The body of a service's answer: the member that is cut out is the one a JSON reader finds. */
#include "base/json.h"
#include "dcap/json_cut.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *value;
  gsize len;
  if (!dcap_json_cut((const char *)data, size, "tcbInfo", "answer", &value, &len, NULL))
    return 0;
  g_autoptr(json_t) whole = json_parse((const char *)data, size, "answer", NULL);
  g_autoptr(json_t) part = json_parse(value, len, "part", NULL);
  g_assert_true(part && json_equal(part, json_object_get(whole, "tcbInfo")));
  return 0;
}
