/* A verdict before anything was proven. */
#pragma once

#include "dcap/dcap.h"

/* The worst there is: chain invalid, everything revoked, no advisories. */
void dcap_verdict_init(DcapVerdict *verdict);
