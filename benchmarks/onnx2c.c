/*
 * Runs a network on beats and counts it: the peer's `entry` with PEER defined, ecgedge's otherwise.
 * Input: beats of WINDOW int8 values, each followed by CONTEXT more. Answers with OUTPUTS scores.
 * The peer gets q / 128, converted outside of what is counted.
 */
#include <stdint.h>

#include "port.h"

#ifdef PEER
typedef float value;
typedef float score;
extern void entry(PEER);
#else
#include "ecgedge.h"
typedef int8_t value;
typedef int32_t score;
#endif

static int8_t bytes[WINDOW + CONTEXT + 1];
static value beat[WINDOW], context[CONTEXT + 1];
static score scores[OUTPUTS];

static void convert(const int8_t *from, value *to, uint16_t count)
{
    while (count--) {
        const int8_t q = *from++;
#ifdef PEER
        *to++ = (float)q / 128.0f;
#else
        *to++ = q;
#endif
    }
}

/* Apart from main, which must not use the floating-point unit before it is on. */
__attribute__((noinline)) static void run(void)
{
    while (port_read(bytes, WINDOW + CONTEXT) == WINDOW + CONTEXT) {
        convert(bytes, beat, WINDOW);
        convert(bytes + WINDOW, context, CONTEXT);
        port_begin();
#ifdef PEER
        entry(ARGUMENTS);
#else
        ecgedge_network(beat, CONTEXT ? context : 0, scores);
#endif
        port_end(0);
        port_write(scores, sizeof scores);
    }
}

int main(void)
{
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88u |= 0xf00000u; /* CPACR: coprocessors 10 and 11 */
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
    run();
    return 0;
}
