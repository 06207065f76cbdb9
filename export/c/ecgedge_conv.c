/* Chooses the convolution kernel. All of them return the same integers. */
#include "ecgedge_conv.h"

#include "ecgedge_arith.h"

#if ECGEDGE_CONV_BITS == 16 && (ECGEDGE_CONV_LEAST < -32768 || ECGEDGE_CONV_GREATEST > 32767)
#error "the proof does not allow 16-bit accumulators for this program; export it again"
#endif
#if ECGEDGE_CONV_BITS != 16 && ECGEDGE_CONV_BITS != 32
#error "ECGEDGE_CONV_BITS is 16 or 32; export the program again"
#endif

#if ECGEDGE_CONV_BITS == 32 || defined(ECGEDGE_PLAIN)
#include "ecgedge_conv_plain.h"
#elif defined(__AVR__)
#include "ecgedge_conv_plain.h"
#else
#include "ecgedge_conv_packed.h"
#endif
