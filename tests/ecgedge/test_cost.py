"""The cost report: measured on every target, in relations that have to hold."""

from pathlib import Path

import numpy as np
import pytest

from ecgedge.chips.cores import CORES
from ecgedge.cost import TARGETS, Cost, Workload, cost, workload
from ecgedge.data.record import read_record
from ecgedge.zoo import shipped_bundles
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program
from firmware_sim.program_file import load_program
from tests.programs import random_program
from tests.tools import needs

every_target = pytest.mark.parametrize(
    "target", [pytest.param(t, marks=needs(*CORES[t].needs)) for t in TARGETS]
)
KEYS = {
    "flash_bytes", "ram_bytes", "stack_bytes", "network_per_beat", "per_beat", "per_sample", "unit",
    "share_of_real_time",
}  # fmt: skip


@pytest.fixture(scope="module")
def program() -> Program:
    return load_program(shipped_bundles()["rhythm-140"] / "program.json")


@pytest.fixture(scope="module")
def work(program: Program, excerpt: Path) -> Workload:
    return workload(program, read_record(excerpt, "208").counts[: 60 * 360], "208")


@pytest.fixture(scope="module")
def measured(program: Program, work: Workload) -> dict[str, Cost]:
    return {}


def cost_of(measured: dict[str, Cost], program: Program, work: Workload, target: str) -> Cost:
    if target not in measured:
        measured[target] = cost(program, target, work)
    return measured[target]


@every_target
def test_figures_fit_together(
    measured: dict[str, Cost], program: Program, work: Workload, target: str
) -> None:
    found = cost_of(measured, program, work, target)
    assert found.json().keys() >= KEYS
    assert found.unit == CORES[target].unit
    assert found.network_per_beat < found.per_beat < found.longest_sample
    assert found.per_sample * 20 < found.per_beat
    cycles = (found.per_sample * 360 + found.per_beat * found.beats_per_minute / 60) * (
        found.cycles_per_instruction
    )
    assert cycles / found.clock_hz == pytest.approx(found.share_of_real_time, rel=0.02)


@every_target
def test_the_state_is_the_ram(
    measured: dict[str, Cost], program: Program, work: Workload, target: str
) -> None:
    found = cost_of(measured, program, work, target)
    assert 2 * program.window < found.ram_bytes < 2 * program.window + 300


@every_target
def test_a_chip_of_a_dollar_is_enough(
    measured: dict[str, Cost], program: Program, work: Workload, target: str
) -> None:
    found = cost_of(measured, program, work, target)
    limits = {"cortex-m0": 50_000, "cortex-m3": 25_000, "cortex-m4": 24_000, "avr": 150_000}
    assert found.network_per_beat <= limits[target]
    assert found.share_of_real_time <= 0.05
    assert found.flash_bytes <= 12 * 1024
    assert found.ram_bytes + found.stack_bytes <= 1600


@needs(*CORES["cortex-m0"].needs)
def test_a_faster_clock_has_more_time(program: Program, work: Workload) -> None:
    slow = cost(program, "cortex-m0", work, clock_hz=16_000_000)
    fast = cost(program, "cortex-m0", work, clock_hz=32_000_000, cycles_per_instruction=1)
    assert slow.share_of_real_time == pytest.approx(4 * fast.share_of_real_time, abs=2e-5)
    assert slow.per_beat == fast.per_beat, "counts repeat exactly"


def test_a_recording_without_beats_is_refused(program: Program) -> None:
    with pytest.raises(EcgedgeError, match="no beats"):
        workload(program, np.zeros(3600, dtype=np.int64), "nothing")


@needs(*CORES["avr"].needs)
def test_a_larger_program_costs_more(excerpt: Path) -> None:
    counts = read_record(excerpt, "208").counts[: 20 * 360]
    shallow, deep = random_program(1, depth=1), random_program(1, depth=3)
    found = [cost(p, "avr", workload(p, counts, "208")) for p in (shallow, deep)]
    assert found[0].network_per_beat < found[1].network_per_beat
    assert found[0].flash_bytes < found[1].flash_bytes
