/* What a client asks the supervisor to run (spec: supervisor-and-cli A.2, ProcessConfig). */
#pragma once

#include "base/json.h"

#include <glib.h>

typedef struct {
  char *id; /* never empty */
  char *name;
  char *command;  /* looked up in PATH when it has no '/' */
  char **args;    /* without argv[0] */
  json_t *env;    /* object of strings, added to the supervisor's environment */
  char *cwd;      /* "": inherited */
  char *out_path; /* file that standard output is appended to; "": discarded */
  char *err_path; /* the same for standard error */
  char *pid_path; /* file that gets the decimal pid at each start; "": none */
  gboolean has_cid;
  guint32 cid; /* opaque here, kept for the VMM */
  char *note;  /* opaque here, kept for the VMM */
} ProcessConfig;

/* Unknown keys are ignored. Error INVALID names the member that is missing or of another type. */
ProcessConfig *process_config_parse(const json_t *object, GError **error);
/* Every key, in the order of the spec. New reference. */
json_t *process_config_to_json(const ProcessConfig *config);
/* The environment of the process: ours, overridden by config->env. To be freed with g_strfreev(). */
char **process_config_environment(const ProcessConfig *config);

void process_config_free(ProcessConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProcessConfig, process_config_free)
