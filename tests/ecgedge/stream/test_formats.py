"""The registry, and telling a format by reading."""

import random

import pytest

from ecgedge.stream.formats import FORMATS, recognize, wire_format
from ecgedge.stream.intake import Intake, Patience
from ecgedge.stream.wire import LeadOff, Sample
from firmware_sim.errors import EcgedgeError


def encoded(name: str, values: range, rate_hz: float = 360) -> bytes:
    encoder = wire_format(name).encoder(rate_hz)
    data = encoder.start()
    data += b"".join(encoder.sample(500 + value % 37, value) for value in values)
    return data + encoder.finish()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("cut", [0, 1, 3, 7])
def test_every_format_is_recognized_by_reading(name: str, cut: int) -> None:
    found = recognize(encoded(name, range(1000, 1100))[cut:])
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_recognized_behind_a_banner_and_with_noise(name: str) -> None:
    banner = b"ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13\r\nECG ready\r\n"
    noise = bytes(random.Random(1).randrange(128, 256) for _ in range(60)) + b"\n"
    data = banner + encoded(name, range(100)) + noise + encoded(name, range(100, 200))
    found = recognize(data)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_that_is_recognized_loses_no_sample(name: str) -> None:
    data = encoded(name, range(300))
    intake = Intake(None, "port")
    events = [e for at in range(0, len(data), 11) for e, _ in intake.feed(data[at : at + 11], 0.0)]
    events += [event for event, _ in intake.finish(0.0)]
    assert [e.value for e in events if isinstance(e, Sample)] == [500 + i % 37 for i in range(300)]
    assert intake.wire is not None
    assert intake.wire.name == name
    assert intake.recognized


def test_random_bytes_are_no_format() -> None:
    noise = random.Random(2).randbytes(20_000)
    assert recognize(noise) is None


def test_prose_is_no_format() -> None:
    assert recognize(b"the quick brown fox, 3 times\r\n" * 200) is None


@pytest.mark.parametrize("name", [None, "csv", "ecgedge"])
def test_a_stream_of_garbage_is_given_up_after_some_bytes(name: str | None) -> None:
    noise = random.Random(3)
    intake = Intake(wire_format(name) if name else None, "/dev/ttyX")
    for _ in range(320):
        intake.feed(noise.randbytes(100), 0.0)
    with pytest.raises(EcgedgeError, match=r"/dev/ttyX sends no samples.*--baud.*--format"):
        intake.feed(noise.randbytes(1000), 0.0)


def test_a_stream_of_garbage_is_given_up_after_some_time() -> None:
    intake = Intake(None, "port", Patience(limit_s=10))
    intake.feed(random.Random(4).randbytes(300), 5.0)
    intake.check(14.9)
    with pytest.raises(EcgedgeError, match="sparkfun, csv, teleplot, chords, healthypi, ecgedge"):
        intake.check(15.0)


def test_a_board_whose_leads_are_off_from_the_start_is_heard() -> None:
    intake = Intake(None, "port")
    events = [e for _ in range(2000) for e, _ in intake.feed(b"!\r\n!\r\n", 0.0)]
    assert events == [LeadOff()] * len(events)
    assert len(events) > 3900
    intake.check(1000.0)
    later = [e for e, _ in intake.feed(encoded("sparkfun", range(100)), 0.0)]
    assert sum(isinstance(e, Sample) for e in later) == 100


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(EcgedgeError, match="choose one of sparkfun"):
        wire_format("morse")
