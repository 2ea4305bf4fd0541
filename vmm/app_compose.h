/* app-compose.json as a client gives it: what the guest would refuse is refused here, by the same code, before a VM is made of it
 * (spec: guest-os 5, vmm 4.2). Its bytes are hashed as they came; parsing never changes them. */
#pragma once

#include "cvm/compose.h"

#include <glib.h>

/* Errors: TOO_LARGE, NOT_IMPLEMENTED, INVALID (each names the member and what is wrong with it; a docker_compose_file that is no
 * YAML too). */
AppCompose *vmm_compose_parse(const char *text, GError **error);

/* Lower-case hex SHA-256 of the bytes. */
char *vmm_compose_hash(const char *text);
/* The app id of an app that has no other: the first 40 digits of the compose hash. */
char *vmm_compose_default_app_id(const char *text);
