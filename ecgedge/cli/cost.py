"""`ecgedge cost`: what a program takes of a chip."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecgedge.cli.bundle import BUNDLE_HELP
from firmware_sim.errors import EcgedgeError

if TYPE_CHECKING:
    from ecgedge.cost import Cost, Workload
    from firmware_sim.program import Program


@click.command(epilog=BUNDLE_HELP)
@click.argument("bundle", required=False)
@click.option(
    "--targets",
    default="all",
    show_default=True,
    help="Comma-separated: cortex-m0, cortex-m3, cortex-m4, avr. `all` leaves out what has no "
    "tools here; a name that cannot run is an error.",
)
@click.option("--record", default="208", show_default=True, help="Record to measure with.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of mitdb, or above it. Default: the bundled excerpt.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=10, max=1800),
    default=120,
    show_default=True,
    metavar="S",
    help="Take the first S seconds of it.",
)
@click.option(
    "--clock", type=click.IntRange(min=1_000), metavar="HZ", help="[default: a usual chip's]"
)
@click.option(
    "--cycles-per-instruction",
    "cpi",
    type=click.FloatRange(min=1, max=20),
    default=2.0,
    show_default=True,
    help="Assumed for Cortex-M, where instructions are counted and not cycles.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def cost(
    bundle: str | None,
    targets: str,
    record: str,
    data: Path | None,
    seconds: float,
    clock: int | None,
    cpi: float,
    as_json: bool,
) -> None:
    """Measure flash, RAM, stack and time of a program's C library on each chip.

    Instructions are counted by QEMU, cycles by simavr, the stack is the deepest path through the
    linked program. The energy is an estimate.
    """
    from ecgedge.chips.tools import ToolMissing
    from ecgedge.cost import TARGETS
    from ecgedge.cost import cost as measure
    from ecgedge.zoo import find_program

    chosen = TARGETS if targets == "all" else tuple(t.strip() for t in targets.split(","))
    unknown = [target for target in chosen if target not in TARGETS]
    if unknown:
        raise EcgedgeError(f"there is no target {unknown[0]!r}; choose from {', '.join(TARGETS)}.")
    program = find_program(bundle)
    work = _workload(program, record, data, seconds)
    found: dict[str, Cost] = {}
    for target in chosen:
        try:
            found[target] = measure(
                program, target, work, clock_hz=clock, cycles_per_instruction=cpi
            )
        except ToolMissing as reason:
            if targets != "all":
                raise
            click.echo(f"{target} is left out: {reason}", err=True)
    if not found:
        raise EcgedgeError("no target could be measured; install the tools that are named above.")
    if as_json:
        click.echo(json.dumps({target: item.json() for target, item in found.items()}))
    else:
        _print(program, work, found)


def _workload(program: "Program", record: str, data: Path | None, seconds: float) -> "Workload":
    """Read the recording to measure with."""
    from ecgedge.cost import workload
    from ecgedge.data.locate import excerpt, find_record
    from ecgedge.data.record import read_record, resample_record

    bundled = data is None and (excerpt() / f"{record}.hea").is_file()
    folder, name = (excerpt(), record) if bundled else find_record(record, data)
    read = resample_record(read_record(folder, name), program.fs)
    title = f"record {name}, first {seconds:g} s"
    return workload(program, read.counts[: round(seconds * program.fs)], title)


def _print(program: "Program", work: "Workload", found: "Mapping[str, Cost]") -> None:
    from rich.console import Console
    from rich.table import Table

    first = next(iter(found.values()))
    click.echo(
        f"{program.name}: {program.parameters} parameters, {program.fs} samples/s; measured with "
        f"{work.name}: {first.beats} beats, {first.beats_per_minute:g} a minute"
    )
    rows = {
        "flash, bytes": "flash_bytes",
        "RAM, bytes": "ram_bytes",
        "stack, bytes": "stack_bytes",
        "counted in": "unit",
        "network, a beat": "network_per_beat",
        "counts to label, a beat": "per_beat",
        "detector, a sample": "per_sample",
        "longest call": "longest_sample",
        "clock, MHz": "clock_hz",
        "share of real time": "share_of_real_time",
        "energy, uJ a beat (estimate)": "energy_uj_per_beat",
    }
    table = Table("", *found)
    for title, key in rows.items():
        table.add_row(title, *(_cell(key, getattr(item, key)) for item in found.values()))
    Console().print(table)
    if any(item.unit == "instructions" for item in found.values()):
        click.echo(
            f"Cortex-M: {next(iter(found.values())).cycles_per_instruction:g} cycles an "
            "instruction are assumed for the share and the energy."
        )
    for target, item in found.items():
        click.echo(f"energy on {target}: {item.energy_assumption}.")


def _cell(key: str, value: object) -> str:
    """One cell for people."""
    if key == "clock_hz" and isinstance(value, int):
        return f"{value / 1e6:g}"
    if key == "share_of_real_time" and isinstance(value, float):
        return f"{100 * value:.2f} %"
    return f"{value:,}" if isinstance(value, int) else str(value)
