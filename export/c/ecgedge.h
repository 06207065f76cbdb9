/*
 * ecgedge: heartbeats from ADC counts to labels, in integers.
 *
 * The arithmetic is the one of the integer program that this library was exported with: the same
 * integers on every processor, checked against the NumPy simulator with equality. No floating
 * point, no heap, no recursion. Not a medical device.
 *
 * Samples in, beats out:
 *
 *     static ecgedge_state state;
 *     ecgedge_beat beat;
 *
 *     ecgedge_init(&state);
 *     for (;;)
 *         if (ecgedge_push(&state, next_sample(), &beat))
 *             report(beat.sample, beat.label);
 *
 * - Samples are ADC counts of one lead, ECGEDGE_FS of them a second. Gain and offset do not matter
 *   as long as the counts fit int16_t and an R wave is at least 8 counts high.
 * - The first three seconds are for learning: no beat is reported.
 * - Where samples are missing (electrode off, overrun) call ecgedge_flush until it returns false,
 *   then ecgedge_reset with the number of the next sample. Nothing reaches across the hole.
 * - One call of ecgedge_push is short, except when a window is complete: then it looks at all of it.
 *   Take samples in an interrupt and hand them over through a small queue. `ecgedge cost` says how
 *   long each call takes on which core and how much stack it needs.
 * - ecgedge_push is not reentrant for one state. Two leads need two states.
 *
 * Constants of the program (rate, window, labels, weights): ecgedge_program.h, which is generated.
 */
#ifndef ECGEDGE_H
#define ECGEDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "ecgedge_program.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the window of a beat looks like. */
enum {
    ECGEDGE_GOOD = 0,
    ECGEDGE_FLAT = 1,   /* it spans fewer than 8 counts */
    ECGEDGE_CLIPPED = 2 /* it stays at its largest or smallest value for 40 ms or more */
};

#define ECGEDGE_CHANNELS 4
#define ECGEDGE_TOKENS 8

/* One beat. */
typedef struct {
    uint32_t sample;                /* number of the R peak's sample; the first sample has 0 */
    uint32_t decided_at;            /* number of the sample that decided the label */
    int32_t scores[ECGEDGE_LABELS]; /* the head's output and what the prior adds to it, in 2^-14 */
    uint16_t rr;                    /* samples since the R peak before; 0 when not known */
    int8_t context[ECGEDGE_RHYTHM_VALUES + ECGEDGE_SHAPE_VALUES]; /* rhythm, then shape, in Q0.7;
                                                  zeros when the program uses no context */
    uint8_t label;                  /* index into ECGEDGE_LABEL_NAMES */
    uint8_t quality;                /* ECGEDGE_GOOD, ECGEDGE_FLAT or ECGEDGE_CLIPPED */
    bool search_back;               /* the R peak was found late, by looking back */
} ecgedge_beat;

/* The rest of this block is the state; nothing in it is for users. */

/* What a window says, until its beat is decided. */
typedef struct {
#if ECGEDGE_SEEN
    int8_t seen[ECGEDGE_SEEN]; /* mean values after the convolutions and token layers, or measures */
#endif
#if ECGEDGE_SHAPE_VALUES
    int8_t shape[ECGEDGE_SHAPE_VALUES];
#endif
    uint8_t quality;
} ecgedge_features;

/*
 * Sample numbers as they are kept: only differences count, which stay below 2^15. 16 bits need the
 * least RAM; -DECGEDGE_TIME=uint32_t needs the least code where registers have 32.
 */
#ifndef ECGEDGE_TIME
#define ECGEDGE_TIME uint16_t
#endif
typedef ECGEDGE_TIME ecgedge_time;

/* A maximum of the energy. */
typedef struct {
    int32_t height;          /* 0: there is none */
    int32_t steepness;       /* largest |slope| of what the energy sums up */
    ecgedge_time at, sample; /* of the maximum; of the R peak */
} ecgedge_candidate;

/* In an order that keeps all but the blocks in the first 64 bytes, which AVR reaches cheaply. */
typedef struct {
    int32_t slope, slope_old, energy; /* filters */
    ecgedge_candidate held;           /* the maximum that is being followed */
    ecgedge_time alarm, tick_at, last_at, last_sample, silent_since;
    bool rising, learning;
    int32_t beat_level; /* running levels, this one and the next two */
    int32_t noise_level, steepness; /* from here on it is forgotten after a long silence */
    ecgedge_candidate best; /* the best one that was refused */
    uint16_t rr;            /* running RR interval in 1/16 sample; 0: not known */
    bool has_last;
    bool best_seen;    /* the best candidate's window has been looked at */
    int32_t blocks[4]; /* learning: the energy's maxima in three blocks and in this one */
    uint8_t block;     /* which is this one */
} ecgedge_detector;

typedef struct {
    uint16_t slow; /* slow mean of the RR interval in 1/16 sample; 0: not known */
    uint16_t last[ECGEDGE_RHYTHM_KEPT]; /* the newest first */
    uint8_t known; /* intervals taken in since the start or a gap, ECGEDGE_RHYTHM_LAST at most */
} ecgedge_rhythm;

#if ECGEDGE_SHAPE_VALUES
/* The running template of a beat, and the mean size of its QRS complex. */
typedef struct {
    uint32_t area;                         /* in 1/16 */
    int16_t level[ECGEDGE_TEMPLATE_BINS]; /* in 1/64, from the QRS complex to the T wave */
    uint8_t taken; /* beats taken in since the start or a gap, ECGEDGE_LEARNING_BEATS at most */
} ecgedge_shape;
#endif

typedef struct {
    ecgedge_time sample, complete_at, deadline;
    uint16_t slow, rr;
    int8_t context[ECGEDGE_RHYTHM_VALUES];
    bool waits;    /* for the R peak after it, until the deadline */
    bool computed; /* its window has been looked at */
    bool search_back;
    ecgedge_features features;
} ecgedge_pending;

/* Everything that is remembered from one sample to the next. */
typedef struct {
    uint16_t head;              /* where the newest one is */
    uint16_t taken;             /* samples since the start or a gap, up to ECGEDGE_TAKEN_MAX */
    uint32_t next;              /* number of the next sample */
    ecgedge_detector detector;
    ecgedge_rhythm rhythm;
#if ECGEDGE_SHAPE_VALUES
    ecgedge_shape shape;
#endif
    ecgedge_pending pending[ECGEDGE_PENDING];
#if ECGEDGE_PRIOR_GAIN
    int16_t share;   /* of the prior's label in the decisions so far, in 2^-ECGEDGE_SHARE_BITS */
#endif
    uint8_t waiting; /* how many of these there are, the oldest first */
    bool has_beat;   /* there was an R peak since the start or a gap */
    ecgedge_features best_features; /* of the best refused candidate */
    int16_t ring[ECGEDGE_RING]; /* the newest samples */
} ecgedge_state;

/* Begin; the first sample gets the number 0. */
void ecgedge_init(ecgedge_state *state);

/* Begin anew after a gap; the next sample gets the number `at_sample`. */
void ecgedge_reset(ecgedge_state *state, uint32_t at_sample);

/* Take one sample. True when it decides a beat, which is then in *beat. */
bool ecgedge_push(ecgedge_state *state, int16_t sample, ecgedge_beat *beat);

/*
 * End the stream: return the beats that still wait for the R peak after them, one a call. False
 * when there are no more; the state is then as after ecgedge_reset, and sample numbers go on.
 */
bool ecgedge_flush(ecgedge_state *state, ecgedge_beat *beat);

/*
 * Label of one window, by the network alone: a prior has its say in streams only.
 *
 * window:  ECGEDGE_WINDOW counts, the R peak at [ECGEDGE_WINDOW / 2]; NULL will do for a program that
 *          sees the beat through its context alone (ECGEDGE_SEEN 0).
 * context: ECGEDGE_CONTEXT values in -127 ... 127: five or eight of the rhythm, four of the shape; NULL
 *          for a program without (ECGEDGE_CONTEXT 0).
 * scores:  receives ECGEDGE_LABELS scores; may be NULL.
 * Returns the label's index.
 */
uint8_t ecgedge_classify(const int16_t *window, const int8_t *context, int32_t *scores);

/* The same for a beat that is normalized already: ECGEDGE_WINDOW values in -127 ... 127. */
uint8_t ecgedge_network(const int8_t *beat, const int8_t *context, int32_t *scores);

#ifdef __cplusplus
}
#endif

#endif
