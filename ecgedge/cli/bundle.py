"""`ecgedge export` and `models`: bundles, and the firmware that they become."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from firmware_sim.program import Program

TARGETS = ("bundle", "c", "arduino")
BUNDLE_HELP = "BUNDLE is a folder that `ecgedge export` wrote, or the name of a shipped model."


@click.command()
@click.argument("run")
@click.option(
    "--to",
    "target",
    type=click.Choice(TARGETS),
    default="bundle",
    show_default=True,
    help="bundle: program, ONNX, golden vectors, proof, card. c: C99 library. arduino: Arduino "
    "library with an AD8232 sketch.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to make.",
)
@click.option("--name", help="Name of the program. Default: the run's.")
@click.option("--overwrite", is_flag=True, help="Replace what an earlier export wrote there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def export(
    run: str, target: str, output: Path, name: str | None, overwrite: bool, as_json: bool
) -> None:
    """Write a run as a bundle, or its program as firmware.

    RUN is a run's folder. For firmware it may also be a bundle's folder, the name of a shipped
    model, or a program.json.
    """
    if target == "bundle":
        from ecgedge.exporting import export_run

        program = export_run(Path(run), output, name=name, overwrite=overwrite)
    else:
        from ecgedge.exporting import export_firmware

        program = export_firmware(run, target, output, name=name, overwrite=overwrite)
    if as_json:
        click.echo(json.dumps(_exported(program, target, output)))
        return
    click.echo(f"{program.name}: {program.parameters} parameters, in {output}.")
    if target == "bundle":
        click.echo(f"Check it with `ecgedge verify {output}`.")
    else:
        click.echo(f"How to use it: {output / 'README.md'}.")


def _exported(program: "Program", target: str, output: Path) -> dict[str, object]:
    """What was written, for machines."""
    return {
        "ok": True,
        "to": target,
        "bundle" if target == "bundle" else "folder": str(output),
        "name": program.name,
        "program": program.digest,
        "parameters": program.parameters,
    }


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def models(as_json: bool) -> None:
    """List the models that ship with ecgedge, the default one first."""
    from ecgedge.zoo import shipped_bundles
    from firmware_sim.program import load_program

    found = []
    for name, path in shipped_bundles().items():
        program = load_program(path / "program.json")
        found.append(
            {
                "name": name,
                "path": str(path),
                "parameters": program.parameters,
                "task": program.task,
                "fs": program.fs,
                "window": program.window,
                "labels": list(program.labels),
                "program": program.digest,
            }
        )
    if as_json:
        click.echo(json.dumps(found))
        return
    for item in found:
        click.echo(
            f"{item['name']}: {item['parameters']} parameters, task {item['task']}, "
            f"{item['fs']} Hz, in {item['path']}"
        )
    if not found:
        click.echo("No model ships with this installation.")
