/* Tests of the mapping between messages, JSON, query strings and protobuf. */
#include "prpc/message.h"

#include "base/error.h"
#include "base/hex.h"
#include "google/protobuf/empty.pb-c.h"
#include "guest_agent.pb-c.h"
#include "guest_api.pb-c.h"
#include "prpc.pb-c.h"
#include "vmm.pb-c.h"

#include <string.h>

static const ProtobufCMessageDescriptor *const get_key = &dstack_guest__get_key_args__descriptor;
static const ProtobufCMessageDescriptor *const get_tls_key = &dstack_guest__get_tls_key_args__descriptor;
static const ProtobufCMessageDescriptor *const emit_event = &dstack_guest__emit_event_args__descriptor;

static void assert_json(const ProtobufCMessage *message, const char *expected) {
  g_autofree char *json = prpc_message_to_json(message);
  g_assert_cmpstr(json, ==, expected);
}

/* Reads JSON and prints it again. */
static void assert_reads(const ProtobufCMessageDescriptor *type, const char *json, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = prpc_message_from_json(type, json, strlen(json), &error);
  g_assert_no_error(error);
  assert_json(message, expected);
}

static void assert_refused(const ProtobufCMessageDescriptor *type, const char *json, const char *reason) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = prpc_message_from_json(type, json, strlen(json), &error);
  if (message)
    g_test_message("accepted: %s", json);
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  if (!strstr(error->message, reason))
    g_test_message("%s: %s", json, error->message);
  g_assert_nonnull(strstr(error->message, reason));
}

static void test_write(void) {
  g_autoptr(PrpcMessage) key = prpc_message_new(&dstack_guest__get_key_response__descriptor);
  assert_json(key, "{\"key\":\"\",\"signature_chain\":[]}");
  g_autoptr(PrpcMessage) empty = prpc_message_new(&google__protobuf__empty__descriptor);
  assert_json(empty, "null");
  g_autoptr(PrpcMessage) tls = prpc_message_new(get_tls_key);
  assert_json(tls, "{\"subject\":\"\",\"alt_names\":[],\"usage_ra_tls\":false,\"usage_server_auth\":false,"
                   "\"usage_client_auth\":false,\"not_before\":null,\"not_after\":null,\"with_app_info\":false}");
  prpc_set_optional_uint(tls, "not_after", G_MAXUINT64);
  g_assert_true(prpc_has_optional(tls, "not_after"));
  g_assert_false(prpc_has_optional(tls, "not_before"));
  prpc_set_string(&((DstackGuest__GetTlsKeyArgs *)tls)->subject,
                  "\"\\/\b\f\n\r\t\x01\x7f\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  assert_json(tls, "{\"subject\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f\\u00e4\\u20ac\\ud83d\\ude00\",\"alt_names\":[],"
                   "\"usage_ra_tls\":false,\"usage_server_auth\":false,\"usage_client_auth\":false,\"not_before\":null,"
                   "\"not_after\":18446744073709551615,\"with_app_info\":false}");
  prpc_set_string(&((DstackGuest__GetTlsKeyArgs *)tls)->subject, "\xff");
  g_autofree char *repaired = prpc_message_to_json(tls);
  g_assert_true(g_str_has_prefix(repaired, "{\"subject\":\"\\ufffd\","));
}

static void test_omitted_attestation(void) {
  g_autoptr(PrpcMessage) message = prpc_message_new(&dstack_guest__get_quote_response__descriptor);
  assert_json(message, "{\"quote\":\"\",\"event_log\":\"\",\"report_data\":\"\",\"vm_config\":\"\"}");
  prpc_set_bytes(&((DstackGuest__GetQuoteResponse *)message)->attestation, "\xab", 1);
  assert_json(message,
              "{\"quote\":\"\",\"event_log\":\"\",\"report_data\":\"\",\"vm_config\":\"\",\"attestation\":\"ab\"}");
}

static void test_sub_messages(void) {
  const ProtobufCMessageDescriptor *type = &vmm__vm_info__descriptor;
  g_autoptr(GError) error = NULL;
  const char *json =
      "{\"id\":\"x\",\"configuration\":{\"name\":\"n\",\"vcpu\":3},\"exited_at\":\"now\",\"app_url\":null}";
  g_autoptr(PrpcMessage) message = prpc_message_from_json(type, json, strlen(json), &error);
  g_assert_no_error(error);
  g_autofree char *text = prpc_message_to_json(message);
  g_assert_nonnull(strstr(text, "\"configuration\":{\"name\":\"n\","));
  g_assert_nonnull(strstr(text, "\"vcpu\":3,"));
  g_assert_nonnull(strstr(text, "\"exited_at\":\"now\""));
  g_assert_nonnull(strstr(text, "\"app_url\":null"));
  g_autoptr(GBytes) packed = prpc_message_pack(message);
  gsize len;
  const void *data = g_bytes_get_data(packed, &len);
  g_autoptr(PrpcMessage) again = prpc_message_unpack(type, data, len, &error);
  g_assert_no_error(error);
  assert_json(again, text);
  assert_refused(type, "{\"configuration\":[]}", "configuration: ");
  g_autoptr(PrpcMessage) absent = prpc_message_from_json(type, "{\"configuration\":null}", 22, &error);
  g_autofree char *absent_text = prpc_message_to_json(absent);
  g_assert_nonnull(strstr(absent_text, "\"configuration\":null"));
}

static void test_read(void) {
  assert_reads(get_key, "", "{\"path\":\"\",\"purpose\":\"\",\"algorithm\":\"\"}");
  assert_reads(get_key, " { } \n", "{\"path\":\"\",\"purpose\":\"\",\"algorithm\":\"\"}");
  assert_reads(get_key, "{\"path\":\"\\u00e4\\ud83d\\ude00\\/\\\"\", \"x\":{\"a\":[1,2.5e-3,true,null,{}]}, \"x\":[]}",
               "{\"path\":\"\\u00e4\\ud83d\\ude00/\\\"\",\"purpose\":\"\",\"algorithm\":\"\"}");
  assert_reads(emit_event, "{\"payload\":\"0x0xAbCd\"}", "{\"event\":\"\",\"payload\":\"abcd\"}");
  assert_reads(
      get_tls_key,
      "{\"not_after\":18446744073709551615,\"not_before\":0,\"alt_names\":[\"a\",\"b\",\"c\"],\"usage_ra_tls\":true}",
      "{\"subject\":\"\",\"alt_names\":[\"a\",\"b\",\"c\"],\"usage_ra_tls\":true,\"usage_server_auth\":false,"
      "\"usage_client_auth\":false,\"not_before\":0,\"not_after\":18446744073709551615,\"with_app_info\":false}");
  assert_reads(&google__protobuf__empty__descriptor, "}{ not json", "null");
  /* a member name with a nul inside is another name */
  assert_reads(get_key, "{\"path\\u0000x\":7}", "{\"path\":\"\",\"purpose\":\"\",\"algorithm\":\"\"}");
}

static void test_read_refuses(void) {
  static const struct {
    const char *json, *reason;
  } cases[] = {
      {"null", "expected an object"},
      {"[]", "expected an object"},
      {"{", "expected a string"},
      {"{\"path\":\"a\"", "expected a comma"},
      {"{\"path\":\"a\",}", "expected a string"},
      {"{\"path\":\"a\"}x", "trailing"},
      {"\xef\xbb\xbf{}", "expected an object"},
      {"{\"path\":null}", "path: "},
      {"{\"path\":1}", "path: "},
      {"{\"path\":\"a\",\"path\":\"b\"}", "path: given twice"},
      {"{\"path\":\"a\\u0000b\"}", "nul"},
      {"{\"path\":\"\\ud800\"}", "surrogate"},
      {"{\"path\":\"\\ud800\\u0041\"}", "surrogate"},
      {"{\"path\":\"\\udc00\"}", "surrogate"},
      {"{\"path\":\"\\x\"}", "escape"},
      {"{\"path\":\"\\u12\"}", "hex digits"},
      {"{\"path\":\"\n\"}", "control character"},
      {"{\"path\":\"a", "unfinished"},
      {"{\"path\":\"\xff\"}", "utf-8"},
      {"{\"x\":01}", "number"},
      {"{\"x\":-}", "number"},
      {"{\"x\":1.}", "number"},
      {"{\"x\":1e}", "number"},
      {"{\"x\":nul}", "word"},
      {"{\"x\":[1,]}", "number"},
      {"{\"x\" 1}", "colon"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    assert_refused(get_key, cases[i].json, cases[i].reason);
  assert_refused(emit_event, "{\"payload\":\"abc\"}", "payload: ");
  assert_refused(emit_event, "{\"payload\":\"0Xab\"}", "payload: ");
  assert_refused(emit_event, "{\"payload\":\" ab\"}", "payload: ");
  assert_refused(emit_event, "{\"payload\":null}", "payload: ");
  for (const char *const *number =
           (const char *const[]){"1.0", "1e3", "\"1\"", "-1", "-0", "18446744073709551616", NULL};
       *number; number++) {
    g_autofree char *json = g_strdup_printf("{\"not_after\":%s}", *number);
    assert_refused(get_tls_key, json, "not_after: ");
  }
  assert_refused(get_tls_key, "{\"usage_ra_tls\":1}", "usage_ra_tls: ");
  assert_refused(get_tls_key, "{\"alt_names\":null}", "alt_names: ");
  assert_refused(get_tls_key, "{\"alt_names\":[\"a\" \"b\"]}", "alt_names: ");
  assert_refused(get_tls_key, "{\"alt_names\":[null]}", "alt_names: ");
}

static void test_depth(void) {
  for (guint depth = 127; depth <= 128; depth++) {
    GString *json = g_string_new("{\"x\":");
    for (guint i = 0; i < depth; i++)
      g_string_append_c(json, '[');
    for (guint i = 0; i < depth; i++)
      g_string_append_c(json, ']');
    g_string_append_c(json, '}');
    g_autoptr(PrpcMessage) message = prpc_message_from_json(get_key, json->str, json->len, NULL);
    g_assert_true((message != NULL) == (depth == 127));
    g_string_free(json, TRUE);
  }
}

static void test_too_many_elements(void) {
  GString *json = g_string_new("{\"alt_names\":[\"\"");
  for (guint i = 0; i < 100000; i++)
    g_string_append(json, ",\"\"");
  g_string_append(json, "]}");
  assert_refused(get_tls_key, json->str, "too many");
  g_string_free(json, TRUE);
}

static void test_signed_numbers(void) {
  const ProtobufCMessageDescriptor *type = &guest_api__container__descriptor;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = prpc_message_from_json(type, "{\"created\":-9223372036854775808}", 32, &error);
  g_assert_no_error(error);
  g_autofree char *json = prpc_message_to_json(message);
  g_assert_nonnull(strstr(json, "\"created\":-9223372036854775808"));
  assert_refused(type, "{\"created\":9223372036854775808}", "created: ");
  assert_refused(type, "{\"created\":-9223372036854775809}", "created: ");
}

/* ---- queries ---- */

static void assert_query(const ProtobufCMessageDescriptor *type, const char *query, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = prpc_message_from_query(type, query, &error);
  if (error)
    g_test_message("%s: %s", query, error->message);
  if (!expected) {
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    return;
  }
  g_assert_no_error(error);
  g_autofree char *json = prpc_message_to_json(message);
  g_assert_nonnull(strstr(json, expected));
}

static void test_query(void) {
  static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *query, *expected;
  } cases[] = {
      {get_key, "", "{\"path\":\"\",\"purpose\":\"\",\"algorithm\":\"\"}"},
      {get_key, "path=a+b%2Fc&&purpose=%c3%a4&unknown=1&json", "{\"path\":\"a b/c\",\"purpose\":\"\\u00e4\""},
      {get_key, "path", "{\"path\":\"\""},
      {get_key, "path=a=b", "{\"path\":\"a=b\""},
      {get_key, "path=a&path=b", NULL},
      {get_key, "x=a&x=b", NULL},
      {get_key, "path=%00", NULL},
      {get_key, "path=%ff", NULL},
      {get_key, "path=%2", NULL},
      {get_key, "path=%zz", NULL},
      {get_key, "path[x]=1", NULL},
      {get_key, "path[=1", NULL},
      {get_key, "a[1][2][3][4][5]=1", "{\"path\":\"\""},
      {get_key, "a[1][2][3][4][5][6]=1", NULL},
      {get_tls_key, "alt_names[1]=b&alt_names[0]=a&alt_names[7]=c", "\"alt_names\":[\"a\",\"b\",\"c\"]"},
      {get_tls_key, "alt_names[]=b&alt_names[]=a", "\"alt_names\":[\"b\",\"a\"]"},
      {get_tls_key, "alt_names%5B%5D=b", "\"alt_names\":[]"},
      {get_tls_key, "alt_names[0]=b&alt_names[]=a", NULL},
      {get_tls_key, "alt_names[0]=b&alt_names[0]=a", NULL},
      {get_tls_key, "alt_names[0]=b&alt_names[00]=a", NULL},
      {get_tls_key, "alt_names[x]=b", NULL},
      {get_tls_key, "alt_names=a", NULL},
      {get_tls_key, "alt_names[0]=a&alt_names=b", NULL},
      {get_tls_key, "usage_ra_tls=true&not_after=12&not_before=", "\"not_before\":null,\"not_after\":12,"},
      {get_tls_key, "usage_ra_tls=1", NULL},
      {get_tls_key, "not_after=-1", NULL},
      {get_tls_key, "not_after=1x", NULL},
      {emit_event, "payload=0xaB", "\"payload\":\"ab\""},
      {emit_event, "payload=a", NULL},
      {&vmm__vm_info__descriptor, "configuration[name]=n&configuration[vcpu]=2", "\"configuration\":{\"name\":\"n\","},
      {&vmm__vm_info__descriptor, "configuration=n", NULL},
      {&google__protobuf__empty__descriptor, "a=%zz&a", "null"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    assert_query(cases[i].type, cases[i].query, cases[i].expected);
}

/* ---- protobuf ---- */

static void assert_packed(const ProtobufCMessageDescriptor *type, const char *json, const char *hex) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = prpc_message_from_json(type, json, strlen(json), &error);
  g_assert_no_error(error);
  g_autoptr(GBytes) packed = prpc_message_pack(message);
  g_autofree char *text = hex_encode_bytes(packed);
  g_assert_cmpstr(text, ==, hex);
}

static void test_pack(void) {
  assert_packed(get_key, "{\"path\":\"/\",\"purpose\":\"test\"}", "0a012f120474657374");
  assert_packed(get_key, "{}", "");
  assert_packed(get_tls_key, "{\"not_before\":0}", "3000");
  assert_packed(&google__protobuf__empty__descriptor, "", "");
  assert_packed(&prpc__proto_error__descriptor, "{\"message\":\"service not found: Foo\"}",
                "0a1673657276696365206e6f7420666f756e643a20466f6f");
}

static void assert_unpacks(const char *hex, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = hex_decode(hex, strlen(hex), &error);
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  g_autoptr(PrpcMessage) message = prpc_message_unpack(get_tls_key, data, len, &error);
  if (!expected) {
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    return;
  }
  g_assert_no_error(error);
  g_autofree char *json = prpc_message_to_json(message);
  g_assert_nonnull(strstr(json, expected));
}

static void test_unpack(void) {
  assert_unpacks("", "{\"subject\":\"\"");
  assert_unpacks("0a0161", "{\"subject\":\"a\"");
  assert_unpacks("0a01610a0162", "{\"subject\":\"b\""); /* the last one wins */
  assert_unpacks("0a0161f20702abcdf80701fd0701020304f1070102030405060708", "{\"subject\":\"a\""); /* unknown fields */
  assert_unpacks("1a0218011a", NULL);   /* wrong wire type, truncation */
  assert_unpacks("0a02c328", NULL);     /* not utf-8 */
  assert_unpacks("0a0361006200", NULL); /* nul inside */
  assert_unpacks("0a0561", NULL);
  assert_unpacks("0a", NULL);
  assert_unpacks("0801", NULL);                     /* a string as a varint */
  assert_unpacks("30ffffffffffffffffffff01", NULL); /* varint of 11 bytes */
  assert_unpacks("0001", NULL);                     /* field 0 */
  assert_unpacks("0b0c", NULL);                     /* groups */
  assert_unpacks("0affffffffffffffffff01", NULL);   /* huge length */
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prpc/message/write", test_write);
  g_test_add_func("/prpc/message/omitted-attestation", test_omitted_attestation);
  g_test_add_func("/prpc/message/sub-messages", test_sub_messages);
  g_test_add_func("/prpc/message/read", test_read);
  g_test_add_func("/prpc/message/read-refuses", test_read_refuses);
  g_test_add_func("/prpc/message/depth", test_depth);
  g_test_add_func("/prpc/message/too-many-elements", test_too_many_elements);
  g_test_add_func("/prpc/message/signed-numbers", test_signed_numbers);
  g_test_add_func("/prpc/message/query", test_query);
  g_test_add_func("/prpc/message/pack", test_pack);
  g_test_add_func("/prpc/message/unpack", test_unpack);
  return g_test_run();
}
