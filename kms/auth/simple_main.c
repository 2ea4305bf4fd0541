/* dstack-auth-simple: a KMS's webhook that reads allow-lists from a file. */
#include "kms/auth/allow_list.h"
#include "kms/auth/program.h"

static const char about[] =
    "A KMS's webhook that reads allow-lists from a JSON file, anew for each question. It must be reachable\n"
    "from the KMS only.\n\n"
    "Environment, or a file .env in the working directory:\n"
    "  HOST, PORT        where to listen (127.0.0.1, 3000)\n"
    "  AUTH_CONFIG_PATH  the file (./auth-config.json)\n\n"
    "The file:\n"
    "  {\"osImages\": [\"<32 bytes>\"], \"gatewayAppId\": \"\",\n"
    "   \"kms\": {\"mrAggregated\": [], \"devices\": [], \"allowAnyDevice\": false},\n"
    "   \"apps\": {\"<app id>\": {\"composeHashes\": [], \"devices\": [], \"allowAnyDevice\": false}},\n"
    "   \"allowedTcbStatuses\": [\"UpToDate\"], \"allowedAdvisoryIds\": []}\n"
    "What is not listed is refused. A file that is missing or wrong refuses everything.";

static int serve(AuthEnvironment *environment, GError **error) {
  (void)error; /* nothing can be wrong yet: the file may come later */
  AllowListFile file = {auth_environment_get(environment, "AUTH_CONFIG_PATH", "./auth-config.json")};
  AuthBackend backend = allow_list_backend(&file);
  return auth_serve(&backend, auth_environment_get(environment, "HOST", "127.0.0.1"),
                    auth_environment_get(environment, "PORT", "3000"));
}

int main(int argc, char **argv) { return auth_program(argc, argv, "dstack-auth-simple", about, serve); }
