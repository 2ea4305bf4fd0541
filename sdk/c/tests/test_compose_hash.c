#include "dstack/dstack.h"

#include <glib.h>
#include <locale.h>
#include <string.h>

#define D "{\"runner\":\"bash\",\"bash_script\":\"start.sh\",\"docker_compose_file\":\"docker-compose.yml\"}"
#define E "{\"runner\":\"docker-compose\",\"docker_compose_file\":\"docker-compose.yml\",\"pre_launch_script\":\"\"}"

static void test_vectors(void) {
  static const struct {
    const char *compose;
    bool normalize;
    const char *hash;
  } vectors[] = {
      {"{\"manifest_version\":1,\"name\":\"test-app\",\"runner\":\"docker-compose\",\"docker_compose_file\":"
       "\"services:\\\\n  app:\\\\n    image: test\\\\n    ports:\\\\n      - 8080:8080\"}",
       false, "988a2e3448a69facce5c9a9a91f9335f485bb0a996ddd06897a388a1340fafdd"},
      {"{\"manifest_version\":1,\"name\":\"another-app\",\"runner\":\"docker-compose\",\"docker_compose_file\":"
       "\"services:\\\\n  web:\\\\n    build: .\\\\n    environment:\\\\n      - NODE_ENV=production\"}",
       false, "bb05251a8326f16fea9635efd05b9c019533570a5e1549a5da2a33fbf315b438"},
      {"{\"runner\":\"docker-compose\",\"docker_compose_file\":\"docker-compose.yml\",\"text\":\"你好世界\","
       "\"id\":\"c73a3a4e-ce71-4c12-a1b7-78be1a2e48e0\",\"b_number\":123,\"a_status\":true,\"z_items\":[3,1,2],"
       "\"nested\":{\"gamma\":3.14,\"alpha\":\"first\"}}",
       false, "0705386656362891629ac994406f4e31ba5c805b9638538df415c56768a504f4"},
      {D, false, "0449d0ea1c093c6e14efd1e55a36ebd0bc52d268b27af425f30055c35c7c0303"},
      {D, true, "75a6f53f70c26c8f7b545f48c2f5ef2f76c27d13f7034be1021cf25f5d9853d2"},
      {E, false, "62b1427a78326534139e8107dcbab24a0cf74aed970e73401517311ec3265953"},
      {E, true, "6148eabae40413a5c15aeab33343e7a219edc0cda2c2556add9a96ec76d61b11"},
      {"{\"runner\":\"docker-compose\",\"docker_compose_file\":\"a && b < c > d \\u2028 / \\\" \\\\ \\t\\u007f🚀\"}",
       false, "e2f999a28c92cef38ca4c2ae2d2ea61cbc6765df37f6320a04261fde56b37647"},
      {"{\"runner\":\"docker-compose\",\"x\":null}", false,
       "c6fb131aaf77871c80da1952d67648cdc9274a2fa160b0324c91ef4904a790ad"},
      {"{\"runner\":\"docker-compose\",\"f\":1.0,\"g\":1e21,\"h\":1e-7,\"n\":-0.0}", false,
       "80e4198905a18d403fb87f2ad3c517c4d94643ba38ee3fb0a426ee1528392536"},
      {"{\"runner\":\"docker-compose\",\"m\":{\"10\":1,\"9\":2,\"a\":3}}", false,
       "8e766e7a53782b6ec14fde2ad6cf2abb7bbcd9b39b24d8ebe9590a4e9cdb2e92"},
      {"{}", false, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    char hash[65];
    dstack_status status =
        dstack_get_compose_hash(vectors[i].compose, strlen(vectors[i].compose), vectors[i].normalize, hash, NULL);
    g_assert_cmpint(status, ==, DSTACK_OK);
    g_assert_cmpstr(hash, ==, vectors[i].hash);
  }
}

static void check_text(const char *compose, bool normalize, const char *expected) {
  char *text = NULL;
  g_assert_cmpint(dstack_canonical_compose(compose, strlen(compose), normalize, &text, NULL), ==, DSTACK_OK);
  g_assert_cmpstr(text, ==, expected);
  dstack_string_free(text);
}

static void test_text(void) {
  check_text(
      "{ \"b\" : [1.50, -0, 1E2, 0.1, 0.000001, 123456789012345680000.0, -2.5e-8, 5e-324, 1.7976931348623157e308],\n"
      "\"é\":\"\\u0000\\u001f\\/\\b\\f\\n\\r\\u007f\", \"z\":{}, \"\\ud83d\\ude80\":true, \"\\uffff\":false }",
      false,
      "{\"b\":[1.5,0,100,0.1,0.000001,123456789012345680000,-2.5e-8,5e-324,1.7976931348623157e+308],"
      "\"z\":{},\"é\":\"\\u0000\\u001f/\\b\\f\\n\\r\x7f\",\"\xef\xbf\xbf\":false,\"🚀\":true}");
  check_text("{\"runner\":\"nerdctl-compose\",\"bash_script\":\"x\",\"docker_compose_file\":\"y\"}", true,
             "{\"docker_compose_file\":\"y\",\"runner\":\"nerdctl-compose\"}");
  check_text("{\"runner\":\"other\",\"bash_script\":\"x\",\"pre_launch_script\":0.0}", true,
             "{\"bash_script\":\"x\",\"runner\":\"other\"}");
  check_text("{\"pre_launch_script\":null}", true, "{}");
  check_text("{\"pre_launch_script\":false}", true, "{}");
  check_text("{\"pre_launch_script\":[]}", true, "{\"pre_launch_script\":[]}");
  check_text("{\"a\":1,\"a\":2}", false, "{\"a\":2}");
}

static void test_bad_input(void) {
  g_autofree char *begin = g_strnfill(200, '[');
  g_autofree char *end = g_strnfill(200, ']');
  g_autofree char *nested = g_strconcat("{\"a\":", begin, end, "}", NULL);
  const char *const bad[] = {"",
                             "[]",
                             "null",
                             "{",
                             "{} {}",
                             "{'a':1}",
                             nested,
                             "{\"a\":9007199254740992}",
                             "{\"a\":-9007199254740992}",
                             "{\"a\":99999999999999999999}",
                             "{\"a\":1e400}",
                             "{\"a\":\"\\ud800\"}",
                             "{\"a\":\"\\udc00\"}",
                             "{\"a\":\"\xff\"}"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    char hash[65];
    dstack_error error = {0};
    g_assert_cmpint(dstack_get_compose_hash(bad[i], strlen(bad[i]), false, hash, &error), ==, DSTACK_INVALID);
    g_assert_cmpint(error.status, ==, DSTACK_INVALID);
    g_assert_cmpuint(strlen(error.message), >, 0);
  }
}

int main(int argc, char **argv) {
  setlocale(LC_ALL, ""); /* a comma as decimal point must not matter */
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sdk-c/compose-hash/vectors", test_vectors);
  g_test_add_func("/sdk-c/compose-hash/text", test_text);
  g_test_add_func("/sdk-c/compose-hash/bad-input", test_bad_input);
  return g_test_run();
}
