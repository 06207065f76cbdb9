/* For Frama-C's Eva: every window of ADC counts, anywhere in the ring, and every context. */
#include "__fc_builtin.h"
#include "ecgedge_window.h"

static int16_t ring[ECGEDGE_RING];
static int8_t context[ECGEDGE_CONTEXT + 1];
static int32_t scores[ECGEDGE_LABELS];

static void choose(void)
{
    for (uint16_t i = 0; i < ECGEDGE_RING; i++)
        ring[i] = (int16_t)Frama_C_interval(-32768, 32767);
    for (uint8_t i = 0; i < ECGEDGE_CONTEXT; i++)
        context[i] = (int8_t)Frama_C_interval(-127, 127);
}

int main(void)
{
    ecgedge_window window = {ring, ECGEDGE_RING, 0};
    ecgedge_features features;
    choose();
    window.first = (uint16_t)Frama_C_interval(0, ECGEDGE_RING - 1);
    ecgedge_look(&window, &features);
#if ECGEDGE_SEEN
    /*@ assert \subset(features.seen[0 .. ECGEDGE_SEEN - 1], (ECGEDGE_MEASURES ? -127 : 0 .. 127)); */
#endif
    /*@ assert features.quality <= ECGEDGE_CLIPPED; */
    const uint8_t label = ecgedge_classify(ring, context, scores);
    /*@ assert label < ECGEDGE_LABELS; */
    return label;
}
