/*
 * Self-test: known answers inside the firmware, computed by the simulator at export time.
 *
 * First a window of noise goes through the network and is compared at every layer; the head runs on
 * noise of its own. Then a made-up recording with a gap goes through the whole pipeline, from counts
 * to labels.
 */
#ifndef ECGEDGE_SELFTEST_H
#define ECGEDGE_SELFTEST_H

#include "ecgedge.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is compared, in this order, and what a position counts. */
enum {
    ECGEDGE_AT_SUMS,   /* of the rectified convolutions: 4 token + channel */
    ECGEDGE_AT_TOKENS, /* 32 layer + 4 token + channel; layer 0 are the pools */
    ECGEDGE_AT_MEAN,   /* channel */
    ECGEDGE_AT_SCORES, /* label */
    ECGEDGE_AT_LABEL,
    ECGEDGE_AT_STREAM /* 0: number of beats in the recording; 1: a checksum over all they say */
};

typedef struct {
    uint16_t compared;        /* integers */
    uint8_t layer, position;  /* the first one that differs; means nothing when all are right */
    int32_t expected, actual; /* what it should be, and what it is */
} ecgedge_selftest_result;

/*
 * Test the library; true when every integer is right.
 *
 * scratch: used as memory; it is as after ecgedge_init when the test is over.
 *
 * It takes as long as thirteen seconds of samples: call it where nothing else has to happen.
 */
bool ecgedge_selftest(ecgedge_state *scratch, ecgedge_selftest_result *result);

#ifdef __cplusplus
}
#endif

#endif
