/* For Frama-C's Eva: every window of ADC counts against every template, taken in or not. */
#include "__fc_builtin.h"
#include "ecgedge_shape.h"

#define LEVEL_MAX (127 << ECGEDGE_TEMPLATE_BITS)
#define AREA_MAX (1L << (18 + ECGEDGE_AREA_FRACTION_BITS))

static int16_t ring[ECGEDGE_RING];
static ecgedge_shape shape;

static void choose(void)
{
    for (uint16_t i = 0; i < ECGEDGE_RING; i++)
        ring[i] = (int16_t)Frama_C_interval(-32768, 32767);
    for (uint8_t i = 0; i < ECGEDGE_TEMPLATE_BINS; i++)
        shape.level[i] = (int16_t)Frama_C_interval(-LEVEL_MAX, LEVEL_MAX);
    shape.area = (uint32_t)Frama_C_long_interval(0, AREA_MAX);
    shape.taken = (uint8_t)Frama_C_interval(0, ECGEDGE_LEARNING_BEATS);
}

int main(void)
{
    ecgedge_window window = {ring, ECGEDGE_RING, 0};
    int8_t values[ECGEDGE_SHAPE_VALUES];
    choose();
    window.first = (uint16_t)Frama_C_interval(0, ECGEDGE_RING - 1);
    ecgedge_shape_look(&shape, &window, Frama_C_interval(ECGEDGE_LEAVE, ECGEDGE_TAKE_PREMATURE),
                       values);
    /*@ assert \subset(values[0 .. 2], (0 .. 127)); */
    /*@ assert -127 <= values[3] <= 127; */
    /*@ assert shape.taken <= ECGEDGE_LEARNING_BEATS; */
    return 0;
}
