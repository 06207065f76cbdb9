/* Windows of ADC counts: where they are, how good they are, what the network makes of them. */
#ifndef ECGEDGE_WINDOW_H
#define ECGEDGE_WINDOW_H

#include "ecgedge.h"

/* ECGEDGE_WINDOW counts inside a ring; a plain array is a ring that starts at 0. */
typedef struct {
    const int16_t *ring;
    uint16_t size;  /* of the ring, at least ECGEDGE_WINDOW */
    uint16_t first; /* where the window begins, below size */
} ecgedge_window;

/* What the head sees of a window, mean values or measures, and its quality. */
void ecgedge_look(const ecgedge_window *window, ecgedge_features *features);

#endif
