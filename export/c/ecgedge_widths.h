/*
 * The compiler's own look at the widths: does every convolution stay between the bounds that the
 * proof gave, with the weights as they are here? A header that was edited by hand fails to compile.
 */
#ifndef ECGEDGE_WIDTHS_H
#define ECGEDGE_WIDTHS_H

#include "ecgedge_arith.h"

#if ECGEDGE_CONV_BITS != 16 && ECGEDGE_CONV_BITS != 32
#error "ECGEDGE_CONV_BITS is 16 or 32; export the program again"
#endif
#if ECGEDGE_CONV_BITS == 16 && (ECGEDGE_CONV_LEAST < -32768 || ECGEDGE_CONV_GREATEST > 32767)
#error "the proof does not allow 16-bit accumulators for this program; export it again"
#endif

#if ECGEDGE_TOKEN_BITS != 16 && ECGEDGE_TOKEN_BITS != 32
#error "ECGEDGE_TOKEN_BITS is 16 or 32; export the program again"
#endif
#if ECGEDGE_TOKEN_BITS == 16 && (ECGEDGE_TOKEN_LEAST < -32768 || ECGEDGE_TOKEN_GREATEST > 32767)
#error "the proof does not allow 16-bit token layers for this program; export it again"
#endif

#define WIDTHS_ABS(w) ((w) < 0 ? -(w) : (w))

/* What a channel can add to its bias or take from it: 127 for each unit of its weights. */
#define WIDTHS_SWING(w0, w1, w2, w3) \
    (127L * (WIDTHS_ABS(w0) + WIDTHS_ABS(w1) + WIDTHS_ABS(w2) + WIDTHS_ABS(w3)))

#define WIDTHS_HOLD(w0, w1, w2, w3, b)                                                  \
    (128L * (b) + WIDTHS_SWING(w0, w1, w2, w3) <= ECGEDGE_CONV_GREATEST &&              \
     128L * (b)-WIDTHS_SWING(w0, w1, w2, w3) >= ECGEDGE_CONV_LEAST)

#define WIDTHS_OF_BRANCH(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, ba, bb, \
                         bc, bd)                                                                 \
    (WIDTHS_HOLD(a0, a1, a2, a3, ba) && WIDTHS_HOLD(b0, b1, b2, b3, bb) &&                       \
     WIDTHS_HOLD(c0, c1, c2, c3, bc) && WIDTHS_HOLD(d0, d1, d2, d3, bd))

ECGEDGE_PROMISE(p_is_within_the_proof, ECGEDGE_P_CONV(WIDTHS_OF_BRANCH));
ECGEDGE_PROMISE(qrs_is_within_the_proof, ECGEDGE_QRS_CONV(WIDTHS_OF_BRANCH));
ECGEDGE_PROMISE(t_is_within_the_proof, ECGEDGE_T_CONV(WIDTHS_OF_BRANCH));
ECGEDGE_PROMISE(global_is_within_the_proof, ECGEDGE_GLOBAL_CONV(WIDTHS_OF_BRANCH));

#endif
