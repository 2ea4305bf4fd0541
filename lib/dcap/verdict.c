#include "dcap/verdict.h"

void dcap_verdict_init(DcapVerdict *verdict) {
  *verdict = (DcapVerdict){.failure = DCAP_CHAIN_INVALID,
                           .status = TCB_REVOKED,
                           .platform_status = TCB_REVOKED,
                           .module_status = TCB_REVOKED,
                           .qe_status = TCB_REVOKED,
                           .advisory_ids = g_ptr_array_new_with_free_func(g_free)};
}

void dcap_verdict_clear(DcapVerdict *verdict) { g_clear_pointer(&verdict->advisory_ids, g_ptr_array_unref); }
