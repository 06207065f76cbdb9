/* For Frama-C's Eva: every share, with all scores that a network can give, in every rhythm. */
#include "__fc_builtin.h"
#include "ecgedge_prior.h"

#define SHARE_ONE (1 << ECGEDGE_SHARE_BITS)
#define SCORE_MAX (127L * 128 + 127L * 127 * 33) /* the widest hidden layer, all at their rails */

static int8_t context[ECGEDGE_CONTEXT + 1];
static int32_t scores[ECGEDGE_LABELS];

int main(void)
{
    int16_t share = (int16_t)Frama_C_interval(0, SHARE_ONE);
    for (uint8_t i = 0; i < ECGEDGE_LABELS; i++)
        scores[i] = (int32_t)Frama_C_long_interval(-SCORE_MAX, SCORE_MAX);
    for (uint8_t i = 0; i < ECGEDGE_CONTEXT; i++)
        context[i] = (int8_t)Frama_C_interval(-127, 127);
    const uint8_t label = ecgedge_prior_decide(&share, context, scores);
    /*@ assert label < ECGEDGE_LABELS; */
    return label;
}
