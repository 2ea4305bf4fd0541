/* The body of POST /verify (spec: attestation E.2). */
#pragma once

#include <glib.h>

typedef struct {
  char *quote;       /* hex; NULL when only an attestation was sent */
  char *event_log;   /* JSON text */
  char *vm_config;   /* JSON text */
  char *attestation; /* hex of a versioned attestation; then the three above do not count */
  gboolean debug;
} VerifyRequest;

typedef enum { REQUEST_OK, REQUEST_NOT_JSON, REQUEST_ILL_TYPED } RequestStatus;

/* Both generations of the request; `pccs_url` and unknown members are ignored. Sets *error unless REQUEST_OK. */
RequestStatus verify_request_parse(const char *body, gsize len, VerifyRequest *out, GError **error);
void verify_request_clear(VerifyRequest *request);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VerifyRequest, verify_request_clear)
