#include "ecgedge_wire.h"

#include <string.h>

#include "ecgedge_arith.h"
#include "ecgedge_crc.h"

enum { INFO = 1, SAMPLES, BEAT, SELFTEST };

#define HEAD 8
#define TAIL 2

static const char identity[] ECGEDGE_TABLE = ECGEDGE_IDENTITY;

/* Put head and checksum around a payload of `length` bytes; return the size of the frame. */
static uint8_t close_frame(uint8_t *frame, uint8_t kind, uint8_t length, uint32_t number)
{
    const uint8_t size = (uint8_t)(HEAD + length);
    uint16_t crc = ECGEDGE_CRC_START;
    frame[0] = 0xec;
    frame[1] = 0xed;
    frame[2] = kind;
    frame[3] = length;
    memcpy(frame + 4, &number, 4);
    for (uint8_t i = 2; i < size; i++)
        crc = ecgedge_crc_add(crc, frame[i]);
    frame[size] = (uint8_t)crc;
    frame[size + 1] = (uint8_t)(crc >> 8);
    return (uint8_t)(size + TAIL);
}

uint8_t ecgedge_wire_info(uint8_t *frame, uint32_t next, uint32_t rate_mhz)
{
    const uint8_t *name = (const uint8_t *)identity;
    memcpy(frame + HEAD, &rate_mhz, 4);
    for (uint8_t i = 0; i < sizeof identity - 1; i++)
        frame[HEAD + 4 + i] = ECGEDGE_UINT8_AT(name + i);
    return close_frame(frame, INFO, 4 + sizeof identity - 1, next);
}

uint8_t ecgedge_wire_samples(uint8_t *frame, uint32_t first, uint8_t flags, const int16_t *samples,
                             uint8_t count)
{
    frame[HEAD] = flags;
    memcpy(frame + HEAD + 1, samples, 2 * (size_t)count);
    return close_frame(frame, SAMPLES, (uint8_t)(1 + 2 * count), first);
}

uint8_t ecgedge_wire_beat(uint8_t *frame, const ecgedge_beat *beat)
{
    frame[HEAD] = beat->label;
    frame[HEAD + 1] = (uint8_t)((beat->search_back ? 1 : 0) | beat->quality << 1);
    memcpy(frame + HEAD + 2, &beat->rr, 2);
    memcpy(frame + HEAD + 4, beat->scores, 4 * ECGEDGE_LABELS);
    return close_frame(frame, BEAT, 4 + 4 * ECGEDGE_LABELS, beat->sample);
}

uint8_t ecgedge_wire_selftest(uint8_t *frame, bool passed, const ecgedge_selftest_result *result)
{
    frame[HEAD] = passed;
    frame[HEAD + 1] = result->place;
    frame[HEAD + 2] = ECGEDGE_LAYERS;
    frame[HEAD + 3] = ECGEDGE_LABELS;
    memcpy(frame + HEAD + 4, &result->expected, 4);
    memcpy(frame + HEAD + 8, &result->actual, 4);
    if (ECGEDGE_HIDDEN)
        frame[HEAD + 12] = ECGEDGE_HIDDEN;
    if (ECGEDGE_MEASURES) /* with which there is a hidden layer */
        frame[HEAD + 13] = ECGEDGE_MEASURES;
    return close_frame(frame, SELFTEST, ECGEDGE_MEASURES ? 14 : ECGEDGE_HIDDEN ? 13 : 12, 0);
}
