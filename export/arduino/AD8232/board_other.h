/*
 * Any board with an analog input: samples are taken by the clock, whenever the sketch looks for one.
 * A sample that is due while the network runs is late by that time; those that are missed altogether
 * are counted as lost. A board with a fast core has neither.
 */
static const uint8_t PIN_ECG = A0, PIN_LO_PLUS = 10, PIN_LO_MINUS = 11;
static const uint32_t BOARD_RATE_MHZ = 1000UL * ECGEDGE_FS;

static bool sampling;
static uint8_t line[BOARD_LINE];
static uint32_t began_us, taken; /* when the first of a million samples was due; since then */

/* Microseconds from the start to sample `n` of less than a million. */
static uint32_t due_us(uint32_t n)
{
    return n / ECGEDGE_FS * 1000000UL + n % ECGEDGE_FS * 1000000UL / ECGEDGE_FS;
}

static void board_begin()
{
    Serial.begin(BOARD_BAUD);
    pinMode(PIN_LO_PLUS, INPUT);
    pinMode(PIN_LO_MINUS, INPUT);
#if defined(ESP32) || defined(ARDUINO_ARCH_RP2040) || defined(ARDUINO_ARCH_SAMD)
    analogReadResolution(12);
#endif
}

static void board_start()
{
    sampling = true;
    taken = 0;
    began_us = micros();
}

static void board_stop()
{
    sampling = false;
}

/* Whole samples that are due and not taken. */
static uint16_t behind()
{
    const uint32_t passed_us = micros() - began_us;
    uint16_t count = 0;
    while (count < 1000 && due_us(taken + count) <= passed_us)
        count++;
    return count;
}

/* Take the next sample; false when there is none. */
static bool board_take(uint16_t *sample)
{
    if (!sampling || behind() != 1)
        return false;
    *sample = (uint16_t)analogRead(PIN_ECG);
    if (digitalRead(PIN_LO_PLUS) || digitalRead(PIN_LO_MINUS))
        *sample |= BOARD_LEAD_OFF;
    if (++taken == 1000UL * ECGEDGE_FS) { /* a round number of seconds: begin to count anew */
        began_us += due_us(taken);
        taken = 0;
    }
    return true;
}

/* How many samples were missed; they are forgotten then. */
static uint16_t board_lost()
{
    const uint16_t count = sampling ? behind() : 0;
    if (count < 2)
        return 0;
    taken += count - 1U; /* the newest one is still in time */
    return (uint16_t)(count - 1);
}

/* The next command, or 0. */
static uint8_t board_command()
{
    return Serial.available() ? (uint8_t)Serial.read() : 0;
}

/* Where to write what is sent next, BOARD_LINE bytes. */
static uint8_t *board_line()
{
    return line;
}

static void board_send(uint8_t size)
{
    Serial.write(line, size);
}

static void board_rest()
{
}
