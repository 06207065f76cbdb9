/* The shape of a beat against a running template. */
#ifndef ECGEDGE_SHAPE_H
#define ECGEDGE_SHAPE_H

#include "ecgedge_window.h"

/* What the template takes in of a beat. */
enum {
    ECGEDGE_LEAVE,         /* nothing: search-back found it, or may find it */
    ECGEDGE_TAKE,          /* as much as its likeness says */
    ECGEDGE_TAKE_PREMATURE /* a little; yet all of the very first beat */
};
typedef uint_fast8_t ecgedge_taking;

/*
 * Compare the beat in a window with the template, which takes it in afterwards.
 *
 * values: receives ECGEDGE_SHAPE_VALUES: P, QRS, T, area; the last three are 0 while there is no
 *         template.
 */
void ecgedge_shape_look(ecgedge_shape *shape, const ecgedge_window *window, ecgedge_taking taking,
                        int8_t *values);

#endif
