"""Samples in, labelled beats out: everything that the firmware does, from ADC counts to label.

R peaks come from `detector.py`. A beat is decided at the first sample at which both hold:

- its window is complete, `window - window // 2 - 1` samples after the R peak;
- if the program uses context: the next R peak was found, or the beat's deadline passed. The
  deadline is the time-out of `rhythm.py` (twice the slow mean RR, where the value saturates) plus
  the detector's reach. An R peak within the time-out is found by then, unless it comes from
  search-back; then the deadline decides, and the value stays saturated. So what a beat says depends
  on the samples up to its decision, never on how they are cut into calls.

Beats come out in the order of their R peaks, at most one beat late and one with a sample: what is
due with the beat before it comes with the next sample. A beat whose window leaves the
stream, at its start, its end or a gap, is not classified; it counts as an R peak for the rhythm.
At a gap (lead off, samples lost) everything starts anew: no window, no filter and no RR interval
reaches across. `flush` ends the stream: beats with a complete window that wait for the next R peak
are decided with an unknown interval after them.

A device needs less memory than this. It keeps a ring of one window, runs the network when a window
is complete, for the best candidate of search-back as for a beat, and keeps the four mean values
until the RR context is known: the head is all that is left to compute then.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from firmware_sim import network
from firmware_sim.beat import normalize, window_edges
from firmware_sim.context import CONTEXT_SIZE
from firmware_sim.detector import Detection, Detector, as_counts
from firmware_sim.prior import is_irregular
from firmware_sim.program import Program
from firmware_sim.rhythm import RHYTHM_SIZE, Rhythm
from firmware_sim.shape import Shape, bins, is_premature

FLAT_COUNTS = 8
"""A window that spans fewer counts holds no heartbeat worth a label."""
CLIPPED_MS = 40
"""A run this long at the window's largest or smallest value is a signal cut off by a rail."""

GOOD, FLAT, CLIPPED = "good", "flat", "clipped"


@dataclass(frozen=True, slots=True)
class Beat:
    """One classified beat.

    Attributes
    ----------
    sample : int
        Sample number of the R peak in the stream.
    time_s : float
        The same in seconds.
    label : str
        Class name.
    label_index : int
        Index into the program's labels.
    scores : tuple of int
        The head's output and what the prior adds to it, one a class, on the scale 2**-14.
    rr : int or None
        Samples since the R peak before, at most 8 s of them; None for the first after a start or a
        gap.
    rr_s : float or None
        The same in seconds.
    context : tuple of int
        The five RR values in Q0.7, or all twelve values of rhythm and shape, that the program
        took; empty for a program without context.
    quality : str
        Of the window: ``"good"``; ``"flat"``, it spans fewer than 8 counts; ``"clipped"``, it stays
        at its largest or smallest value for 40 ms or more.
    search_back : bool
        The R peak was found by search-back.
    decided_at : int
        Number of the sample that decided it; for a beat that `flush` returns, of the last sample.
    """

    sample: int
    time_s: float
    label: str
    label_index: int
    scores: tuple[int, ...]
    rr: int | None
    rr_s: float | None
    context: tuple[int, ...]
    quality: str
    search_back: bool
    decided_at: int


@dataclass(slots=True)
class _Pending:
    """An R peak that waits for its window or for the next R peak."""

    detection: Detection
    rr_before: int | None
    rhythm: Rhythm
    complete_at: int
    deadline: int | None
    following: Detection | None = None

    def due_at(self) -> int:
        """Number of the sample from which on the beat can be decided, as far as is known."""
        if self.deadline is None:
            return self.complete_at
        if self.following is None:
            return max(self.complete_at, self.deadline)
        return max(self.complete_at, min(self.deadline, self.following.found_at))


class Pipeline:
    """The firmware with its state.

    Parameters
    ----------
    program : Program
        What classifies the beats; its rate is the rate of the samples, 125 ... 500.

    Raises
    ------
    EcgedgeError
        When the detector does not work at the program's rate.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._begin(0)

    def _begin(self, sample: int) -> None:
        """Start with nothing remembered; `sample` is the number of the next sample."""
        self._detector = Detector(self.program.fs, start=sample)
        self._rhythm = Rhythm()
        self._shape = Shape()
        self._share = 0
        self._last: int | None = None
        self._pending: deque[_Pending] = deque()
        self._counts = np.empty(0, dtype=np.int64)
        self._counts_start = sample
        self._decided_at = sample - 1

    @property
    def position(self) -> int:
        """Number of the next sample."""
        return self._detector.position

    def push(self, samples: ArrayLike) -> list[Beat]:
        """Take samples; return the beats that they decide, in the order of their R peaks.

        Parameters
        ----------
        samples : (n,) integers
            ADC counts in the range of int16.

        Raises
        ------
        EcgedgeError
            When the samples are no such integers. Nothing has been taken then.
        """
        counts = as_counts(samples)
        return self._take(counts, self._detector.process(counts))

    def step(self, sample: int) -> Beat | None:
        """Take one sample; return the beat that it decides, as the firmware does.

        The same beats as `push` gives for many samples, slower.

        Raises
        ------
        EcgedgeError
            When the sample is no int16.
        """
        found = self._detector.push(sample)
        beats = self._take(np.array([sample], dtype=np.int64), [] if found is None else [found])
        return beats[0] if beats else None

    def _take(self, counts: NDArray[np.int64], found: list[Detection]) -> list[Beat]:
        """Remember counts that the detector has seen; return the beats that are decided."""
        self._counts = np.concatenate([self._counts, counts])
        for detection in found:
            self._add(detection)
        decided, decided_at = [], []
        while self._pending:
            at = max(self._pending[0].due_at(), self._decided_at + 1)
            if at >= self.position:
                break
            self._decided_at = at
            decided.append(self._pending.popleft())
            decided_at.append(at)
        beats = self._classify(decided, decided_at)
        self._trim()
        return beats

    def reset(self, at_sample: int | None = None) -> list[Beat]:
        """Begin anew after a gap; return the beats that were waiting, as `flush` does.

        Parameters
        ----------
        at_sample : int, optional
            Number of the next sample; by default the numbers go on without a hole.

        Raises
        ------
        ValueError
            When `at_sample` lies before samples that were taken.
        """
        at_sample = self.position if at_sample is None else at_sample
        if at_sample < self.position:
            raise ValueError(f"sample {at_sample} lies before sample {self.position}")
        whole = [p for p in self._pending if p.complete_at < self.position]
        for pending in whole:
            if pending.due_at() >= self.position:  # what comes after it will not be known
                pending.deadline = None
        beats = self._classify(whole, [self.position - 1] * len(whole))
        self._begin(at_sample)
        return beats

    def flush(self) -> list[Beat]:
        """End the stream; return the beats that were waiting for the R peak after them."""
        return self.reset()

    def _add(self, detection: Detection) -> None:
        """Take an R peak into the rhythm and let it wait for its window."""
        if self._pending:
            self._pending[-1].following = detection
        rr = None
        if self._last is not None:
            rr = min(detection.sample - self._last, self._detector.timing.interval_max)
            self._rhythm = self._rhythm.after(rr, self.program.fs)
        self._last = detection.sample
        start, stop = window_edges(detection.sample, self.program.window)
        timeout = self._rhythm.timeout() if self.program.context else None
        deadline = None
        if timeout is not None:
            deadline = detection.sample + timeout + self._detector.timing.reach
        complete_at = max(stop - 1, detection.found_at)
        if start >= self._detector.start:
            self._pending.append(_Pending(detection, rr, self._rhythm, complete_at, deadline))

    def _contexts(self, decided: list[_Pending], windows: NDArray[np.int64]) -> NDArray[np.int8]:
        """Return the context of beats, and take their shapes in: (n, program.context)."""
        result = np.zeros((len(decided), CONTEXT_SIZE), dtype=np.int8)
        for row, pending in zip(result, decided, strict=True):
            row[:RHYTHM_SIZE] = self._rhythm_values(pending)
        if self.program.context == CONTEXT_SIZE:
            scaled, areas = bins(windows)
            for i, pending in enumerate(decided):
                result[i, RHYTHM_SIZE:] = self._shape.values(scaled[i], int(areas[i]))
                if not pending.detection.search_back:
                    premature = is_premature(int(result[i, 0]))
                    self._shape = self._shape.after(scaled[i], int(areas[i]), premature=premature)
        return result[:, : self.program.context]

    def _rhythm_values(self, pending: _Pending) -> tuple[int, ...]:
        """Return the rhythm values of a decided beat; the interval after it may be unknown."""
        rhythm, following = pending.rhythm, pending.following
        after: int | None = None
        if pending.deadline is not None:
            after = rhythm.timeout()
            if following is not None and following.found_at <= pending.deadline:
                after = following.sample - pending.detection.sample
        return rhythm.context(after)

    def _classify(self, decided: list[_Pending], decided_at: list[int]) -> list[Beat]:
        """Run the network on beats whose windows are complete."""
        if not decided:
            return []
        program = self.program
        peaks = np.array([p.detection.sample for p in decided])
        first = peaks - program.window // 2 - self._counts_start
        windows = self._counts[first[:, None] + np.arange(program.window)]
        context = self._contexts(decided, windows)
        # Without branches or measures the network does not look at the beat.
        q = normalize(windows) if program.seen else np.zeros(windows.shape, dtype=np.int8)
        output = network.run(program, q, context if program.context else None)
        names = quality(windows, program.fs)
        silent = is_irregular(context)
        beats = []
        for i, p in enumerate(decided):
            scores, index = self._decide(output, i, silent=bool(silent[i]))
            beats.append(
                Beat(
                    sample=p.detection.sample,
                    time_s=p.detection.sample / program.fs,
                    label=program.labels[index],
                    label_index=index,
                    scores=scores,
                    rr=p.rr_before,
                    rr_s=None if p.rr_before is None else p.rr_before / program.fs,
                    context=tuple(context[i].tolist()) if program.context else (),
                    quality=names[i],
                    search_back=p.detection.search_back,
                    decided_at=decided_at[i],
                )
            )
        return beats

    def _decide(
        self, output: network.Output, i: int, *, silent: bool
    ) -> tuple[tuple[int, ...], int]:
        """Return scores and label index of the i-th beat; remember the label."""
        prior, labels = self.program.prior, self.program.labels
        scores, index = output.scores[i].tolist(), int(output.label_index[i])
        if prior is not None:
            if not silent:
                scores[labels.index(prior.label)] += prior.bonus(self._share)
            index = int(np.argmax(scores))
            self._share = prior.after(self._share, labels[index])
        return tuple(scores), index

    def _trim(self) -> None:
        """Drop counts that no window can need any more."""
        t = self._detector.timing
        oldest = self.position - t.candidate_age - t.reach
        if self._pending:
            oldest = min(oldest, self._pending[0].detection.sample)
        drop = oldest - self.program.window // 2 - self._counts_start
        if drop > len(self._counts) // 2:
            self._counts = self._counts[drop:].copy()
            self._counts_start += drop


def clipped_run(fs: int) -> int:
    """Samples at a rail, one after the other, from which on a window is clipped."""
    return max(2, (CLIPPED_MS * fs + 500) // 1000)


def quality(windows: NDArray[np.integer], fs: int) -> list[str]:
    """Say of each window of counts, (n, W), whether it is good, flat or clipped."""
    low, high = windows.min(axis=1), windows.max(axis=1)
    flat = high - low < FLAT_COUNTS
    run = clipped_run(fs)
    clipped = _longest_run(windows == high[:, None], run) | _longest_run(
        windows == low[:, None], run
    )
    return [FLAT if f else CLIPPED if c else GOOD for f, c in zip(flat, clipped, strict=True)]


def _longest_run(marks: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Say for each row whether `length` neighbours are all marked."""
    total = np.cumsum(marks, axis=1, dtype=np.int32)
    total = np.pad(total, ((0, 0), (1, 0)))
    result: NDArray[np.bool_] = (total[:, length:] - total[:, :-length] == length).any(axis=1)
    return result


def run(program: Program, counts: ArrayLike) -> list[Beat]:
    """Return the beats of a whole recording: one push and a flush.

    Parameters
    ----------
    program : Program
        What classifies the beats.
    counts : (n,) integers
        ADC counts in the range of int16, at the program's rate.
    """
    pipeline = Pipeline(program)
    return pipeline.push(counts) + pipeline.flush()
