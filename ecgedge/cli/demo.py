"""`ecgedge demo`: the whole chain on the bundled excerpt."""

import json
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Folder for the run, the bundle, the recording and the pictures.",
)
@click.option("--overwrite", is_flag=True, help="Replace the folder if it is there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def demo(output: Path, overwrite: bool, as_json: bool) -> None:
    """Train, distil, calibrate, export, prove, verify and stream, on the bundled excerpt.

    Needs no network and no database. The figures show that everything runs; they are not results.
    """
    import shutil

    from rich.console import Console

    from ecgedge.demo import MARKER, run_demo
    from firmware_sim.errors import EcgedgeError

    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        if not (output / MARKER).is_file():
            raise EcgedgeError(f"{output} is there and is no demo; choose another folder with -o.")
        if not overwrite:
            raise EcgedgeError(f"{output} holds a demo already; pass --overwrite to replace it.")
        shutil.rmtree(output)
    output.mkdir(parents=True, exist_ok=True)
    (output / MARKER).write_text("ecgedge demo made this folder and may replace it.\n")
    console = Console(stderr=as_json, highlight=False)
    summary = run_demo(output, lambda line: console.print(line, soft_wrap=True))
    if as_json:
        click.echo(json.dumps(summary))
    else:
        _print(console, summary, output)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _print(console: Any, summary: dict[str, Any], output: Path) -> None:
    from rich.table import Table

    program, checked = summary["program"], summary["verification"]
    table = Table("stage", "what came out", title="\nThe chain", title_justify="left")
    counts = ", ".join(f"{k} {v}" for k, v in summary["train"]["classes"].items())
    table.add_row("data", f"{summary['data']}; trained on {counts}")
    table.add_row("distillation", _gate(summary["distillation"]))
    table.add_row("program", f"{summary['parameters']} parameters, all integers")
    table.add_row(
        "test beats",
        f"macro-F1(N,S,V) {program['macro_f1_nsv']:.3f}, V F1 {program['f1']['V']:.3f}, "
        f"accuracy {_percent(program['accuracy'])}",
    )
    table.add_row("proof", f"{summary['proof']['accumulators']} accumulators, none can overflow")
    table.add_row(
        "verification",
        f"{checked['beats']} beats, {len(summary['engines'])} engines, no integer differs; "
        f"largest activation {checked['activation_max']:.3f}",
    )
    labels = ", ".join(f"{k} {v}" for k, v in sorted(summary["streamed"]["labels"].items()))
    table.add_row(
        "stream",
        f"record {summary['streamed']['record']}: {labels}; equal to the simulator, beat for beat",
    )
    console.print(table)
    console.print(
        "These figures come from 35 minutes of training data; they are [bold]not results[/bold]."
        "\nThe README shows how to get results on the full database."
    )
    console.print(f"\nPictures: {summary['pictures'][0]} and {len(summary['pictures']) - 1} more")
    for path in summary["pictures"][1:]:
        console.print(f"  {path}", soft_wrap=True)
    console.print(f"Bundle: {output / 'bundle'}   Summary: {output / 'summary.json'}")
    console.print(f"{summary['seconds']:.0f} seconds in all.")


def _gate(distillation: dict[str, Any] | None) -> str:
    """One line on whether the teacher was good enough to teach."""
    if not distillation:
        return "no teacher"
    gate = distillation.get("gate", distillation)
    used = "used" if gate.get("is_open") else "not used: worse than the baseline student"
    return (
        f"teacher {gate['teacher']:.3f}, baseline {gate['baseline']:.3f} "
        f"({gate['metric']} on validation records); {used}"
    )
