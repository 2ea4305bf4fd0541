/* What the cryptography of one GetAppKey costs when nothing is around it: the yardstick of bench_app_key.c. */
#pragma once

#include "../../integration/kms/harness.h"

#include <glib.h>

typedef struct CryptoAlone CryptoAlone;
CryptoAlone *crypto_alone_new(Kms *kms);
void crypto_alone_free(CryptoAlone *crypto);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CryptoAlone, crypto_alone_free)

/* Prints what each step takes, in microseconds. */
void crypto_alone_list(CryptoAlone *crypto);
/* All steps after another in `n_threads` threads for `seconds`: how often a second. */
double crypto_alone_rate(CryptoAlone *crypto, guint n_threads, double seconds);
/* Processor time of one round through all steps so far, in seconds. */
double crypto_alone_cpu(const CryptoAlone *crypto);
