/* What the program's own decisions say of the next one. */
#ifndef ECGEDGE_PRIOR_H
#define ECGEDGE_PRIOR_H

#include "ecgedge.h"

/*
 * Decide, with what the decisions so far have to say, which then take in this one.
 *
 * share:   of the prior's label in them, in 2^-ECGEDGE_SHARE_BITS.
 * context: of the beat; where it tells of an irregular rhythm they have nothing to say.
 * scores:  of the network; what the prior adds to its label's stays in it.
 * Returns the label's index.
 */
uint8_t ecgedge_prior_decide(int16_t *share, const int8_t *context, int32_t *scores);

#endif
