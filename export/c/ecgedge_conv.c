/* Chooses the convolution kernel. All of them return the same integers. */
#include "ecgedge_conv.h"

#include "ecgedge_arith.h"
#include "ecgedge_widths.h"

#if ECGEDGE_CONV_BITS == 32 || defined(ECGEDGE_PLAIN)
#include "ecgedge_conv_plain.h"
#elif defined(__AVR_HAVE_MUL__) && defined(__AVR_HAVE_LPMX__) && !defined(ECGEDGE_PORTABLE)
#include "ecgedge_conv_avr.h"
#elif defined(__AVR__)
#include "ecgedge_conv_plain.h"
#elif ECGEDGE_CONV_LEAST < -16384 || ECGEDGE_CONV_GREATEST > 16383 || defined(ECGEDGE_PORTABLE)
#include "ecgedge_conv_packed.h"
#elif defined(ECGEDGE_CORTEX_M) && defined(__ARM_FEATURE_DSP)
#include "ecgedge_conv_armv7em.h"
#elif defined(ECGEDGE_CORTEX_M) && defined(ECGEDGE_HAS_USAT)
#include "ecgedge_conv_armv7m.h"
#elif defined(ECGEDGE_CORTEX_M)
#include "ecgedge_conv_armv6m.h"
#else
#include "ecgedge_conv_packed.h"
#endif
