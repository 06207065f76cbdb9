/*
 * The library as a WebAssembly module: one stream, with its state and its newest beat in the
 * module's memory. No imports.
 *
 *     start();                          begin; the first sample gets the number 0
 *     if (push(sample)) read(beat());   a sample, -32768 ... 32767; 1 when it decides a beat
 *     while (flush()) read(beat());     the end: the beats that still wait
 *
 * beat() is the place of an `ecgedge_beat` (ecgedge.h), little-endian: sample and decided_at at 0
 * and 4, the scores from 8 on, four bytes each; then, one after the other, rr in two bytes, five or
 * twelve of context, label, quality and search_back.
 */
#include "ecgedge.h"

#define EXPORT(name) __attribute__((export_name(name)))

static ecgedge_state state;
static ecgedge_beat newest;

EXPORT("start") void start(void)
{
    ecgedge_init(&state);
}

EXPORT("push") int32_t push(int32_t sample)
{
    return ecgedge_push(&state, (int16_t)sample, &newest);
}

EXPORT("flush") int32_t flush(void)
{
    return ecgedge_flush(&state, &newest);
}

EXPORT("beat") const ecgedge_beat *beat(void)
{
    return &newest;
}
