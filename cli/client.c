#include "cli/client.h"

#include "cli/cli.h"

#include "base/error.h"
#include "base/json.h"
#include "google/protobuf/empty.pb-c.h"

#include <stdio.h>
#include <string.h>

char *cli_url_with_prefix(const char *url, const char *prefix) {
  if (g_str_has_prefix(url, "unix:"))
    return g_strdup_printf("%s%s%s", url, *prefix ? "|" : "", prefix);
  const char *host = strstr(url, "://");
  const char *path = host ? strchr(host + 3, '/') : NULL; /* a path in the URL means nothing */
  return g_strdup_printf("%.*s%s", path ? (int)(path - url) : (int)strlen(url), url, prefix);
}

static const char *vmm_url(void) {
  const char *from_env = g_getenv("DSTACK_VMM_URL");
  if (cli_options.url)
    return cli_options.url;
  return from_env && *from_env ? from_env : CLI_DEFAULT_URL;
}

static gboolean add_credentials(PrpcClient *client, GError **error) {
  const char *token = g_getenv("DSTACK_VMM_TOKEN"), *user = g_getenv("DSTACK_VMM_AUTH_USER");
  const char *password = g_getenv("DSTACK_VMM_AUTH_PASSWORD");
  g_autofree char *header = NULL;
  if (token && *token) {
    header = g_strdup_printf("Authorization: Bearer %s", token);
  } else if (user && password) {
    g_autofree char *pair = g_strdup_printf("%s:%s", user, password);
    g_autofree char *encoded = g_base64_encode((const guchar *)pair, strlen(pair));
    header = g_strdup_printf("Authorization: Basic %s", encoded);
  } else if (user || password) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
                "incomplete VMM Basic auth credentials: set both DSTACK_VMM_AUTH_USER and DSTACK_VMM_AUTH_PASSWORD");
    return FALSE;
  }
  if (header)
    prpc_client_add_header(client, header);
  return TRUE;
}

PrpcClient *cli_connect(const char *prefix, GError **error) {
  g_autofree char *url = cli_url_with_prefix(vmm_url(), prefix);
  g_autoptr(PrpcClient) client = prpc_client_new(url, error);
  return client && add_credentials(client, error) ? g_steal_pointer(&client) : NULL;
}

ProtobufCMessage *cli_call(const char *method, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *answer_type,
                           GError **error) {
  g_autoptr(PrpcClient) client = cli_connect("/prpc", error);
  if (!client)
    return NULL;
  g_autoptr(GError) reason = NULL;
  ProtobufCMessage *answer = prpc_client_call(client, method, request, answer_type, &reason);
  if (answer)
    return answer;
  if (g_error_matches(reason, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE))
    g_set_error(error, reason->domain, reason->code, "%s (the VMM is %s: name another with --url or DSTACK_VMM_URL)",
                reason->message, vmm_url());
  else
    g_propagate_error(error, g_steal_pointer(&reason));
  return NULL;
}

gboolean cli_call_id(const char *method, const char *id, GError **error) {
  Vmm__Id request = VMM__ID__INIT;
  request.id = (char *)id;
  g_autoptr(PrpcMessage) answer = cli_call(method, &request.base, &google__protobuf__empty__descriptor, error);
  return answer != NULL;
}

typedef enum { MATCH_NONE, MATCH_PREFIX, MATCH_NAME, MATCH_ID } Match;

static Match match(const Vmm__VmInfo *vm, const char *name) {
  if (strcmp(vm->id, name) == 0)
    return MATCH_ID;
  if (strcmp(vm->name, name) == 0)
    return MATCH_NAME;
  return g_str_has_prefix(vm->id, name) ? MATCH_PREFIX : MATCH_NONE;
}

char *cli_find_vm(const char *name, GError **error) {
  Vmm__StatusRequest request = VMM__STATUS_REQUEST__INIT;
  request.brief = TRUE;
  g_autoptr(PrpcMessage) message = cli_call("Status", &request.base, &vmm__status_response__descriptor, error);
  if (!message)
    return NULL;
  const Vmm__StatusResponse *status = (const Vmm__StatusResponse *)message;
  Match best = MATCH_NONE;
  for (gsize i = 0; i < status->n_vms; i++)
    best = MAX(best, match(status->vms[i], name));
  g_autoptr(GString) fits = g_string_new(NULL);
  const char *found = NULL;
  guint count = 0;
  for (gsize i = 0; i < status->n_vms && *name; i++)
    if (best != MATCH_NONE && match(status->vms[i], name) == best) {
      found = status->vms[i]->id;
      g_string_append_printf(fits, "%s%s", count++ ? ", " : "", found);
    }
  if (count == 1)
    return g_strdup(found);
  if (count == 0)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "no VM is named '%s' or has an id that begins so; see dstack list",
                name);
  else
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "'%s' fits several VMs: %s", name, fits->str);
  return NULL;
}

Vmm__GetInfoResponse *cli_get_info(const char *id, GError **error) {
  Vmm__Id request = VMM__ID__INIT;
  request.id = (char *)id;
  ProtobufCMessage *message = cli_call("GetInfo", &request.base, &vmm__get_info_response__descriptor, error);
  Vmm__GetInfoResponse *response = (Vmm__GetInfoResponse *)message;
  if (!response || (response->found && response->info))
    return response;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "VM with ID %s not found", id);
  prpc_message_free(message);
  return NULL;
}

void cli_print_json(const ProtobufCMessage *message) {
  g_autofree char *compact = prpc_message_to_json(message);
  g_autoptr(json_t) value = json_parse(compact, strlen(compact), "answer", NULL);
  char *pretty = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
  puts(pretty ? pretty : compact);
  free(pretty);
}
