/* The check of a time, for tests with a clock of their own. */
#pragma once

#include "dstack/dstack.h"

dstack_status check_signature_time(uint64_t timestamp, uint64_t now, uint64_t max_age_seconds, dstack_error *error);
