/*
 * Self-test: known answers inside the firmware, computed by the simulator at export time.
 *
 * First a window of noise goes through the network and is compared at every layer; hidden layer and
 * head run on noise of their own. Then a made-up recording with a gap goes through the whole pipeline, from counts
 * to labels.
 */
#ifndef ECGEDGE_SELFTEST_H
#define ECGEDGE_SELFTEST_H

#include "ecgedge.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the first difference is; below these: the place in `ecgedge_layers` in words of four bytes. */
enum {
    ECGEDGE_AT_BEATS = 254, /* how many beats the recording has */
    ECGEDGE_AT_CRC          /* checksum over all they say */
};

typedef struct {
    uint8_t place;            /* means nothing when all is right */
    int32_t expected, actual; /* an integer, or four of a byte each */
} ecgedge_selftest_result;

/*
 * Test the library; true when every integer is right. For little-endian processors.
 *
 * scratch: used as memory; it is as after ecgedge_init when the test is over.
 *
 * It takes as long as 44 seconds of samples: call it where nothing else has to happen.
 */
bool ecgedge_selftest(ecgedge_state *scratch, ecgedge_selftest_result *result);

#ifdef __cplusplus
}
#endif

#endif
