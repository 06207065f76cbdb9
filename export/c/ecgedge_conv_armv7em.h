/*
 * Convolution for Cortex-M4, M7 and other cores with the DSP instructions (Armv7E-M): two channels
 * in one register, 7 1/4 instructions for an output of both.
 *
 * Both lanes start at 2^15 + bias; UQSUB16 takes the 2^15 away again and rectifies, both at once.
 * Four outputs are added up before the lanes are taken apart.
 */
#if ECGEDGE_CONV_GREATEST > 65535 / 4
#error "this kernel needs four outputs to fit 16 bits"
#endif
#define CONV_LIFT_B 32768
#define CONV_IN_ASSEMBLY
#include "ecgedge_conv_pairs.h"

/*
 * r0 x   r1 0x80008000   r3 sum A   lr sum B   r4-r7 weights   r8 bias   r9 r10 r11 r2 the four x
 * r12 outputs added up; on the stack: groups of eight left, count, where the sums go
 */
__asm__(
    "   .syntax unified\n"
    "   .macro conv_output x0, x1, x2, x3\n" /* x0 becomes the output */
    "   ldrsb \\x3, [r0], #1\n"
    "   mla \\x0, \\x0, r4, r8\n"
    "   mla \\x0, \\x1, r5, \\x0\n"
    "   mla \\x0, \\x2, r6, \\x0\n"
    "   mla \\x0, \\x3, r7, \\x0\n"
    "   .endm\n"
    "   .macro conv_four\n"
    "   conv_output r9, r10, r11, r2\n"
    "   uqsub16 r12, r9, r1\n"
    "   conv_output r10, r11, r2, r9\n"
    "   uqsub16 r10, r10, r1\n"
    "   add r12, r12, r10\n"
    "   conv_output r11, r2, r9, r10\n"
    "   uqsub16 r11, r11, r1\n"
    "   add r12, r12, r11\n"
    "   conv_output r2, r9, r10, r11\n"
    "   uqsub16 r2, r2, r1\n"
    "   add r12, r12, r2\n"
    "   uxtah r3, r3, r12\n"
    "   add lr, lr, r12, lsr #16\n"
    "   .endm\n"
    "   .pushsection .text.ecgedge_convolve_pair, \"ax\", %progbits\n"
    "   .p2align 2\n"
    "   .global ecgedge_convolve_pair\n"
    "   .type ecgedge_convolve_pair, %function\n"
    "   .thumb_func\n"
    "ecgedge_convolve_pair:\n"
    "   push {r0, r1, r3-r11, lr}\n"
    "   ldmia r2, {r4-r8}\n"
    "   ldrsb r9, [r0], #1\n"
    "   ldrsb r10, [r0], #1\n"
    "   ldrsb r11, [r0], #1\n"
    "   movs r3, #0\n"
    "   mov lr, #0\n"
    "   lsrs r12, r1, #3\n" /* carry: the number of fours is odd */
    "   mov r1, #0x80008000\n"
    "   str r12, [sp]\n"
    "   bcs 2f\n"
    "   b 3f\n"
    "1: conv_four\n"
    "2: conv_four\n"
    "   ldr r12, [sp]\n"
    "3: subs r12, #1\n"
    "   str r12, [sp]\n"
    "   bhs 1b\n"
    "   ldr r12, [sp, #4]\n"
    "   ands r12, #3\n"
    "   beq 5f\n"
    "4: conv_output r9, r10, r11, r2\n"
    "   uqsub16 r9, r9, r1\n"
    "   uxtah r3, r3, r9\n"
    "   add lr, lr, r9, lsr #16\n"
    "   mov r9, r10\n"
    "   mov r10, r11\n"
    "   mov r11, r2\n"
    "   subs r12, #1\n"
    "   bne 4b\n"
    "5: pop {r0, r1, r12}\n"
    "   ldrd r1, r2, [r12]\n"
    "   add r1, r1, r3\n"
    "   add r2, r2, lr\n"
    "   strd r1, r2, [r12]\n"
    "   pop {r4-r11, pc}\n"
    "   .size ecgedge_convolve_pair, . - ecgedge_convolve_pair\n"
    "   .popsection\n"
    "   .purgem conv_output\n"
    "   .purgem conv_four\n");
