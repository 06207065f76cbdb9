"""`ecgedge export` and `models`: bundles, and the firmware that they become."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from firmware_sim.program import Program

TARGETS = ("bundle", "c", "arduino", "wasm")
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
    "library with an AD8232 sketch. wasm: WebAssembly with a page that draws a recording and its "
    "labels.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to make.",
)
@click.option("--name", help="Name of the program. Default: the run's.")
@click.option(
    "--record",
    help="wasm: recording on the page, of the bundled excerpt or the path of a WFDB record. "
    "Default: 208.",
)
@click.option("--overwrite", is_flag=True, help="Replace what an earlier export wrote there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def export(
    run: str,
    target: str,
    output: Path,
    name: str | None,
    record: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write a run as a bundle, or its program as firmware.

    RUN is a run's folder. For firmware it may also be a bundle's folder, the name of a shipped
    model, or a program.json.
    """
    if record is not None and target != "wasm":
        raise click.UsageError("--record goes with --to wasm.")
    if target == "bundle":
        from ecgedge.exporting import export_run

        program = export_run(Path(run), output, name=name, overwrite=overwrite)
    else:
        from ecgedge.exporting import export_firmware

        program = export_firmware(
            run, target, output, name=name, overwrite=overwrite, record=record
        )
    if as_json:
        click.echo(json.dumps(_exported(program, target, output)))
        return
    click.echo(f"{program.name}: {program.parameters} parameters, in {output}.")
    click.echo(_next(target, output))


def _next(target: str, output: Path) -> str:
    """What to do with what was written."""
    if target == "bundle":
        return f"Check it with `ecgedge verify {output}`."
    if target == "wasm":
        size, sent = _module_bytes(output)
        return f"{size} bytes, {sent} with gzip. Open {output / 'index.html'} in a browser."
    return f"How to use it: {output / 'README.md'}."


def _module_bytes(output: Path) -> tuple[int, int]:
    """Size of the module, and of the same as web servers send it."""
    from ecgedge.page import MODULE
    from export.wasm_page import packed

    module = (output / MODULE).read_bytes()
    return len(module), len(packed(module))


def _exported(program: "Program", target: str, output: Path) -> dict[str, object]:
    """What was written, for machines."""
    found: dict[str, object] = {
        "ok": True,
        "to": target,
        "bundle" if target == "bundle" else "folder": str(output),
        "name": program.name,
        "program": program.digest,
        "parameters": program.parameters,
    }
    if target == "wasm":
        found["bytes"], found["gzip_bytes"] = _module_bytes(output)
    return found


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def models(as_json: bool) -> None:
    """List the models that ship with ecgedge, the default one first."""
    from ecgedge.zoo import shipped_bundles
    from firmware_sim.program_file import load_program

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
