/* The connection to a VMM. */
#pragma once

#include "prpc/client.h"

#include "vmm.pb-c.h"

#include <glib.h>

#define CLI_DEFAULT_URL "http://localhost:8080"

/* Uses --url, DSTACK_VMM_URL or the default. Credentials come from the environment only, so that no other user can read them in
 * the list of processes: DSTACK_VMM_TOKEN, or DSTACK_VMM_AUTH_USER with DSTACK_VMM_AUTH_PASSWORD. With `prefix` "/prpc" for
 * calls, "" for plain paths. */
PrpcClient *cli_connect(const char *prefix, GError **error);

/* A base URL for prpc_client_new(): a path in `url` means nothing and is left away. */
char *cli_url_with_prefix(const char *url, const char *prefix);

/* One call of service Vmm; the connection is made for it. */
ProtobufCMessage *cli_call(const char *method, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *answer_type,
                           GError **error);
/* A call that takes only a VM's id and answers nothing. */
gboolean cli_call_id(const char *method, const char *id, GError **error);

/* Finds a VM by id, by a name only one VM has, or by the beginning of an id that only one VM has. Returns its id. Errors:
 * NOT_FOUND, INVALID (names the VMs that would fit). */
char *cli_find_vm(const char *name, GError **error);
/* Everything about a VM. The result is a GetInfoResponse with info. */
Vmm__GetInfoResponse *cli_get_info(const char *id, GError **error);

/* Prints a message as JSON, indented by two. */
void cli_print_json(const ProtobufCMessage *message);
