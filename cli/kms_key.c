#include "cli/kms_key.h"

#include "cli/cli.h"
#include "cli/client.h"

#include "base/error.h"
#include "base/hex.h"

#include <stdio.h>
#include <string.h>

#define METHOD "GetAppEnvEncryptPubKey"
#define APP_ID_SIZE 20

static TrustedSigners *trusted_signers(const DeployOptions *options, GError **error) {
  g_autoptr(GArray) signers = trust_load(NULL, error);
  for (guint i = 0; signers && options->kms_signers && options->kms_signers[i]; i++) {
    guint8 signer[K256_PUBLIC_SIZE];
    if (!trust_parse_signer(options->kms_signers[i], signer, error))
      return NULL;
    (void)trust_add(signers, signer); /* trusted already is as good */
  }
  return g_steal_pointer(&signers);
}

static const char *kms_url(const DeployOptions *options) {
  if (options->kms_encrypt_url)
    return options->kms_encrypt_url;
  return options->kms_urls ? options->kms_urls[0] : NULL;
}

/* No credentials go there: they are the VMM's. */
static PrpcClient *connect_to_kms(const char *url, GError **error) {
  g_autofree char *base = cli_url_with_prefix(url, "/prpc");
  g_autoptr(PrpcClient) client = prpc_client_new(base, error);
  if (!client)
    return NULL;
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL); /* what counts is the signature in the answer */
  prpc_client_set_tls(client, context, FALSE);
  SSL_CTX_free(context);
  return g_steal_pointer(&client);
}

static ProtobufCMessage *ask(const char *url, const char *app_id, guint8 *app_id_bytes, GError **error) {
  Vmm__AppId request = VMM__APP_ID__INIT; /* the KMS's own messages have the same members */
  request.app_id = (ProtobufCBinaryData){.len = APP_ID_SIZE, .data = app_id_bytes};
  if (!url)
    return cli_call(METHOD, &request.base, &vmm__public_key_response__descriptor, error);
  if (!cli_options.json)
    printf("Getting encryption public key for %s from %s\n", app_id, url);
  g_autoptr(PrpcClient) client = connect_to_kms(url, error);
  return client ? prpc_client_call(client, METHOD, &request.base, &vmm__public_key_response__descriptor, error) : NULL;
}

/* A signature without a date is as good for a key of years ago: whoever stands in between could hand that out. */
static gboolean check_dated(const DeployOptions *options, gboolean dated, GError **error) {
  if (dated)
    return TRUE;
  if (!options->require_dated_key) {
    fprintf(stderr, "warning: the kms's encryption key is signed without a date: it could be an old one (see --require-dated-key)\n");
    return TRUE;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the kms's encryption key is signed without a date");
  return FALSE;
}

gboolean kms_key_fetch(const DeployOptions *options, const char *app_id, guint8 key[ENV_KEY_SIZE], GError **error) {
  guint8 app_id_bytes[APP_ID_SIZE], signer[K256_PUBLIC_SIZE];
  gboolean dated;
  g_autoptr(GArray) trusted = trusted_signers(options, error);
  if (!trusted || !hex_decode_fixed(app_id, app_id_bytes, sizeof app_id_bytes, error))
    return FALSE;
  g_autoptr(PrpcMessage) answer = ask(kms_url(options), app_id, app_id_bytes, error);
  return answer &&
         env_key_verify((const Vmm__PublicKeyResponse *)answer, app_id_bytes, trusted, g_get_real_time() / G_USEC_PER_SEC, key,
                        signer, &dated, error) &&
         check_dated(options, dated, error);
}
