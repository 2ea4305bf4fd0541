/* One caller on the way to a decision. What is known of it when the way ends goes into the audit log. */
#pragma once

#include "kms/audit_facts.h"
#include "kms/verifier/auth_api.h"
#include "kms/verifier/boot_info.h"

#include <glib.h>

typedef struct {
  AuditRequest request;
  GBytes *public_key; /* SPKI of the key that the evidence is, or should be, bound to; NULL: none was shown */
  BootInfo info;      /* app_id NULL: nothing is proven yet */
  BootDecision decision;
} Caller;
void caller_clear(Caller *caller);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Caller, caller_clear)

/* Takes `public_key`, which may be NULL. */
void caller_init(Caller *caller, AuditRequest request, GBytes *public_key);
void caller_facts(const Caller *caller, AuditFacts *out);
