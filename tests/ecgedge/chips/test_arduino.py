"""The sketch on a simulated Uno: the beats of the simulator, in the memory that there is."""

import re
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ecgedge.chips.arduino import Sketch
from ecgedge.chips.cores import find_core
from ecgedge.chips.sizes import output_of
from ecgedge.stream.frame import FrameParser
from ecgedge.stream.selftest import difference
from ecgedge.stream.text_formats import SparkfunParser
from ecgedge.stream.wire import (
    Begins,
    BoardBeat,
    Clipped,
    Gap,
    Garbage,
    Info,
    LeadOff,
    Lost,
    Sample,
    SelftestResult,
    WireEvent,
)
from ecgedge.zoo import shipped_bundles
from export.c_header import identity
from firmware_sim.pipeline import Beat, Pipeline
from firmware_sim.program import Program
from tests.firmware import TOOLS, codes_of, run_uno, shipped, shipped_sketch, sketch_of
from tests.programs import random_program
from tests.tools import needs

pytestmark = needs(*TOOLS)

PROGRAMS = tuple(shipped_bundles())
QUALITIES = ("good", "flat", "clipped")
SECONDS = 70
RAM_BYTES = 1600
FLASH_BYTES = 12 * 1024
BUSY = 0.05
RHYTHM_AND_SHAPE: dict[str, object] = {"context": 12, "hidden": 8, "branches": False}
MEASURES: dict[str, object] = {**RHYTHM_AND_SHAPE, "measures": 7}
WEIGHTS = ("conv_table", "token_layers", "hidden_weight", "hidden_bias", "head_weight", "head_bias")


def parsed(data: bytes) -> list[WireEvent]:
    parser = FrameParser()
    return parser.feed(data) + parser.finish()


def of(events: list[WireEvent], kind: type) -> list[WireEvent]:
    return [event for event in events if isinstance(event, kind)]


def as_said(beat: Beat) -> BoardBeat:
    """The frame in which a board would say a beat."""
    flags = beat.search_back | QUALITIES.index(beat.quality) << 1
    return BoardBeat(beat.sample, beat.label_index, flags, beat.rr or 0, beat.scores)


def simulated(program: Program, codes: np.ndarray, gaps: tuple[tuple[int, int], ...] = ()) -> list:
    """The simulator's beats of codes with gaps (first, stop) in them."""
    pipeline, beats, start = Pipeline(program), [], 0
    for first, stop in gaps:
        beats += pipeline.push(codes[start:first]) + pipeline.reset(stop)
        start = stop
    beats += pipeline.push(codes[start:]) + pipeline.flush()
    return [as_said(beat) for beat in beats]


@pytest.mark.parametrize("name", PROGRAMS)
def test_over_a_minute_no_sample_is_lost_and_every_beat_is_the_simulators(
    name: str, excerpt: Path
) -> None:
    program = shipped(name)
    codes = codes_of(excerpt, "208", SECONDS)
    said = run_uno(shipped_sketch(name).elf, codes)
    events = parsed(said.data)
    assert [event.value for event in of(events, Sample)] == codes.tolist()
    assert of(events, BoardBeat) == simulated(program, codes)
    assert len(of(events, BoardBeat)) > 90
    assert said.measured.busy <= BUSY
    assert of(events, Begins) == [Begins(0)]
    assert not of(events, (Lost, Gap, Garbage, LeadOff, Clipped))


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_fits_the_memory_of_an_uno(name: str, excerpt: Path) -> None:
    sketch = shipped_sketch(name)
    measured = run_uno(sketch.elf, codes_of(excerpt, "208", 20), b"t").measured
    assert sketch.sizes.flash <= FLASH_BYTES
    assert sketch.sizes.ram + measured.stack_bytes <= RAM_BYTES
    assert measured.room_bytes == 2048 - sketch.sizes.ram


def test_it_says_who_it_is_once_a_second(excerpt: Path) -> None:
    said = parsed(run_uno(shipped_sketch("rhythm-140").elf, codes_of(excerpt, "208", 10)).data)
    info = Info(360.004, identity(shipped("rhythm-140")))
    assert of(said, Info) == [info] * 11
    assert said[0] == info


@pytest.mark.parametrize("branches", [True, False])
def test_lead_off_ends_a_stream_and_begins_another(branches: bool, excerpt: Path) -> None:
    own = (shipped("rhythm-140"), shipped_sketch("rhythm-140")) if branches else without_branches()
    (program, sketch), codes = own, codes_of(excerpt, "208", 40)
    off = np.zeros(len(codes), bool)
    off[5003:5100] = off[7000:7001] = True
    events = parsed(run_uno(sketch.elf, codes, lead_off=off).data)
    assert of(events, BoardBeat) == simulated(program, codes, ((5003, 5100), (7000, 7001)))
    assert of(events, Begins) == [Begins(0), Begins(5100), Begins(7001)]
    assert len(of(events, LeadOff)) == 98
    assert [e.value for e in of(events, Sample)] == codes[~off].tolist()


def test_a_start_begins_to_count_again(excerpt: Path) -> None:
    program, codes = shipped("rhythm-140"), codes_of(excerpt, "208", 20)
    events = parsed(run_uno(shipped_sketch("rhythm-140").elf, codes, b"s").data)
    assert set(of(events, Begins)) == {Begins(0)}
    kept = len(codes) - len(of(events, Sample))
    assert 0 <= kept < 10
    last = max(i for i, event in enumerate(events) if event == Begins(0))
    again = [event.value for event in of(events[last:], Sample)]
    assert of(events, BoardBeat) == simulated(program, np.array(again))


def test_numbers_are_for_the_serial_plotter(excerpt: Path) -> None:
    codes = codes_of(excerpt, "208", 5)
    off = np.zeros(len(codes), bool)
    off[1000:1100] = True
    data = run_uno(shipped_sketch("rhythm-140").elf, codes, b"n", off).data
    text = data[data.index(b"# rhythm-140") :]
    events = of(SparkfunParser().feed(text), (Sample, LeadOff))
    assert events[-(len(codes) - 1100) :] == [Sample(code) for code in codes[1100:].tolist()]
    assert events.count(LeadOff()) == 100


def test_labels_are_lines_of_milliseconds_and_class(excerpt: Path) -> None:
    program, codes = shipped("rhythm-140"), codes_of(excerpt, "208", 20)
    lines = run_uno(shipped_sketch("rhythm-140").elf, codes, b"l").data.split(b"\n")
    expected = [
        f"{beat.sample * 1000 // program.fs},{program.labels[beat.label]}".encode()
        for beat in simulated(program, codes)
    ]
    assert [line for line in lines if line[-2:-1] == b","] == expected


def test_the_selftest_passes_in_both_tongues(excerpt: Path) -> None:
    codes = codes_of(excerpt, "208", 2)
    events = parsed(run_uno(shipped_sketch("beat-150").elf, codes, b"t").data)
    assert [event.passed for event in of(events, SelftestResult)] == [True]
    assert b"# selftest 0\n" in run_uno(shipped_sketch("beat-150").elf, codes, b"nt").data


@cache
def without_branches() -> tuple[Program, Sketch]:
    """A program of rhythm and shape, and its sketch."""
    program = random_program(17, **RHYTHM_AND_SHAPE)  # type: ignore[arg-type]
    return program, sketch_of(program, Path(tempfile.mkdtemp(prefix="ecgedge-sketch-")))


def test_a_program_without_branches_is_smaller_and_says_the_simulators_beats(
    excerpt: Path,
) -> None:
    (program, sketch), codes = without_branches(), codes_of(excerpt, "208", SECONDS)
    said = run_uno(sketch.elf, codes)
    assert of(parsed(said.data), BoardBeat) == simulated(program, codes)
    assert said.measured.busy <= BUSY
    tested = run_uno(sketch.elf, codes[:200], b"t")
    assert [event.passed for event in of(parsed(tested.data), SelftestResult)] == [True]
    stack = max(said.measured.stack_bytes, tested.measured.stack_bytes)
    print(f"{sketch.sizes}, {stack} bytes of stack, busy {said.measured.busy:.2%}")
    shipped_ram = shipped_sketch("rhythm-140").sizes.ram + 400
    assert sketch.sizes.flash < shipped_sketch("rhythm-140").sizes.flash <= FLASH_BYTES
    assert sketch.sizes.ram + stack < shipped_ram <= RAM_BYTES


@pytest.mark.parametrize(
    ("fs", "shape"),
    [
        (125, {"classes": 2, "context": 0}),
        (250, {"classes": 5}),
        (500, {"classes": 3}),
        (125, {"classes": 2, **RHYTHM_AND_SHAPE}),
        (250, RHYTHM_AND_SHAPE),
        (250, {"context": 12, "hidden": 7}),
        (250, MEASURES),
        (125, {**MEASURES, "measures": 16, "context": 0}),
    ],
)
def test_other_rates_and_shapes_compile_and_agree(
    fs: int, shape: dict[str, object], tmp_path: Path
) -> None:
    program = random_program(fs, window=fs, **shape)  # type: ignore[arg-type]
    sketch = sketch_of(program, tmp_path)
    time_s = np.arange(15 * fs) / fs
    codes = np.rint(337 + 200 * np.exp(-(((time_s % 0.8 - 0.4) / 0.02) ** 2))).astype(int)
    events = parsed(run_uno(sketch.elf, codes, b"").data)
    assert of(events, BoardBeat) == simulated(program, codes)
    assert of(events, BoardBeat)
    assert abs(of(events, Info)[0].rate_hz / fs - 1) < 1e-4


def weight_places(elf: Path, names: Sequence[str] = WEIGHTS) -> list[int]:
    """Offsets in an ELF file of every byte of weights and biases."""
    avr = find_core("avr")
    text = re.search(r"\.text\s+PROGBITS\s+(\w+)\s+(\w+)", output_of(avr, "readelf", "-SW", elf))
    assert text is not None
    offset = int(text[2], 16) - int(text[1], 16)
    places = []
    for line in output_of(avr, "nm", "-S", elf).splitlines():
        address, *size, _, name = line.split()
        if size and name.split(".")[0] in names:
            first = offset + int(address, 16)
            places += range(first, first + int(size[0], 16))
    return places


@pytest.mark.parametrize(("branches", "weights"), [(True, 141), (False, 140)])
def test_flipped_bits_of_weights_in_the_flash_are_found(
    branches: bool, weights: int, excerpt: Path, tmp_path: Path
) -> None:
    elf = (shipped_sketch("rhythm-140") if branches else without_branches()[1]).elf
    codes = codes_of(excerpt, "208", 0.1)
    places, random = weight_places(elf), np.random.default_rng(5)
    assert len(places) >= weights
    found = []
    for place in random.choice(places, 40, replace=False):
        data = bytearray(elf.read_bytes())
        data[place] ^= 1 << int(random.integers(8))
        (tmp_path / "flipped.elf").write_bytes(data)
        (result,) = of(parsed(run_uno(tmp_path / "flipped.elf", codes, b"t").data), SelftestResult)
        found.append(not result.passed)
    assert sum(found) >= (38 if branches else 40)


def test_a_board_with_measures_says_where_its_self_test_fails(
    excerpt: Path, tmp_path: Path
) -> None:
    program = random_program(18, **MEASURES)  # type: ignore[arg-type]
    elf, codes = sketch_of(program, tmp_path).elf, codes_of(excerpt, "208", 0.1)

    def result_with(place: int, bit: int) -> SelftestResult:
        data = bytearray(elf.read_bytes())
        data[place] ^= bit
        (tmp_path / "flipped.elf").write_bytes(data)
        (result,) = of(parsed(run_uno(tmp_path / "flipped.elf", codes, b"t").data), SelftestResult)
        assert isinstance(result, SelftestResult)
        return result

    result = result_with(weight_places(elf)[0], 0)
    assert (result.passed, result.layers, result.hidden, result.measures) == (True, 0, 8, 7)
    for i, shift in ((0, "measures, from 0 on"), (6, "measures, from 4 on")):
        first = weight_places(elf, ["measures"])[4 * i]  # kind, first bin, how many, shift
        changed = difference(result_with(first, 1))
        assert changed.where == f"sums of the measures, measure {i}"
        assert difference(result_with(first + 3, 1)).where == shift
    row = weight_places(elf, ["hidden_weight"])[program.features * 5]
    assert difference(result_with(row, 1)).where == "sums of the hidden layer, unit 5"
