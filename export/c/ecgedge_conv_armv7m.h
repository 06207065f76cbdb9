/*
 * Convolution for Cortex-M3 (Armv7-M): two channels in one register, 9 instructions for an output
 * of both.
 *
 * USAT rectifies a lane and takes it out at once. Lane B starts at its bias: its half is its
 * accumulator. Lane A starts at 2^15 + bias, and its accumulator is in -2^14 ... 2^14 - 1: then the
 * lane is never negative, and the lowest 15 bits are the accumulator as a signed number.
 */
#if ECGEDGE_CONV_LEAST < -16384 || ECGEDGE_CONV_GREATEST > 16383
#error "this kernel needs accumulators of 15 bits"
#endif
#define CONV_LIFT_B 0
#define CONV_IN_ASSEMBLY
#include "ecgedge_conv_pairs.h"

/*
 * r0 x   r1 x after the last group of four   r3 sum A   lr sum B   r4-r7 weights   r8 bias
 * r9 r10 r11 r2 the four x   r12 scratch; on the stack: count, where the sums go
 */
__asm__(
    "   .syntax unified\n"
    "   .macro conv_output x0, x1, x2, x3\n" /* x0 is not needed after it */
    "   ldrsb \\x3, [r0], #1\n"
    "   mla \\x0, \\x0, r4, r8\n"
    "   mla \\x0, \\x1, r5, \\x0\n"
    "   mla \\x0, \\x2, r6, \\x0\n"
    "   mla \\x0, \\x3, r7, \\x0\n"
    "   usat r12, #31, \\x0, lsl #17\n"
    "   usat \\x0, #15, \\x0, asr #16\n"
    "   add r3, r3, r12, lsr #17\n"
    "   add lr, lr, \\x0\n"
    "   .endm\n"
    "   .macro conv_four\n"
    "   conv_output r9, r10, r11, r2\n"
    "   conv_output r10, r11, r2, r9\n"
    "   conv_output r11, r2, r9, r10\n"
    "   conv_output r2, r9, r10, r11\n"
    "   .endm\n"
    "   .pushsection .text.ecgedge_convolve_pair, \"ax\", %progbits\n"
    "   .p2align 2\n"
    "   .global ecgedge_convolve_pair\n"
    "   .type ecgedge_convolve_pair, %function\n"
    "   .thumb_func\n"
    "ecgedge_convolve_pair:\n"
    "   push {r1, r3-r11, lr}\n"
    "   ldmia r2, {r4-r8}\n"
    "   ldrsb r9, [r0], #1\n"
    "   ldrsb r10, [r0], #1\n"
    "   ldrsb r11, [r0], #1\n"
    "   movs r3, #0\n"
    "   mov lr, #0\n"
    "   ubfx r12, r1, #2, #2\n" /* fours before a multiple of four fours */
    "   bic r1, #3\n"
    "   add r1, r0\n"
    "   tbh [pc, r12, lsl #1]\n"
    "0: .short (5f - 0b) / 2, (4f - 0b) / 2, (3f - 0b) / 2, (2f - 0b) / 2\n"
    "1: conv_four\n"
    "2: conv_four\n"
    "3: conv_four\n"
    "4: conv_four\n"
    "5: cmp r0, r1\n"
    "   bne 1b\n"
    "   ldr r1, [sp]\n"
    "   ands r1, #3\n"
    "   beq 7f\n"
    "6: conv_output r9, r10, r11, r2\n"
    "   mov r9, r10\n"
    "   mov r10, r11\n"
    "   mov r11, r2\n"
    "   subs r1, #1\n"
    "   bne 6b\n"
    "7: pop {r0, r1}\n"
    "   ldrd r0, r2, [r1]\n"
    "   add r0, r0, r3\n"
    "   add r2, r2, lr\n"
    "   strd r0, r2, [r1]\n"
    "   pop {r4-r11, pc}\n"
    "   .size ecgedge_convolve_pair, . - ecgedge_convolve_pair\n"
    "   .popsection\n"
    "   .purgem conv_output\n"
    "   .purgem conv_four\n");
