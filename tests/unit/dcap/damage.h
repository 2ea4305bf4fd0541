/* Walks over a good sample, changes one thing at a time, and checks that each change is refused for the right reason.
 */
#pragma once

#include "sample.h"

/* Every byte of the quote, every length it can be cut to, bytes added and removed after its signature section. */
void damage_quote(const Sample *sample);
/* Each `stride`th byte of both signed texts, and samples of the digits of chains, lists and signatures. */
void damage_collateral(const Sample *sample, gsize stride);
