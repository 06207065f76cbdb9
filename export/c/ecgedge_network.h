/* The network in steps, for those who look at its layers; ecgedge.h has it whole. */
#ifndef ECGEDGE_NETWORK_H
#define ECGEDGE_NETWORK_H

#include "ecgedge.h"

#if ECGEDGE_LAYERS

/* Values of a window that are normalized and convolved at a time. */
#define ECGEDGE_PIECE_MAX 64

/* A run of convolution outputs: of the global branch, and of one pool of another where there is one. */
typedef struct {
    uint16_t start; /* in the window */
    uint8_t count;  /* outputs, up to ECGEDGE_PIECE_MAX; they need count + 3 values */
    uint8_t branch; /* ECGEDGE_P, ECGEDGE_QRS, ECGEDGE_T; ECGEDGE_GLOBAL: no other branch here */
    uint8_t token;  /* which of the eight tokens the pool becomes */
} ecgedge_piece;

#endif

/* Bytes of measures and of the hidden layer: whole words, of which the last may end with zeros. */
#define ECGEDGE_MEASURE_BYTES (4 * ((ECGEDGE_MEASURES + 3) / 4))
#define ECGEDGE_HIDDEN_BYTES (4 * ((ECGEDGE_HIDDEN + 3) / 4))

/* Everything that the network computes of one beat. */
typedef struct {
#if ECGEDGE_LAYERS
    int32_t sums[ECGEDGE_TOKENS][ECGEDGE_CHANNELS]; /* of the rectified convolution outputs */
    int8_t tokens[ECGEDGE_LAYERS + 1][ECGEDGE_TOKENS][ECGEDGE_CHANNELS]; /* pools, then each layer */
    int8_t mean[ECGEDGE_CHANNELS];
#endif
#if ECGEDGE_MEASURES
    int32_t measure_sums[ECGEDGE_MEASURES]; /* before the shift */
    int8_t measures[ECGEDGE_MEASURE_BYTES];
#endif
#if ECGEDGE_HIDDEN
    int32_t hidden_sums[ECGEDGE_HIDDEN]; /* before the shift */
    int8_t hidden[ECGEDGE_HIDDEN_BYTES];
#endif
    int32_t scores[ECGEDGE_LABELS];
    uint8_t label;
} ecgedge_layers;

#if ECGEDGE_LAYERS

/* Clear the sums. */
void ecgedge_begin(ecgedge_layers *layers);

/* Which outputs piece `index` in 0 ... ECGEDGE_PIECES-1 has. */
void ecgedge_piece_at(uint8_t index, ecgedge_piece *piece);

/* Convolve one piece; x: its count + 3 values of the window. */
void ecgedge_take_piece(ecgedge_layers *layers, const ecgedge_piece *piece, const int8_t *x);

/* Convolve a whole beat of ECGEDGE_WINDOW values: the same sums as all pieces give. */
void ecgedge_take_beat(ecgedge_layers *layers, const int8_t *beat);

/* From the sums to the mean values. */
void ecgedge_middle(ecgedge_layers *layers);

#endif

#if ECGEDGE_HIDDEN

/* The accumulator of a hidden unit. */
int32_t ecgedge_hidden_sum(uint_fast8_t unit, const int8_t *seen, const int8_t *context);

/* The value of a hidden unit with that accumulator. */
int8_t ecgedge_hidden_value(int32_t sum);

/* Scores and label from the hidden units. */
uint8_t ecgedge_last(const int8_t *hidden, int32_t *scores);

#endif

#if ECGEDGE_MEASURES
/* Measure a beat of ECGEDGE_WINDOW values. */
void ecgedge_measure(ecgedge_layers *layers, const int8_t *beat);
#endif

/*
 * Scores and label from what the network keeps of a window: its mean values or measures, and its
 * context. A program without the one or the other ignores it.
 */
uint8_t ecgedge_head(const int8_t *seen, const int8_t *context, int32_t *scores);

#if ECGEDGE_PRIOR_GAIN
/* The label that scores say. */
uint8_t ecgedge_decide(const int32_t *scores);
#endif

/* The whole network on a normalized beat (ignored where ECGEDGE_SEEN is 0), with every layer. */
void ecgedge_run(const int8_t *beat, const int8_t *context, ecgedge_layers *layers);

#endif
