/* dstack-auth-mock: a KMS's webhook that decides by a setting. A program of its own: production machines do not have
 * it. */
#include "kms/auth/mock.h"
#include "kms/auth/program.h"

#include "base/error.h"
#include "base/log.h"

static const char about[] =
    "A KMS's webhook for development: it allows everything, or what MOCK_POLICY says. Never let a KMS\n"
    "with real keys ask it.\n\n"
    "Environment, or a file .env in the working directory:\n"
    "  HOST, PORT                     where to listen (127.0.0.1, 3000)\n"
    "  MOCK_POLICY                    allow-all, deny-app, deny-kms, deny-all, allowlist-device, allowlist-mr\n"
    "                                 (allow-all)\n"
    "  MOCK_ALLOWED_DEVICE_IDS, MOCK_ALLOWED_MR_AGGREGATED\n"
    "                                 the lists, with commas between\n"
    "  MOCK_GATEWAY_APP_ID, MOCK_CHAIN_ID, MOCK_APP_IMPLEMENTATION, KMS_CONTRACT_ADDR, ETH_RPC_URL\n"
    "                                 what GET / tells\n"
    "It refuses to start with NODE_ENV=production.";

static int serve(AuthEnvironment *environment, GError **error) {
  if (g_str_equal(auth_environment_get(environment, "NODE_ENV", ""), "production")) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "NODE_ENV=production: this webhook is for development");
    return 1;
  }
  log_warn("decisions are made by MOCK_POLICY: for development only");
  AuthBackend backend = mock_backend(environment);
  return auth_serve(&backend, auth_environment_get(environment, "HOST", "127.0.0.1"),
                    auth_environment_get(environment, "PORT", "3000"));
}

int main(int argc, char **argv) { return auth_program(argc, argv, "dstack-auth-mock", about, serve); }
