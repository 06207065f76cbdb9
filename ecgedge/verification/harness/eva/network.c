/* For Frama-C's Eva: the network on every beat and every context at once. */
#include "__fc_builtin.h"
#include "ecgedge_network.h"

#if ECGEDGE_SEEN
static int8_t beat[ECGEDGE_WINDOW];
#else
static const int8_t *const beat; /* such a program looks at none */
#endif
static int8_t context[ECGEDGE_CONTEXT + 1];
static ecgedge_layers layers;
static int32_t scores[ECGEDGE_LABELS];

static void choose(int8_t *values, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++)
        values[i] = (int8_t)Frama_C_interval(-127, 127);
}

int main(void)
{
    choose(context, ECGEDGE_CONTEXT);
#if ECGEDGE_SEEN
    choose(beat, ECGEDGE_WINDOW);
#endif
    ecgedge_run(beat, context, &layers);
#if ECGEDGE_LAYERS
    /*@ assert \subset(layers.tokens[0 .. ECGEDGE_LAYERS][0 .. ECGEDGE_TOKENS - 1]
                                    [0 .. ECGEDGE_CHANNELS - 1], (0 .. 127)); */
    /*@ assert \subset(layers.mean[0 .. ECGEDGE_CHANNELS - 1], (0 .. 127)); */
#endif
#if ECGEDGE_MEASURES
    /*@ assert \subset(layers.measure_sums[0 .. ECGEDGE_MEASURES - 1],
                       (ECGEDGE_MEASURE_LEAST .. ECGEDGE_MEASURE_GREATEST)); */
    /*@ assert \subset(layers.measures[0 .. ECGEDGE_MEASURES - 1], (-127 .. 127)); */
#endif
#if ECGEDGE_HIDDEN
    /*@ assert \subset(layers.hidden[0 .. ECGEDGE_HIDDEN - 1], (-127 .. 127)); */
#endif
    /*@ assert layers.label < ECGEDGE_LABELS; */
    const uint8_t label = ecgedge_network(beat, context, scores);
    /*@ assert label < ECGEDGE_LABELS; */
    return label;
}
