/*
 * Convolution for AVR with a multiplier: two channels at a time, so that the weights of both stay
 * in the registers that MULS takes. An output of a channel takes 21 cycles, or 19 when it is
 * negative: 16-bit accumulator, 24-bit sum.
 */

typedef struct {
    int8_t weight[2][ECGEDGE_TAPS];
    int16_t bias[2];
} conv_pair;

typedef struct {
    conv_pair pair[2];
} conv_weights;

#define CONV_BIAS(b) ((b) * ECGEDGE_BIAS_ONE)
#define CONV_PAIRS(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, ba, bb, bc, bd) \
    {                                                                                              \
        {                                                                                          \
            {{{a0, a1, a2, a3}, {b0, b1, b2, b3}}, {CONV_BIAS(ba), CONV_BIAS(bb)}},                \
                {{{c0, c1, c2, c3}, {d0, d1, d2, d3}}, {CONV_BIAS(bc), CONV_BIAS(bd)}},            \
        }                                                                                          \
    }

static const conv_weights conv_table[ECGEDGE_BRANCHES] ECGEDGE_TABLE = {
    ECGEDGE_P_CONV(CONV_PAIRS), ECGEDGE_QRS_CONV(CONV_PAIRS), ECGEDGE_T_CONV(CONV_PAIRS),
    ECGEDGE_GLOBAL_CONV(CONV_PAIRS)};

ECGEDGE_PROMISE(groups_of_four_fit_8_bits, ECGEDGE_WINDOW < 1024);
ECGEDGE_PROMISE(sums_fit_24_bits, ECGEDGE_CONV_GREATEST * (ECGEDGE_WINDOW + 0L) < 16777216L);
ECGEDGE_PROMISE(pair_has_no_holes, sizeof(conv_pair) == 12);

/* Adds up four channels of `count` rectified outputs into sums[0] ... sums[3]. */
void ecgedge_convolve_four(const int8_t *x, uint16_t count, const conv_weights *weights,
                           int32_t *sums);

/*
 * r2:r3 r4:r5 biases   r6:r7 accumulator   r8-r10 r11-r13 sums   r14 0   r15 outputs after the fours
 * r16-r19 r20-r23 weights   r24-r27 the four x   r28 groups of four left   Z x, before that weights
 * T: the second pair of channels is on. On the stack: x, count, sums, the next weights.
 */
__asm__(
    "   .macro conv_channel x0, x1, x2, x3, w0, w1, w2, w3, bias, s0, s1, s2\n"
    "   movw r6, \\bias\n"
    "   muls \\w0, \\x0\n"
    "   add r6, r0\n"
    "   adc r7, r1\n"
    "   muls \\w1, \\x1\n"
    "   add r6, r0\n"
    "   adc r7, r1\n"
    "   muls \\w2, \\x2\n"
    "   add r6, r0\n"
    "   adc r7, r1\n"
    "   muls \\w3, \\x3\n"
    "   add r6, r0\n"
    "   adc r7, r1\n"
    "   brmi .+6\n" /* over the three additions */
    "   add \\s0, r6\n"
    "   adc \\s1, r7\n"
    "   adc \\s2, r14\n"
    "   .endm\n"
    "   .macro conv_output x0, x1, x2, x3\n"
    "   ld \\x3, Z+\n"
    "   conv_channel \\x0, \\x1, \\x2, \\x3, r16, r17, r18, r19, r2, r8, r9, r10\n"
    "   conv_channel \\x0, \\x1, \\x2, \\x3, r20, r21, r22, r23, r4, r11, r12, r13\n"
    "   .endm\n"
    "   .macro conv_add byte\n" /* to the sum in memory */
    "   ld r0, X\n"
    "   adc r0, \\byte\n"
    "   st X+, r0\n"
    "   .endm\n"
    "   .pushsection .text.ecgedge_convolve_four, \"ax\", @progbits\n"
    "   .global ecgedge_convolve_four\n"
    "   .type ecgedge_convolve_four, @function\n"
    "ecgedge_convolve_four:\n"
    "   .irp r, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29\n"
    "   push \\r\n"
    "   .endr\n"
    "   clt\n"
    "1: .irp r, 24, 25, 22, 23, 18, 19\n"
    "   push \\r\n"
    "   .endr\n"
    "   movw r28, r22\n"
    "   movw r30, r20\n"
    "   .irp r, 16, 17, 18, 19, 20, 21, 22, 23, 2, 3, 4, 5\n"
    "   lpm \\r, Z+\n"
    "   .endr\n"
    "   push r30\n"
    "   push r31\n"
    "   movw r30, r24\n"
    "   .irp r, 8, 9, 10, 11, 12, 13, 14\n"
    "   clr \\r\n"
    "   .endr\n"
    "   ldi r24, 3\n"
    "   mov r15, r28\n"
    "   and r15, r24\n"
    "   lsr r29\n"
    "   ror r28\n"
    "   lsr r29\n"
    "   ror r28\n"
    "   ld r24, Z+\n"
    "   ld r25, Z+\n"
    "   ld r26, Z+\n"
    "   tst r28\n"
    "   brne 2f\n"
    "   rjmp 3f\n" /* too far for a condition */
    "2: conv_output r24, r25, r26, r27\n"
    "   conv_output r25, r26, r27, r24\n"
    "   conv_output r26, r27, r24, r25\n"
    "   conv_output r27, r24, r25, r26\n"
    "   dec r28\n"
    "   breq 3f\n"
    "   rjmp 2b\n"
    "3: tst r15\n"
    "   breq 5f\n"
    "4: conv_output r24, r25, r26, r27\n"
    "   mov r24, r25\n"
    "   mov r25, r26\n"
    "   mov r26, r27\n"
    "   dec r15\n"
    "   brne 4b\n"
    "5: pop r31\n"
    "   pop r30\n"
    "   movw r20, r30\n"
    "   pop r27\n"
    "   pop r26\n"
    "   clc\n"
    "   .irp r, 8, 9, 10, 14\n" /* st and ld keep the carry */
    "   conv_add r\\r\n"
    "   .endr\n"
    "   clc\n"
    "   .irp r, 11, 12, 13, 14\n"
    "   conv_add r\\r\n"
    "   .endr\n"
    "   movw r18, r26\n"
    "   .irp r, 23, 22, 25, 24\n"
    "   pop \\r\n"
    "   .endr\n"
    "   brts 6f\n"
    "   set\n"
    "   rjmp 1b\n"
    "6: clr r1\n"
    "   .irp r, 29, 28, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2\n"
    "   pop \\r\n"
    "   .endr\n"
    "   ret\n"
    "   .size ecgedge_convolve_four, . - ecgedge_convolve_four\n"
    "   .popsection\n"
    "   .purgem conv_channel\n"
    "   .purgem conv_output\n"
    "   .purgem conv_add\n");

void ecgedge_convolve(const int8_t *x, uint16_t count, uint8_t branch, int32_t *sums)
{
    ecgedge_convolve_four(x, count, &conv_table[branch], sums);
}
