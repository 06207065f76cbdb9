/* Linked for its size: a harness with the library's streaming API, or (EMPTY) without. */
#include "port.h"

#ifndef EMPTY
#include "ecgedge.h"

static ecgedge_state state;
#endif

int main(void)
{
    int16_t sample;
#ifndef EMPTY
    ecgedge_beat beat;
    ecgedge_init(&state);
#endif
    while (port_read(&sample, sizeof sample) == sizeof sample) {
#ifndef EMPTY
        if (ecgedge_push(&state, sample, &beat))
            port_write(&beat.label, sizeof beat.label);
#endif
        port_write(&sample, sizeof sample);
    }
#ifndef EMPTY
    while (ecgedge_flush(&state, &beat))
        port_write(&beat.label, sizeof beat.label);
#endif
    return 0;
}
