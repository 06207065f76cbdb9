/*
 * ATmega328P: timer 1 triggers the converter, whose interrupt puts the sample into a queue. The
 * queue bridges the time that the network takes. The serial line has its own interrupts too, so
 * that waiting costs nothing: the processor sleeps.
 *
 * The Arduino core's Serial and its clock (millis, delay) are not used. The clock would wake the
 * processor a thousand times a second, so `main` is here too, and does not start it.
 */
#include <avr/interrupt.h>
#include <avr/sleep.h>

static const uint8_t PIN_MASK = _BV(PINB2) | _BV(PINB3); /* LO+ on 10, LO- on 11 */

/* Cycles between two samples: 44444 at 16 MHz make 360.004 of 360 samples per second. */
static const uint32_t EXACT_CYCLES = (F_CPU + ECGEDGE_FS / 2) / ECGEDGE_FS;
static const uint8_t PRESCALER = EXACT_CYCLES <= 65536 ? 1 : 8;
static const uint16_t TOP = (F_CPU / PRESCALER + ECGEDGE_FS / 2) / ECGEDGE_FS - 1;
static const uint32_t BOARD_RATE_MHZ =
    (uint32_t)((F_CPU * 1000ULL + PRESCALER * (TOP + 1UL) / 2) / (PRESCALER * (TOP + 1UL)));

static const uint8_t QUEUE = 16; /* samples, 44 ms of them at 360 Hz; a power of two */
static volatile uint16_t queue[QUEUE];
static volatile uint8_t queue_in, queue_out;
static volatile uint8_t lost; /* samples that found the queue full */
static volatile uint8_t command;
static uint8_t line[BOARD_LINE];
static volatile uint8_t line_size, line_sent;

ISR(ADC_vect)
{
    TIFR1 = _BV(OCF1B); /* or it would trigger once only */
    uint16_t sample = ADC;
    const uint8_t in = queue_in;
    if (PINB & PIN_MASK)
        sample |= BOARD_LEAD_OFF;
    if (lost || (uint8_t)(in - queue_out) == QUEUE) {
        lost++;
        return;
    }
    queue[in % QUEUE] = sample;
    queue_in = (uint8_t)(in + 1);
}

ISR(USART_UDRE_vect)
{
    const uint8_t next = line_sent;
    UDR0 = line[next];
    line_sent = (uint8_t)(next + 1);
    if (line_sent == line_size)
        UCSR0B &= (uint8_t)~_BV(UDRIE0);
}

ISR(USART_RX_vect)
{
    command = UDR0;
}

/* Sleep until the next interrupt. Called, and returns, with interrupts off: none slips between. */
static void doze()
{
    sleep_enable();
    sei();
    sleep_cpu();
    sleep_disable();
    cli();
}

static void board_begin()
{
    ADMUX = _BV(REFS0); /* A0, against the supply */
    ADCSRB = _BV(ADTS2) | _BV(ADTS0);
    ADCSRA = _BV(ADEN) | _BV(ADATE) | _BV(ADIE) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
    DIDR0 = _BV(ADC0D);
    TCCR1A = 0;
    OCR1A = OCR1B = TOP;
    UCSR0A = _BV(U2X0);
    UBRR0 = (F_CPU / 4 / BOARD_BAUD - 1) / 2; /* 117,647 baud at 16 MHz, as every Uno has it */
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
    set_sleep_mode(SLEEP_MODE_IDLE);
}

static void board_start()
{
    lost = 0;
    queue_out = queue_in;
    TCNT1 = 0;
    TCCR1B = _BV(WGM12) | (PRESCALER == 1 ? _BV(CS10) : _BV(CS11));
}

static void board_stop()
{
    TCCR1B = 0;
}

/* Take the next sample; false when there is none. */
static bool board_take(uint16_t *sample)
{
    const uint8_t out = queue_out;
    if (out == queue_in)
        return false;
    *sample = queue[out % QUEUE];
    queue_out = (uint8_t)(out + 1);
    return true;
}

/* How many samples are missing after the last one that was taken; they are forgotten then. */
static uint8_t board_lost()
{
    cli();
    const uint8_t count = lost;
    lost = 0;
    sei();
    return count;
}

/* The last command that came, or 0. */
static uint8_t board_command()
{
    const uint8_t last = command;
    command = 0;
    return last;
}

/* Where to write what is sent next, BOARD_LINE bytes; waits until the line before is on its way. */
static uint8_t *board_line()
{
    cli();
    while (line_sent != line_size)
        doze();
    sei();
    return line;
}

static void board_send(uint8_t size)
{
    line_sent = 0;
    line_size = size;
    UCSR0B |= _BV(UDRIE0);
}

/* Sleep until there is something to do. */
static void board_rest()
{
    cli();
    while (queue_in == queue_out && !command)
        doze();
    sei();
}

void setup();
void loop();

int main()
{
    setup();
    for (;;)
        loop();
}
