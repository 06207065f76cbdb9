"""R-peak detector against the reference beats of a database, scored as EC57 does.

python benchmarks/detector.py [--data DIR] [--fs HZ] [--gain FACTOR] [--records 100 101 ...]

Prints Se and +P per record and gross, how far the R peaks lie from the reference, and how long
after the R peak they are found. `--fs` resamples the records and `--gain` scales their counts
first; the constants stay the same.
"""

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgedge.cli.main import answer
from ecgedge.data.annotations import REFERENCE
from ecgedge.data.locate import find_database
from ecgedge.data.record import read_record, resample_record
from ecgedge.data.splits import DS1, DS2
from ecgedge.ec57.annotations import annotations_of, at_rate
from ecgedge.ec57.classes import class_map
from ecgedge.ec57.mit_format import read_annotations
from ecgedge.ec57.pairing import pair_beats, span_of
from firmware_sim.detector import detect

LATEST_S = 0.300
NEAR_S = 0.020


@dataclass(frozen=True)
class Scored:
    """One record: how many beats were missed or extra, offset and delay in seconds of each pair."""

    name: str
    missed: int
    extra: int
    offset_s: NDArray[np.float64]
    delay_s: NDArray[np.float64]
    search_backs: int
    lead: str

    @property
    def pairs(self) -> int:
        """Reference beats that were found."""
        return len(self.offset_s)

    @property
    def se_percent(self) -> float:
        """Sensitivity."""
        return 100 * self.pairs / (self.pairs + self.missed)

    @property
    def ppv_percent(self) -> float:
        """Positive predictivity."""
        return 100 * self.pairs / (self.pairs + self.extra)


def score(folder: Path, name: str, fs: float | None, gain: float) -> Scored:
    """Run the detector on one record."""
    record = read_record(folder, name)
    reference = read_annotations(folder / f"{name}.{REFERENCE}")
    own_fs = record.fs
    if gain != 1:
        record = replace(record, counts=np.rint(record.counts * gain).astype(np.int32))
    if fs is not None:
        record = resample_record(record, fs)
    reference = at_rate(reference, own_fs, record.fs)
    found = detect(record.counts, int(record.fs))
    pairing = pair_beats(
        reference,
        annotations_of([d.sample for d in found]),
        span_of(record.fs, len(record.counts)),
        class_map(),
    )
    pairs = pairing.matched()
    beats = np.array([reference.samples[i] for i, _ in pairs])
    samples = np.array([found[j].sample for _, j in pairs])
    found_at = np.array([found[j].found_at for _, j in pairs])
    return Scored(
        name,
        len(pairing.missed()),
        len(pairing.extra()),
        (samples - beats) / record.fs,
        (found_at - beats) / record.fs,
        sum(d.search_back for d in found),
        record.lead,
    )


def report(title: str, scored: list[Scored]) -> None:
    """Print one line of gross figures and one of times."""
    pairs = sum(s.pairs for s in scored)
    missed = sum(s.missed for s in scored)
    extra = sum(s.extra for s in scored)
    offset = np.abs(np.concatenate([s.offset_s for s in scored])) * 1000
    delay = np.concatenate([s.delay_s for s in scored]) * 1000
    se, ppv = 100 * pairs / (pairs + missed), 100 * pairs / (pairs + extra)
    print(
        f"{title}: Se {se:.3f} %, +P {ppv:.3f} %"
        f" ({pairs} matched, {missed} missed, {extra} extra,"
        f" {sum(s.search_backs for s in scored)} by search-back)"
    )
    print(
        f"  offset within {NEAR_S * 1000:.0f} ms: {100 * np.mean(offset <= NEAR_S * 1000):.2f} %"
        f" (median {np.median(offset):.1f} ms, 95th percentile {np.percentile(offset, 95):.1f} ms)"
    )
    late = f"{100 * np.mean(delay <= LATEST_S * 1000):.2f} %"
    parts = ", ".join(f"{q}th {np.percentile(delay, q):.0f}" for q in (50, 95, 99))
    print(
        f"  found within {LATEST_S * 1000:.0f} ms of the reference: {late}"
        f" (percentiles, ms: {parts})"
    )


def main() -> None:
    """Score the records and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of mitdb, or above it")
    parser.add_argument("--fs", type=float, help="resample to this rate, 125 to 500")
    parser.add_argument("--gain", type=float, default=1.0, help="multiply the counts")
    parser.add_argument("--records", nargs="+", help="default: all 48")
    options = parser.parse_args()
    folder = find_database("mitdb", options.data)
    names = options.records or (folder / "RECORDS").read_text().split()
    began = time.perf_counter()
    scored = [score(folder, name, options.fs, options.gain) for name in names]
    seconds = time.perf_counter() - began
    print("record lead   matched missed extra  Se %    +P %    20 ms %  300 ms %  search-back")
    for s in scored:
        print(
            f"{s.name:6} {s.lead:6} {s.pairs:6} {s.missed:6} {s.extra:5}"
            f"  {s.se_percent:6.2f}  {s.ppv_percent:6.2f}"
            f"  {100 * np.mean(np.abs(s.offset_s) <= NEAR_S):7.2f}"
            f"  {100 * np.mean(s.delay_s <= LATEST_S):8.2f}  {s.search_backs:6}"
        )
    report("all", scored)
    for title, members in (("DS1 (constants chosen here)", DS1), ("DS2", DS2)):
        part = [s for s in scored if s.name in members]
        if part and len(part) < len(scored):
            report(title, part)
    print(f"{len(scored)} records in {seconds:.1f} s, reading included")


if __name__ == "__main__":
    answer(main)
