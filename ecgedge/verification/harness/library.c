/* The library on this machine, many beats or samples a call, for ctypes. */
#include "ecgedge_network.h"

uint32_t library_layers_size(void)
{
    return sizeof(ecgedge_layers);
}

uint32_t library_beat_size(void)
{
    return sizeof(ecgedge_beat);
}

/*
 * Run the network on n beats; context: n rows of ECGEDGE_CONTEXT values. Where ECGEDGE_SEEN is 0,
 * the beats are not looked at.
 */
void library_network(const int8_t *beats, const int8_t *context, uint32_t n, ecgedge_layers *layers)
{
    for (uint32_t i = 0; i < n; i++) {
        ecgedge_run(beats, context, &layers[i]);
        context += ECGEDGE_CONTEXT;
#if ECGEDGE_SEEN
        beats += ECGEDGE_WINDOW;
#endif
    }
}

/* Push n samples and flush; returns how many beats there were, of which `room` are stored. */
uint32_t library_pipeline(const int16_t *samples, uint32_t n, ecgedge_beat *beats, uint32_t room)
{
    static ecgedge_state state;
    ecgedge_beat beat;
    uint32_t found = 0;
    ecgedge_init(&state);
    for (uint32_t i = 0; i < n; i++)
        if (ecgedge_push(&state, samples[i], &beat) && found++ < room)
            beats[found - 1] = beat;
    while (ecgedge_flush(&state, &beat))
        if (found++ < room)
            beats[found - 1] = beat;
    return found;
}
