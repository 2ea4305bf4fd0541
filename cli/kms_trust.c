#include "cli/kms_trust.h"

#include "cli/cli.h"
#include "cli/trust.h"

#include "base/hex.h"

#include <stdio.h>
#include <string.h>

static int list(const TrustedSigners *signers) {
  puts(signers->len ? "Trusted signers:" : "Whitelist is empty");
  for (guint i = 0; i < signers->len; i++) {
    g_autofree char *text = hex_encode(signers->data + i * K256_PUBLIC_SIZE, K256_PUBLIC_SIZE);
    printf("  %s\n", text);
  }
  return CLI_DONE;
}

static int change(TrustedSigners *signers, gboolean add, const char *text) {
  GError *error = NULL;
  guint8 signer[K256_PUBLIC_SIZE];
  if (!trust_parse_signer(text, signer, &error))
    return cli_fail(error);
  g_autofree char *hex = hex_encode(signer, sizeof signer);
  gboolean changed = add ? trust_add(signers, signer) : trust_remove(signers, signer);
  if (changed && !trust_save(NULL, signers, &error))
    return cli_fail(error);
  if (add)
    printf(changed ? "Added %s to the whitelist\n" : "%s is already in the whitelist\n", hex);
  else
    printf(changed ? "Removed %s from the whitelist\n" : "%s is not in the whitelist\n", hex);
  return CLI_DONE;
}

int kms_trust(const char *verb, int argc, char **argv) {
  gboolean listing = strcmp(verb, "list") == 0, adding = strcmp(verb, "add") == 0;
  if (argc != (listing ? 0 : 1))
    return cli_usage(listing ? "expected nothing after list" : "expected one key after %s", verb);
  GError *error = NULL;
  g_autoptr(GArray) signers = trust_load(NULL, &error);
  if (!signers)
    return cli_fail(error);
  return listing ? list(signers) : change(signers, adding, argv[0]);
}
