/*
 * One channel of a token layer for AVR: eight tokens in 53 cycles each, where accumulators fit 16
 * bits. The same as the loop in ecgedge_network.c; avr-gcc takes twice as long.
 */

/* Rounding is as in ecgedge_token_round: half, a byte to drop, last, a factor and 7 bits to drop. */
static __attribute__((noinline)) void token_loop_avr(const int8_t *w, int16_t bias,
                                                     const ecgedge_rounding *rounding,
                                                     const int8_t *token, int8_t *result)
{
    const int8_t w0 = ECGEDGE_INT8_AT(w), w1 = ECGEDGE_INT8_AT(w + 1);
    const int8_t w2 = ECGEDGE_INT8_AT(w + 2), w3 = ECGEDGE_INT8_AT(w + 3);
    uint8_t n = ECGEDGE_TOKENS;
    int16_t a;
    uint16_t out;
    int8_t x;
    __asm__ volatile(
        "   .macro token_tap weight\n"
        "   ld %[x], %a[token]+\n"
        "   muls \\weight, %[x]\n"
        "   add %A[a], r0\n"
        "   adc %B[a], r1\n"
        "   .endm\n"
        "1: movw %A[a], %A[bias]\n"
        "   token_tap %[w0]\n"
        "   token_tap %[w1]\n"
        "   token_tap %[w2]\n"
        "   token_tap %[w3]\n"
        "   .purgem token_tap\n"
        "   clr %B[out]\n"
        "   add %A[a], %A[half]\n"
        "   adc %B[a], %B[half]\n"
        "   brmi 3f\n"
        "   sbrs %[byte], 0\n"
        "   rjmp 2f\n"
        "   mov %A[a], %B[a]\n"
        "   clr %B[a]\n"
        "2: mov %B[out], %[most]\n"
        "   cp %A[last], %A[a]\n"
        "   cpc %B[last], %B[a]\n"
        "   brlo 3f\n"
        "   mul %A[a], %[scale]\n"
        "   movw %A[out], r0\n"
        "   mul %B[a], %[scale]\n"
        "   add %B[out], r0\n"
        "   lsl %A[out]\n"
        "   rol %B[out]\n"
        "3: st %a[result], %B[out]\n"
        "   adiw %A[result], 4\n"
        "   dec %[n]\n"
        "   brne 1b\n"
        "   clr r1\n"
        : [token] "+e"(token), [result] "+e"(result), [n] "+r"(n), [a] "=&r"(a), [out] "=&r"(out),
          [x] "=&d"(x)
        : [w0] "d"(w0), [w1] "d"(w1), [w2] "d"(w2), [w3] "d"(w3), [bias] "r"(bias),
          [half] "r"((int16_t)rounding->half), [last] "r"(rounding->last), [scale] "r"(rounding->scale),
          [byte] "r"(rounding->bytes), [most] "r"((uint8_t)ECGEDGE_Q7_MAX)
        : "memory");
}
