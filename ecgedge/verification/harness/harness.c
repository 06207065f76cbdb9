/*
 * Runs the library on a stream of input and shows every integer: the same program on every core.
 *
 * Input: one byte that says what to do, then
 *   'n'  beats (ECGEDGE_WINDOW values; none for a program that looks at none) with their context
 *        (ECGEDGE_CONTEXT values); answers each with every layer of the network
 *   'c'  windows (ECGEDGE_WINDOW int16 counts) with their context; answers with scores and label, and
 *        with the shape against a template that takes in one window after the other
 *   'p'  samples (int16); answers with the beats that they decide, after the last sample with
 *        those that wait
 * Sections that are counted: 0 the network on a beat, 1 a sample, 2 a window from counts to label.
 */
#include "ecgedge_network.h"
#if ECGEDGE_SHAPE_VALUES
#include "ecgedge_shape.h"
#endif
#include "port.h"

#if ECGEDGE_SEEN
#define BEAT ECGEDGE_WINDOW
#else
#define BEAT 0
#endif
#define CHUNK 32 /* samples read at a time */

/* One thing is done in a run: what it needs shares the memory, of which an ATmega328P has 2 KB. */
static union {
    struct {
        int8_t input[BEAT + ECGEDGE_CONTEXT + 1];
        ecgedge_layers layers;
    } network;
    struct {
        int16_t counts[ECGEDGE_WINDOW];
#if ECGEDGE_SHAPE_VALUES
        ecgedge_shape shape;
#endif
    } window;
    struct {
        ecgedge_state state;
        int16_t samples[CHUNK];
    } pipeline;
} memory;

static void write_u8(uint8_t value)
{
    port_write(&value, 1);
}

static void write_layers(const ecgedge_layers *layers)
{
#if ECGEDGE_LAYERS
    port_write(layers->sums, sizeof layers->sums);
    port_write(layers->tokens, sizeof layers->tokens);
    port_write(layers->mean, sizeof layers->mean);
#endif
#if ECGEDGE_MEASURES
    port_write(layers->measure_sums, sizeof layers->measure_sums);
    port_write(layers->measures, sizeof layers->measures);
#endif
#if ECGEDGE_HIDDEN
    port_write(layers->hidden_sums, sizeof layers->hidden_sums);
    port_write(layers->hidden, sizeof layers->hidden);
#endif
    port_write(layers->scores, sizeof layers->scores);
    write_u8(layers->label);
}

static void run_network(void)
{
    int8_t *const input = memory.network.input;
    ecgedge_layers *const layers = &memory.network.layers;
    while (port_read(input, BEAT + ECGEDGE_CONTEXT) == BEAT + ECGEDGE_CONTEXT) {
        port_begin();
        ecgedge_run(input, input + BEAT, layers);
        port_end(0);
        write_layers(layers);
    }
}

/* All that a complete window costs, and its label. */
static uint8_t take_window(const int8_t *context, int32_t *scores, int8_t *shape)
{
#if ECGEDGE_SHAPE_VALUES
    const ecgedge_window window = {memory.window.counts, ECGEDGE_WINDOW, 0};
    ecgedge_shape_look(&memory.window.shape, &window,
                       *context < ECGEDGE_PREMATURE_BELOW ? ECGEDGE_TAKE_PREMATURE : ECGEDGE_TAKE,
                       shape);
#if !ECGEDGE_SEEN
    ecgedge_features features;
    ecgedge_look(&window, &features); /* elsewhere it is part of what follows */
#endif
#else
    (void)shape;
#endif
    return ecgedge_classify(memory.window.counts, context, scores);
}

static void run_windows(void)
{
    int8_t shape[ECGEDGE_SHAPE_VALUES + 1];
    int8_t context[ECGEDGE_CONTEXT + 1] = {0};
    int32_t scores[ECGEDGE_LABELS];
    int16_t *const counts = memory.window.counts;
    while (port_read(counts, 2 * ECGEDGE_WINDOW) == 2 * ECGEDGE_WINDOW) {
        port_read(context, ECGEDGE_CONTEXT);
        port_begin();
        const uint8_t label = take_window(context, scores, shape);
        port_end(2);
        port_write(scores, sizeof scores);
        write_u8(label);
#if ECGEDGE_SHAPE_VALUES
        port_write(shape, ECGEDGE_SHAPE_VALUES);
#endif
    }
}

static void write_beat(const ecgedge_beat *beat)
{
    port_write(&beat->sample, sizeof beat->sample);
    port_write(&beat->decided_at, sizeof beat->decided_at);
    port_write(beat->scores, sizeof beat->scores);
    port_write(&beat->rr, sizeof beat->rr);
    port_write(beat->context, sizeof beat->context);
    write_u8(beat->label);
    write_u8(beat->quality);
    write_u8(beat->search_back);
}

static void run_pipeline(void)
{
    ecgedge_state *const state = &memory.pipeline.state;
    int16_t *const samples = memory.pipeline.samples;
    ecgedge_beat beat;
    uint16_t bytes;
    ecgedge_init(state);
    while ((bytes = port_read(samples, CHUNK * sizeof *samples)) > 1)
        for (uint16_t i = 0; i < bytes / 2; i++) {
            port_begin();
            const bool decided = ecgedge_push(state, samples[i], &beat);
            port_end(1);
            if (decided)
                write_beat(&beat);
        }
    while (ecgedge_flush(state, &beat))
        write_beat(&beat);
}

int main(void)
{
    char what;
    if (port_read(&what, 1) != 1)
        return 1;
    if (what == 'n')
        run_network();
    else if (what == 'c')
        run_windows();
    else if (what == 'p')
        run_pipeline();
    else
        return 2;
    return 0;
}
