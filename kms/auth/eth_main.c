/* dstack-auth-eth: a KMS's webhook that asks the contracts. */
#include "kms/auth/chain.h"
#include "kms/auth/program.h"

static const char about[] =
    "A KMS's webhook that asks DstackKms on its chain. It holds no key and must be reachable from the KMS only.\n\n"
    "Environment, or a file .env in the working directory:\n"
    "  HOST, PORT                  where to listen (127.0.0.1, 8000)\n"
    "  ETH_RPC_URL                 one node, or several with commas between, tried in turn (http://localhost:8545)\n"
    "  KMS_CONTRACT_ADDR           the DstackKms proxy\n"
    "  ETH_CHAIN_ID                refuse nodes of another chain; needed with several nodes\n"
    "  ETH_RPC_QUORUM              how many nodes must give the same answer (1)\n"
    "  ETH_BLOCK_TAG               latest, safe or finalized (latest)\n"
    "  ETH_FINALITY_CONFIRMATIONS  how many blocks behind the latest to read (0)\n"
    "  ETH_MAX_BLOCK_AGE           refuse nodes whose newest block is older, in seconds (0: any age)\n"
    "  AUTH_CACHE_SECONDS          repeat a decision for so long, at most 60 (0: ask every time)";

static int serve(AuthEnvironment *environment, GError **error) {
  g_autoptr(ChainConfig) config = chain_config_new(environment, error);
  g_autoptr(Chain) chain = config ? chain_new(config, error) : NULL;
  if (!chain)
    return 1;
  AuthBackend backend = chain_backend(chain);
  return auth_serve(&backend, auth_environment_get(environment, "HOST", "127.0.0.1"),
                    auth_environment_get(environment, "PORT", "8000"));
}

int main(int argc, char **argv) { return auth_program(argc, argv, "dstack-auth-eth", about, serve); }
