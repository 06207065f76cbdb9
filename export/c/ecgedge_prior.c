/* The prior in integers: docs/arithmetic.md of ecgedge, "Prior". */
#include "ecgedge_prior.h"

#include "ecgedge_arith.h"
#include "ecgedge_network.h"

#if ECGEDGE_BONUS_BITS == 16
typedef uint16_t bonus;
#elif ECGEDGE_BONUS_BITS == 32
typedef uint32_t bonus;
#else
#error "ECGEDGE_BONUS_BITS is 16 or 32; export the program again"
#endif

#define SHARE_ONE (1 << ECGEDGE_SHARE_BITS)
#define HALF ((1 << ECGEDGE_PRIOR_SHIFT) >> 1)

ECGEDGE_PROMISE(share_fits_16_bits, ECGEDGE_SHARE_BITS <= 13 && ECGEDGE_PRIOR_SHIFT <= 8);
ECGEDGE_PROMISE(label_is_one, ECGEDGE_PRIOR_LABEL < ECGEDGE_LABELS && ECGEDGE_LABELS > 2);
ECGEDGE_PROMISE(bonus_is_within_the_proof,
                (int32_t)ECGEDGE_PRIOR_GAIN * SHARE_ONE <= ECGEDGE_BONUS_GREATEST &&
                    (ECGEDGE_BONUS_BITS == 32 || ECGEDGE_BONUS_GREATEST < 65536L));
ECGEDGE_PROMISE(score_fits_32_bits, ECGEDGE_SCORE_GREATEST <= INT32_MAX);

/* A program that does not take the irregularity of its rhythm has no exception. */
static bool is_irregular(const int8_t *context)
{
#if ECGEDGE_CONTEXT > ECGEDGE_IRREGULARITY
    return context[ECGEDGE_IRREGULARITY] >= ECGEDGE_IRREGULAR_FROM;
#else
    (void)context;
    return false;
#endif
}

uint8_t ecgedge_prior_decide(int16_t *share, const int8_t *context, int32_t *scores)
{
    int16_t change = (int16_t)(HALF - *share);
    if (!is_irregular(context))
        scores[ECGEDGE_PRIOR_LABEL] += (int32_t)((bonus)ECGEDGE_PRIOR_GAIN * (bonus)*share);
    const uint8_t label = ecgedge_decide(scores);
    if (label == ECGEDGE_PRIOR_LABEL)
        change = (int16_t)(change + SHARE_ONE);
    *share = (int16_t)(*share + (change >> ECGEDGE_PRIOR_SHIFT));
    return label;
}
