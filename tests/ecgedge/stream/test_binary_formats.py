"""Packets and frames: whole, damaged, cut, lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgedge.stream.binary_formats import (
    ChordsEncoder,
    ChordsParser,
    HealthypiEncoder,
    HealthypiParser,
)
from ecgedge.stream.frame import (
    BEAT,
    MAX_PAYLOAD,
    SAMPLES,
    FrameEncoder,
    FrameParser,
    beat_frame,
    crc16,
    frame,
    info_frame,
    samples_frame,
)
from ecgedge.stream.wire import (
    BoardBeat,
    Clipped,
    Gap,
    Garbage,
    Info,
    LeadOff,
    Lost,
    Parser,
    Sample,
    WireEvent,
)
from firmware_sim.errors import EcgedgeError

PARSERS = (ChordsParser, HealthypiParser, FrameParser)
LARGEST = 600


def without_garbage(events: list[WireEvent]) -> list[WireEvent]:
    return [event for event in events if not isinstance(event, Garbage)]


def test_the_checksum_is_ccitt_false() -> None:
    assert crc16(b"123456789") == 0x29B1


def test_a_frame_is_what_the_manual_says() -> None:
    assert samples_frame(258, [1, -2]) == bytes.fromhex("eced 02 05 02010000 00 0100 feff") + crc16(
        bytes.fromhex("02 05 02010000 00 0100 feff")
    ).to_bytes(2, "little")


@given(
    samples=st.lists(st.integers(-32768, 32767), min_size=1, max_size=100),
    first=st.integers(0, 2**32 - 1),
    cut=st.integers(1, 40),
)
def test_samples_come_back_from_frames(samples: list[int], first: int, cut: int) -> None:
    data = b"".join(
        samples_frame(first + at, samples[at : at + 8]) for at in range(0, len(samples), 8)
    )
    parser = FrameParser()
    events = [e for at in range(0, len(data), cut) for e in parser.feed(data[at : at + cut])]
    assert events == [Sample(value) for value in samples]
    assert parser.good_bytes == len(data)
    assert parser.buffered == 0


def test_a_missing_frame_is_counted_in_samples() -> None:
    parser = FrameParser()
    parser.feed(samples_frame(0, [1, 2, 3]))
    assert parser.feed(samples_frame(11, [4])) == [Lost(8), Sample(4)]


def test_a_board_that_starts_again_makes_a_gap() -> None:
    parser = FrameParser()
    parser.feed(samples_frame(1000, [1, 2, 3]))
    assert parser.feed(samples_frame(0, [4])) == [Gap(), Sample(4)]


def test_flags_of_a_frame() -> None:
    assert FrameParser().feed(samples_frame(0, [1, 2], flags=1)) == [LeadOff(), LeadOff()]
    assert FrameParser().feed(samples_frame(0, [1], flags=2)) == [Clipped(), Sample(1)]


def test_a_board_introduces_itself_and_sends_beats() -> None:
    beat = BoardBeat(123456, 2, 1, 300, (-5, 70000, 3))
    data = info_frame(0, 360.5, "Uno\x07 R3") + beat_frame(beat)
    assert FrameParser().feed(data) == [Info(360.5, "Uno R3"), beat]


def test_a_damaged_frame_costs_itself_only() -> None:
    frames = [samples_frame(8 * i, list(range(8))) for i in range(3)]
    damaged = bytearray(b"".join(frames))
    damaged[len(frames[0]) + 9] ^= 0x10
    events = FrameParser().feed(bytes(damaged))
    assert sum(isinstance(e, Sample) for e in events) == 16
    assert Lost(8) in events
    assert any(isinstance(e, Garbage) and e.reason == "checksum" for e in events)


def test_reserved_frames_are_skipped() -> None:
    data = frame(77, 0, b"future") + frame(SAMPLES, 0, b"") + frame(BEAT, 0, b"abc")
    assert FrameParser().feed(data) == []


def test_a_payload_has_a_limit() -> None:
    with pytest.raises(EcgedgeError, match="at most 250 bytes"):
        frame(1, 0, bytes(MAX_PAYLOAD + 1))


def test_the_frame_encoder_keeps_numbers_over_lead_off_and_holes() -> None:
    encoder = FrameEncoder(360)
    data = encoder.start()
    data += b"".join(encoder.sample(10 + i, i) for i in range(11))
    data += b"".join(encoder.lead_off(i) for i in range(11, 14))
    data += b"".join(encoder.sample(10 + i, i) for i in range(20, 25)) + encoder.finish()
    events = without_garbage(FrameParser().feed(data))
    assert [e for e in events if not isinstance(e, Info)] == [
        *(Sample(10 + i) for i in range(11)),
        *[LeadOff()] * 3,
        Lost(6),
        *(Sample(10 + i) for i in range(20, 25)),
    ]


@pytest.mark.parametrize("value", [0.5, 40000, -40000])
def test_frames_refuse_what_they_cannot_carry(value: float) -> None:
    with pytest.raises(EcgedgeError, match="--format csv"):
        FrameEncoder(360).sample(value, 0)


@given(samples=st.lists(st.integers(0, 65535), max_size=40), cut=st.integers(1, 40))
def test_samples_come_back_from_chords_packets(samples: list[int], cut: int) -> None:
    encoder = ChordsEncoder()
    data = b"".join(encoder.sample(value, i) for i, value in enumerate(samples))
    parser = ChordsParser()
    events = [e for at in range(0, len(data), cut) for e in parser.feed(data[at : at + cut])]
    assert events == [Sample(value) for value in samples]


def test_the_counter_of_chords_tells_what_was_lost() -> None:
    encoder, parser = ChordsEncoder(), ChordsParser()
    parser.feed(encoder.sample(1, 254))
    assert parser.feed(encoder.sample(2, 258)) == [Lost(3), Sample(2)]


def test_chords_has_no_word_for_lead_off() -> None:
    with pytest.raises(EcgedgeError, match="--format csv"):
        ChordsEncoder().lead_off(0)
    with pytest.raises(EcgedgeError, match="--format csv"):
        ChordsEncoder().sample(-1, 0)


@given(samples=st.lists(st.integers(-32768, 32767), max_size=40), cut=st.integers(1, 40))
def test_samples_come_back_from_healthypi_packets(samples: list[int], cut: int) -> None:
    encoder = HealthypiEncoder()
    data = b"".join(encoder.sample(value, i) for i, value in enumerate(samples))
    parser = HealthypiParser()
    events = [e for at in range(0, len(data), cut) for e in parser.feed(data[at : at + cut])]
    assert events == [Sample(value) for value in samples]


def test_healthypi_breakouts_send_32_bits() -> None:
    payload = (-123456).to_bytes(4, "little", signed=True) + bytes(8)
    packet = b"\x0a\xfa\x0c\x00\x02" + payload + b"\x00\x0b"
    assert HealthypiParser().feed(packet) == [Sample(-123456)]


def test_healthypi_says_lead_off() -> None:
    assert HealthypiParser().feed(HealthypiEncoder().lead_off(0)) == [LeadOff()]


@pytest.mark.parametrize("parser", PARSERS)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [
                    b"\xec\xed",
                    b"\xec\xed\x02\xff",
                    b"\xc7\x7c",
                    b"\x0a\xfa\x14\x00\x02",
                    samples_frame(3, [1, 2]),
                    ChordsEncoder().sample(5, 1),
                    HealthypiEncoder().sample(5, 1),
                ]
            ),
        ),
        max_size=30,
    )
)
def test_a_binary_parser_takes_anything_however_it_is_cut(
    parser: type[Parser], pieces: list[bytes]
) -> None:
    data = b"".join(pieces)
    whole = parser()
    expected = whole.feed(data) + whole.finish()
    cut = parser()
    events = []
    for piece in pieces:
        events += cut.feed(piece)
        assert cut.buffered <= LARGEST
    events += cut.finish()
    assert without_garbage(events) == without_garbage(expected)
    assert sum(e.size for e in events if isinstance(e, Garbage)) + cut.good_bytes == len(data)
