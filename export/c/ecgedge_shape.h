/* The shape of a beat against a running template. */
#ifndef ECGEDGE_SHAPE_H
#define ECGEDGE_SHAPE_H

#include "ecgedge_window.h"

/*
 * Compare the beat in a window with the template; with `take` the template takes it in afterwards.
 *
 * values: receives ECGEDGE_SHAPE_VALUES: P, QRS, T, area; the last three are 0 while there is no
 *         template.
 */
void ecgedge_shape_look(ecgedge_shape *shape, const ecgedge_window *window, bool take,
                        int8_t *values);

#endif
