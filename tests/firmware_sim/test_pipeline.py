from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecgedge.data.record import read_record, resample_record
from firmware_sim import network
from firmware_sim.beat import cut_windows, normalize, window_is_inside
from firmware_sim.context import CONTEXT_SIZE, beat_contexts
from firmware_sim.detector import Detection, detect
from firmware_sim.detector_timing import timing
from firmware_sim.errors import EcgedgeError
from firmware_sim.pipeline import Beat, Pipeline, quality, run
from firmware_sim.prior import Prior, is_irregular, with_prior
from firmware_sim.program import Program
from firmware_sim.rhythm import RHYTHM_SIZE, RR_SIZE, Rhythm, contexts
from firmware_sim.shape import SHAPE_SIZE
from tests.firmware_sim.test_detector import heart
from tests.firmware_sim.test_shape import plain_shapes
from tests.programs import random_program

Counts = NDArray[np.integer]


def batch_contexts(
    program: Program, counts: Counts, found: list[Detection], inside: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """Contexts of a whole list, with what a stream cannot know: R peaks after the deadline."""
    fs, length = program.fs, len(counts) - 1
    samples = [d.sample for d in found]
    result = np.zeros((len(found), CONTEXT_SIZE), dtype=np.int8)
    result[:, :RHYTHM_SIZE] = contexts(samples, fs)
    rhythm = Rhythm()
    for i, detection in enumerate(found):
        if i:
            rhythm = rhythm.after(samples[i] - samples[i - 1], fs)
        timeout = rhythm.timeout()
        if timeout is None:
            continue
        deadline = detection.sample + timeout + timing(fs).reach
        known = found[i + 1].found_at if i + 1 < len(found) else length
        if known > deadline:
            result[i, :RHYTHM_SIZE] = rhythm.context(timeout)
            assert result[i, 2] == 127
    if program.context == CONTEXT_SIZE:
        windows = cut_windows(counts, np.array(samples)[inside], program.window)
        taken_in = [not d.search_back for d, within in zip(found, inside, strict=True) if within]
        rr_before = result[inside, 0].tolist()
        result[inside, RHYTHM_SIZE:] = np.array(
            plain_shapes(windows.tolist(), rr_before, taken_in=taken_in), dtype=np.int8
        ).reshape(-1, SHAPE_SIZE)
    return result[:, : program.context]


def batch_due(program: Program, found: list[Detection], length: int) -> list[int]:
    """Numbers of the samples that decide the beats: one a sample, none after the end."""
    due, rhythm, last = [], Rhythm(), -1
    half = program.window - program.window // 2
    for i, detection in enumerate(found):
        if i:
            rhythm = rhythm.after(detection.sample - found[i - 1].sample, program.fs)
        at = max(detection.sample + half - 1, detection.found_at)
        timeout = rhythm.timeout()
        if program.context and timeout is not None:
            waits = detection.sample + timeout + timing(program.fs).reach
            if i + 1 < len(found):
                waits = min(waits, found[i + 1].found_at)
            at = max(at, waits)
        if detection.sample >= program.window // 2:
            last = at = max(at, last + 1)
        due.append(min(at, length - 1))
    return due


def batch(program: Program, counts: Counts) -> list[Beat]:
    """The same beats, written for a whole recording."""
    found = detect(counts, program.fs)
    samples = np.array([d.sample for d in found])
    inside = window_is_inside(samples, program.window, len(counts))
    context = batch_contexts(program, counts, found, inside)
    windows = cut_windows(counts, samples[inside], program.window)
    used = context[inside] if program.context else None
    alone = network.run(program, normalize(windows), used).scores
    record, silent = np.zeros(len(alone), int), is_irregular(context[inside])
    scores = with_prior(alone, record, program.labels, program.prior, silent=silent)
    decided = network.decide(program, scores)
    names = quality(windows, program.fs)
    due = batch_due(program, found, len(counts))
    longest = 8 * program.fs
    beats = []
    for row, i in enumerate(np.flatnonzero(inside)):
        index = int(decided[row])
        rr = None if i == 0 else min(int(samples[i] - samples[i - 1]), longest)
        beats.append(
            Beat(
                sample=int(samples[i]),
                time_s=int(samples[i]) / program.fs,
                label=program.labels[index],
                label_index=index,
                scores=tuple(scores[row].tolist()),
                rr=rr,
                rr_s=None if rr is None else rr / program.fs,
                context=tuple(context[i].tolist()) if program.context else (),
                quality=names[row],
                search_back=found[i].search_back,
                decided_at=due[i],
            )
        )
    return beats


def streamed(program: Program, counts: Counts, size: int) -> list[Beat]:
    pipeline = Pipeline(program)
    beats = []
    for start in range(0, len(counts), size):
        beats += pipeline.push(counts[start : start + size])
    return beats + pipeline.flush()


def part_of(folder: Path, name: str, fs: int, seconds: int) -> Counts:
    return resample_record(read_record(folder, name), fs).counts[: seconds * fs]


def shape_program(seed: int, window: int = 360, prior: Prior | None = None) -> Program:
    """A program that sees beats through rhythm and shape alone."""
    shape = {"window": window, "context": CONTEXT_SIZE, "hidden": 8}
    return random_program(seed, branches=False, prior=prior, **shape)


@pytest.mark.parametrize("size", [1, 7, 360, 1 << 20])
@pytest.mark.parametrize(
    "shape",
    [
        {"context": 0},
        {"context": RR_SIZE},
        {"context": CONTEXT_SIZE, "hidden": 3},
        {"context": CONTEXT_SIZE, "hidden": 8, "branches": False},
        {"context": 0, "hidden": 8, "branches": False, "measures": 6},
        {"context": CONTEXT_SIZE, "hidden": 8, "branches": False, "measures": 16},
    ],
    ids=str,
)
@pytest.mark.parametrize("prior", [None, Prior("S", 6, 5)], ids=str)
def test_the_stream_gives_the_beats_of_the_whole_recording(
    excerpt: Path, size: int, shape: dict[str, Any], prior: Prior | None
) -> None:
    program = random_program(3, prior=prior, **shape)
    counts = part_of(excerpt, "208", 360, 40 if size == 1 else 120)
    expected = batch(program, counts)
    assert len(expected) > 40
    assert streamed(program, counts, size) == expected


@pytest.mark.parametrize("name", ["119", "201", "222"])
def test_pauses_and_late_beats_do_not_depend_on_the_chunks(excerpt: Path, name: str) -> None:
    program = random_program(4, window=250)
    counts = part_of(excerpt, name, 250, 200)
    expected = batch(program, counts)
    assert streamed(program, counts, 25) == expected
    assert run(program, counts) == expected


def test_beats_of_search_back_are_compared_and_not_taken_in(excerpt: Path) -> None:
    program = shape_program(4)
    counts = part_of(excerpt, "210", 360, 120)
    expected = batch(program, counts)
    late = next(i for i, b in enumerate(expected) if b.search_back)
    assert any(expected[late].context[RHYTHM_SIZE:])
    for size in (1, 50, len(counts)):
        assert streamed(program, counts, size) == expected
    # what follows is what it would be had the template never seen the beat that came late
    without = [b for i, b in enumerate(expected) if i != late]
    windows = cut_windows(counts, np.array([b.sample for b in without]), 360)
    shapes = [list(b.context[RHYTHM_SIZE:]) for b in without]
    rr_before = [b.context[0] for b in without]
    assert plain_shapes(windows.tolist(), rr_before) == shapes


def test_premature_beats_are_those_of_the_rhythm(excerpt: Path) -> None:
    """Their first value says how far the template moves; a real record has many of them."""
    counts = part_of(excerpt, "208", 360, 120)
    beats = run(shape_program(4), counts)
    assert sum(b.context[0] < -16 for b in beats) > 20
    windows = cut_windows(counts, np.array([b.sample for b in beats]), 360).tolist()
    shapes = [list(b.context[RHYTHM_SIZE:]) for b in beats]
    assert plain_shapes(windows, [b.context[0] for b in beats]) == shapes
    assert plain_shapes(windows, [0] * len(beats)) != shapes


@pytest.mark.parametrize("window", [125, 250, 360, 500])
def test_a_clean_stream_has_the_context_of_its_annotations(window: int) -> None:
    """The training set's values, from R peaks that are known, are those of the device."""
    program = shape_program(7, window)
    counts, _ = heart(window, 60, rate_hz=1.1)
    peaks = [d.sample for d in detect(counts, window)]
    beats = run(program, counts)
    inside = window_is_inside(np.array(peaks), window, len(counts))
    rows = np.array([peaks]).T - window // 2 + np.arange(window)
    windows = counts[np.clip(rows, 0, len(counts) - 1)]
    expected = beat_contexts(windows, inside, peaks, window)[inside]
    assert len(beats) == inside.sum() > 50
    assert [b.context for b in beats] == [tuple(row) for row in expected.tolist()]
    q = normalize(windows[inside])
    assert [b.scores for b in beats] == [
        tuple(row) for row in network.run(program, q, expected).scores.tolist()
    ]


def test_after_a_gap_the_first_beat_is_the_template_again() -> None:
    program = shape_program(6)
    counts, _ = heart(360, 20)
    other = 1000 - counts
    pipeline = Pipeline(program)
    before = pipeline.push(counts) + pipeline.reset(at_sample=len(counts) + 5)
    after = pipeline.push(other) + pipeline.flush()
    assert any(any(b.context[RHYTHM_SIZE:]) for b in before)
    assert not any(after[0].context[:RHYTHM_SIZE])
    assert not any(after[0].context[RHYTHM_SIZE + 1 :])
    assert [b.context for b in after] == [b.context for b in run(program, other)]


def test_a_context_of_five_is_the_beginning_of_the_twelve() -> None:
    counts, _ = heart(360, 30)
    few, all_values = (
        [b.context for b in run(random_program(1, context=size), counts)]
        for size in (RR_SIZE, CONTEXT_SIZE)
    )
    assert {len(c) for c in all_values} == {CONTEXT_SIZE}
    assert few == [c[:RR_SIZE] for c in all_values]


@pytest.mark.database
@pytest.mark.slow
@pytest.mark.parametrize("name", ["105", "203"])
def test_full_records_with_shape_beat_for_beat(mitdb: Path, name: str) -> None:
    program = shape_program(5, prior=Prior("S", 6, 5))
    counts = read_record(mitdb, name).counts
    expected = batch(program, counts)
    assert any(b.search_back for b in expected)
    assert streamed(program, counts, 360) == expected


@pytest.mark.database
@pytest.mark.slow
@pytest.mark.parametrize("name", ["105", "203", "207", "232"])
def test_full_records_beat_for_beat(mitdb: Path, name: str) -> None:
    program = random_program(5)
    counts = read_record(mitdb, name).counts
    expected = batch(program, counts)
    assert any(b.search_back for b in expected)
    assert streamed(program, counts, 360) == expected
    assert run(program, counts) == expected


def square_or_noise(n: int, seed: int) -> Counts:
    rng = np.random.default_rng(seed)
    kind = seed % 3
    if kind == 0:
        return rng.integers(-32768, 32768, n)
    if kind == 1:
        return rng.choice([-32768, 32767], n)
    return np.where(np.arange(n) // int(rng.integers(1, 150)) % 2, 32767, -32768)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 99),
    size=st.integers(1, 700),
    window=st.sampled_from([125, 250, 360, 361]),
)
def test_hostile_streams_cut_anywhere_give_the_same_beats(
    seed: int, size: int, window: int
) -> None:
    prior = Prior("N", 40, 2) if seed % 4 > 1 else None
    program = shape_program(seed, window, prior)
    if seed % 2:
        program = random_program(seed, window=window, prior=prior)
    counts = square_or_noise(15 * window, seed)
    assert streamed(program, counts, max(size, 40)) == batch(program, counts)


def test_a_beat_comes_at_most_one_beat_late() -> None:
    program = random_program(1)
    counts, _ = heart(360, 30)
    pipeline = Pipeline(program)
    found = {d.sample: d for d in detect(counts, 360)}
    samples = list(found)
    for n in range(len(counts)):
        for beat in pipeline.push(counts[n : n + 1]):
            following = samples[samples.index(beat.sample) + 1]
            complete = beat.sample + 360 - 180 - 1
            first = complete if beat.rr_s is None else max(complete, found[following].found_at)
            assert beat.decided_at == n == first


def test_a_pause_counts_as_eight_seconds_at_most() -> None:
    program = random_program(1, context=0)
    counts, _ = heart(360, 20)
    beats = run(program, np.concatenate([counts, np.full(30 * 360, counts[-1]), counts]))
    assert max(b.rr for b in beats if b.rr is not None) == 8 * 360


def test_without_context_a_beat_does_not_wait_for_the_next_one() -> None:
    program = random_program(1, context=0)
    counts, _ = heart(360, 20)
    pipeline = Pipeline(program)
    for n in range(len(counts)):
        for beat in pipeline.push(counts[n : n + 1]):
            assert n == beat.sample + 179
            assert beat.context == ()


def test_when_no_beat_follows_the_time_out_decides_at_saturation() -> None:
    program = random_program(2)
    counts, _ = heart(360, 20)
    last = detect(counts, 360)[-1].sample
    tail = np.full(4 * 360, counts[-1])
    pipeline = Pipeline(program)
    beats = pipeline.push(np.concatenate([counts, tail]))
    assert beats[-1].sample == last
    assert beats[-1].context[2] == 127
    assert pipeline.flush() == []


def test_at_the_end_the_interval_after_the_last_beat_is_unknown() -> None:
    program = random_program(2)
    counts, _ = heart(360, 20)
    last = detect(counts, 360)[-1].sample
    pipeline = Pipeline(program)
    beats = pipeline.push(counts[: last + 200])
    assert beats[-1].sample < last
    (beat,) = pipeline.flush()
    assert beat.sample == last
    assert beat.context[2] == 0
    assert beat.rr_s is not None


def test_a_beat_without_its_whole_window_is_not_classified() -> None:
    program = random_program(2, context=0)
    counts, _ = heart(360, 20)
    last = detect(counts, 360)[-1].sample
    assert run(program, counts[: last + 179])[-1].sample < last
    assert run(program, counts[: last + 180])[-1].sample == last


def test_a_window_longer_than_the_learning_is_left_out_at_the_start() -> None:
    program = replace_window(random_program(2, window=125), 2000)
    counts, _ = heart(125, 40)
    found = [d.sample for d in detect(counts, 125)]
    beats = run(program, counts)
    assert beats[0].sample == next(s for s in found if s >= 1000)
    assert beats[0].rr_s is not None, "the beats before still count for the rhythm"
    assert beats == batch(program, counts)


def replace_window(program: Program, window: int) -> Program:
    return program.replace(window=window)


def test_nothing_reaches_across_a_gap() -> None:
    program = random_program(6)
    counts, _ = heart(360, 20)
    pipeline = Pipeline(program)
    before = pipeline.push(counts[:5000]) + pipeline.reset(at_sample=9000)
    after = pipeline.push(counts) + pipeline.flush()
    assert before == run(program, counts[:5000])
    alone = run(program, counts)
    assert after == [
        replace(
            b,
            sample=b.sample + 9000,
            time_s=(b.sample + 9000) / 360,
            decided_at=b.decided_at + 9000,
        )
        for b in alone
    ]
    assert after[0].rr_s is None


def test_flush_goes_on_counting() -> None:
    program = random_program(6)
    counts, _ = heart(360, 20)
    pipeline = Pipeline(program)
    pipeline.push(counts)
    pipeline.flush()
    assert pipeline.position == len(counts)
    again = pipeline.push(counts)
    assert again[0].sample > len(counts)


def test_time_does_not_run_backwards() -> None:
    pipeline = Pipeline(random_program(6))
    pipeline.push([512] * 100)
    with pytest.raises(ValueError, match="before"):
        pipeline.reset(at_sample=99)


def test_bad_samples_are_refused_and_change_nothing() -> None:
    program = random_program(6)
    counts, _ = heart(360, 20)
    pipeline = Pipeline(program)
    beats = pipeline.push(counts[:3000])
    with pytest.raises(EcgedgeError, match="int16"):
        pipeline.push([100_000])
    with pytest.raises(EcgedgeError, match="integers"):
        pipeline.push([0.5])
    assert beats + pipeline.push(counts[3000:]) + pipeline.flush() == run(program, counts)


def test_a_program_at_another_rate_is_refused() -> None:
    with pytest.raises(EcgedgeError, match="125 to 500"):
        Pipeline(random_program(1).replace(fs=100))


def test_an_empty_stream_has_no_beats() -> None:
    assert run(random_program(1), np.empty(0, dtype=np.int16)) == []


def test_flat_and_clipped_windows_are_named() -> None:
    rng = np.random.default_rng(0)
    good = rng.integers(400, 700, 360)
    flat = np.full(360, 512) + rng.integers(0, 7, 360)
    high, low = good.copy(), good.copy()
    high[100:115] = 1023
    low[200:215] = 0
    short = good.copy()
    short[100:110] = 1023
    names = quality(np.array([good, flat, high, low, short]), 360)
    assert names == ["good", "flat", "clipped", "clipped", "good"]


def test_memory_does_not_grow() -> None:
    pipeline = Pipeline(random_program(1))
    counts, _ = heart(360, 120)
    longest = 0
    for start in range(0, len(counts), 360):
        pipeline.push(counts[start : start + 360])
        longest = max(longest, len(pipeline._counts))
    assert longest < 15 * 360
