/* dstack kms deploy, create-app, set-info: what takes more than one value. */
#pragma once

#include <glib.h>

typedef struct {
  char *contracts;          /* --contracts */
  char *implementation;     /* --implementation */
  char *app_implementation; /* --app-implementation */
  char *owner, *device, *compose_hash;
  gboolean any_device, require_tcb, disable_upgrades;
} KmsContractOptions;

/* Each returns the exit status. */
int kms_contract_deploy(const KmsContractOptions *options);
int kms_contract_create_app(const KmsContractOptions *options);
int kms_contract_set_info(const char *path);
