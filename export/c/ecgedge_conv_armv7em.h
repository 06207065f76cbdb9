/*
 * Convolution for Cortex-M4, M7 and other cores with the DSP instructions (Armv7E-M): 13
 * instructions for two outputs of each of two channels.
 *
 * SMLAL takes four products at once, in three lanes of 16 bits, the last in the high register:
 *
 *     (x0 + 2^16 x1) (w1 + 2^16 w0) = x0 w1 + 2^16 (x0 w0 + x1 w1) + 2^32 x1 w0
 *
 * With (x2 + 2^16 x3) (w3 + 2^16 w2) added, the middle lane is a whole output. So is the lowest if
 * it began with what the two products before these left in the high register. Therefore the high
 * register starts with the bias in both lanes, and is the low one of the next two outputs.
 *
 * Lanes are lifted by 2^15: they end at 0 ... 65535 and carry nothing into each other. UQSUB16
 * takes the 2^15 away again and rectifies, SMLAD adds both lanes to the sum.
 *
 * The lane before the first output starts at 2^14. It gets two of four taps, which cannot take
 * it over 2^15 where accumulators have 15 bits: rectified, it is 0.
 */
#if ECGEDGE_CONV_LEAST < -16384 || ECGEDGE_CONV_GREATEST > 16383
#error "this kernel needs accumulators of 15 bits"
#endif

typedef struct {
    uint32_t bias[2];      /* of channel A and B, the same in both lanes, lifted */
    uint32_t weight[2][2]; /* of channel A and B: w1 + 2^16 w0, w3 + 2^16 w2 */
} conv_pair;

typedef struct {
    conv_pair pair[2];
} conv_weights;

#define CONV_LANES(low, high) ((uint32_t)(int32_t)(low) + ((uint32_t)(int32_t)(high) << 16))
#define CONV_TAPS(w0, w1, w2, w3) {CONV_LANES(w1, w0), CONV_LANES(w3, w2)}
#define CONV_LIFTED(b) ((b) * (int32_t)ECGEDGE_BIAS_ONE + 32768)
#define CONV_BIAS(b) CONV_LANES(CONV_LIFTED(b), CONV_LIFTED(b))
#define CONV_PAIRS(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, ba, bb, bc, bd) \
    {                                                                                              \
        {                                                                                          \
            {{CONV_BIAS(ba), CONV_BIAS(bb)},                                                       \
             {CONV_TAPS(a0, a1, a2, a3), CONV_TAPS(b0, b1, b2, b3)}},                              \
                {{CONV_BIAS(bc), CONV_BIAS(bd)},                                                   \
                 {CONV_TAPS(c0, c1, c2, c3), CONV_TAPS(d0, d1, d2, d3)}},                          \
        }                                                                                          \
    }

static const conv_weights conv_table[ECGEDGE_BRANCHES] = {
    ECGEDGE_P_CONV(CONV_PAIRS), ECGEDGE_QRS_CONV(CONV_PAIRS), ECGEDGE_T_CONV(CONV_PAIRS),
    ECGEDGE_GLOBAL_CONV(CONV_PAIRS)};

/* Adds up two channels of `count` rectified outputs into sums[0] and sums[1]. */
void ecgedge_convolve_pair(const int8_t *x, uint32_t count, const conv_pair *pair, int32_t *sums);

void ecgedge_convolve(const int8_t *x, uint16_t count, uint8_t branch, int32_t *sums)
{
    const conv_weights *weights = &conv_table[branch];
    ecgedge_convolve_pair(x, count, &weights->pair[0], sums);
    ecgedge_convolve_pair(x, count, &weights->pair[1], sums + 2);
}

/*
 * r0 x   r1 0x80008000   r2 0x00010001   r3 sum A   lr sum B   r4 r5 weights A   r6 r7 weights B
 * r8 r9 x0 + 2^16 x1 and x2 + 2^16 x3, in turn   r10 r11 r12 low A, low B and one for the high
 * register, in turn: after four outputs each is where it was
 * sp: bias A, bias B, x after the last group of four, count + 1, where the sums go
 */
__asm__(
    "   .syntax unified\n"
    "   .macro conv_next x2, scratch\n"
    "   ldrsb \\x2, [r0], #1\n"
    "   ldrsb \\scratch, [r0], #1\n"
    "   add \\x2, \\x2, \\scratch, lsl #16\n"
    "   .endm\n"
    "   .macro conv_channel bias, low, high, x0, w0, x2, w2, sum\n" /* low is free after it */
    "   ldr \\high, [sp, \\bias]\n"
    "   smlal \\low, \\high, \\x0, \\w0\n"
    "   smlal \\low, \\high, \\x2, \\w2\n"
    "   uqsub16 \\low, \\low, r1\n"
    "   smlad \\sum, \\low, r2, \\sum\n"
    "   .endm\n"
    "   .macro conv_two\n"
    "   conv_next r9, r12\n"
    "   conv_channel #0, r10, r12, r8, r4, r9, r5, r3\n"
    "   conv_channel #4, r11, r10, r8, r6, r9, r7, lr\n"
    "   .endm\n"
    "   .macro conv_four\n"
    "   conv_two\n"
    "   conv_next r8, r11\n"
    "   conv_channel #4, r10, r11, r9, r6, r8, r7, lr\n"
    "   conv_channel #0, r12, r10, r9, r4, r8, r5, r3\n"
    "   .endm\n"
    "   .macro conv_last low, w0, w2, sum\n" /* only the low lane */
    "   mla \\low, r8, \\w0, \\low\n"
    "   mla \\low, r9, \\w2, \\low\n"
    "   uqsub16 \\low, \\low, r1\n"
    "   uxtah \\sum, \\sum, \\low\n"
    "   .endm\n"
    "   .pushsection .text.ecgedge_convolve_pair, \"ax\", %progbits\n"
    "   .p2align 2\n"
    "   .global ecgedge_convolve_pair\n"
    "   .type ecgedge_convolve_pair, %function\n"
    "   .thumb_func\n"
    "ecgedge_convolve_pair:\n"
    "   push {r1, r3-r11, lr}\n"
    "   ldmia r2, {r2-r7}\n"
    "   adds r1, #1\n"
    "   ubfx r12, r1, #2, #2\n" /* fours before a multiple of four fours */
    "   bic r8, r1, #3\n"
    "   add r8, r8, r0\n"
    "   adds r8, #2\n"
    "   push {r2, r3, r8}\n"
    "   str r1, [sp, #12]\n"
    "   mov r10, #0x4000\n"
    "   pkhbt r11, r10, r3\n"
    "   pkhbt r10, r10, r2\n"
    "   mov r1, #0x80008000\n"
    "   mov r2, #0x00010001\n"
    "   movs r3, #0\n"
    "   mov lr, #0\n"
    "   conv_next r8, r9\n"
    "   tbb [pc, r12]\n"
    "0: .byte (5f - 0b) / 2, (4f - 0b) / 2, (3f - 0b) / 2, (2f - 0b) / 2\n"
    "1: conv_four\n"
    "2: conv_four\n"
    "3: conv_four\n"
    "4: conv_four\n"
    "5: ldr r12, [sp, #8]\n"
    "   cmp r0, r12\n"
    "   bne 1b\n"
    "   ldr r12, [sp, #12]\n"
    "   lsls r12, r12, #31\n" /* negative: an odd one is left; carry: two are */
    "   bcc 6f\n"
    "   conv_two\n"
    "   mov r8, r9\n"
    "   mov r11, r10\n"
    "   mov r10, r12\n"
    "   ldr r12, [sp, #12]\n"
    "   lsls r12, r12, #31\n"
    "6: bpl 7f\n"
    "   ldrsb r9, [r0]\n"
    "   conv_last r10, r4, r5, r3\n"
    "   conv_last r11, r6, r7, lr\n"
    "7: ldr r12, [sp, #16]\n"
    "   ldrd r0, r1, [r12]\n"
    "   add r0, r0, r3\n"
    "   add r1, r1, lr\n"
    "   strd r0, r1, [r12]\n"
    "   add sp, #20\n"
    "   pop {r4-r11, pc}\n"
    "   .size ecgedge_convolve_pair, . - ecgedge_convolve_pair\n"
    "   .popsection\n"
    "   .purgem conv_next\n"
    "   .purgem conv_channel\n"
    "   .purgem conv_two\n"
    "   .purgem conv_four\n"
    "   .purgem conv_last\n");
