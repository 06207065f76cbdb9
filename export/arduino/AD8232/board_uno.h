/*
 * ATmega328P: timer 1 triggers the converter, whose interrupt puts the sample into a queue. The
 * queue bridges the time that the network takes. The serial line has its own interrupts too, so
 * that waiting costs nothing: the processor sleeps. The Arduino core's clock (timer 0: millis,
 * delay) and Serial are not used; the clock is stopped, because it would wake the processor.
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

/* One writes at `in`, the other reads at `out`; sizes are powers of two. */
template <typename Item, uint8_t SIZE> struct Queue {
    volatile Item items[SIZE];
    volatile uint8_t in, out;

    bool empty() const { return in == out; }
    bool full() const { return (uint8_t)(in - out) == SIZE; }
    void put(Item item)
    {
        items[in % SIZE] = item;
        in = (uint8_t)(in + 1);
    }
    Item take()
    {
        const Item item = items[out % SIZE];
        out = (uint8_t)(out + 1);
        return item;
    }
};

static Queue<uint16_t, 32> samples;
static Queue<uint8_t, 32> sending;
static Queue<uint8_t, 4> commands;
static volatile uint16_t lost;

ISR(ADC_vect)
{
    TIFR1 = _BV(OCF1B); /* or it would trigger once only */
    uint16_t sample = ADC;
    if (PINB & PIN_MASK)
        sample |= BOARD_LEAD_OFF;
    if (lost || samples.full())
        lost = (uint16_t)(lost + 1);
    else
        samples.put(sample);
}

ISR(USART_UDRE_vect)
{
    UDR0 = sending.take();
    if (sending.empty())
        UCSR0B &= (uint8_t)~_BV(UDRIE0);
}

ISR(USART_RX_vect)
{
    const uint8_t byte = UDR0;
    if (!commands.full())
        commands.put(byte);
}

/* Sleep until the next interrupt; called with interrupts off, so that none comes in between. */
static void doze()
{
    sleep_enable();
    sei();
    sleep_cpu();
    sleep_disable();
}

static void board_begin()
{
    TIMSK0 = 0;
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
    if (samples.empty())
        return false;
    *sample = samples.take();
    return true;
}

/* How many samples did not fit after the last one that was taken; they are forgotten then. */
static uint16_t board_lost()
{
    cli();
    const uint16_t count = lost;
    lost = 0;
    sei();
    return count;
}

/* The next command, or 0. */
static uint8_t board_command()
{
    return commands.empty() ? 0 : commands.take();
}

/* Send a byte; waits while the line is behind. */
static void board_put(uint8_t byte)
{
    for (;;) {
        cli();
        if (!sending.full())
            break;
        doze();
    }
    sending.put(byte);
    UCSR0B |= _BV(UDRIE0);
    sei();
}

/* Sleep until there is something to do. */
static void board_rest()
{
    cli();
    if (samples.empty() && commands.empty())
        doze();
    sei();
}
