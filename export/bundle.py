"""The bundle: one folder with a program in every form, golden vectors, a proof and checksums.

Whoever reads a bundle gets all of it checked: names, sizes, checksums, versions, and that every
file speaks of the same program. What the files hold is compared by `ecgedge verify`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import onnx

from calib.float_network import FloatNetwork, load_float_network, save_float_network
from calib.quantize import quantize
from export.card import Provenance, bound_of, card, with_proof
from export.golden import Golden, golden_bytes, golden_for, make_golden, read_golden
from export.onnx_fixed import fixed_model
from export.onnx_float import float_model
from export.onnx_graph import MAX_MODEL_BYTES, parse, properties, serialize
from export.onnx_int import int_model
from firmware_sim.errors import EcgedgeError
from firmware_sim.files import new_folder, write_atomic
from firmware_sim.program import Program
from firmware_sim.program_file import MAX_FILE_BYTES, program_from_json, program_to_json
from firmware_sim.proof.certificate import CERTIFICATE_FORMAT, CERTIFICATE_VERSION, certificate
from firmware_sim.prove import Proof, prove

FORMAT = "ecgedge-bundle"
VERSION = 1
SUMS = "SHA256SUMS"
MODELS = {"float": "model.float.onnx", "fixed": "model.fixed.onnx", "int": "model.int.onnx"}
MAX_SUMS_BYTES = 1 << 16
MAX_OTHER_BYTES = 1 << 23
REQUIRED = {
    "bundle.json": 1 << 16,
    "program.json": MAX_FILE_BYTES,
    "float_network.json": 1 << 22,
    **dict.fromkeys(MODELS.values(), MAX_MODEL_BYTES),
    "golden.npz": 1 << 26,
    "proof.json": 1 << 20,
    "card.md": 1 << 20,
}
"""File name -> largest size in bytes that is read."""

AGAIN = "export the bundle again"


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that was read and found whole.

    Attributes
    ----------
    path : Path
    name : str
    program : Program
    network : FloatNetwork
    models : mapping of kind (float, fixed, int) to onnx.ModelProto
    golden : Golden
    proof : dict
        The certificate as it is in the file; `firmware_sim.proof.certificate` judges it.
    card : str
    trained_on : str or None
        The split whose training records it was trained on; None where that is not known.
    """

    path: Path
    name: str
    program: Program
    network: FloatNetwork
    models: Mapping[str, onnx.ModelProto]
    golden: Golden
    proof: dict[str, Any]
    card: str
    trained_on: str | None = None


def expected_models(program: Program, network: FloatNetwork) -> dict[str, onnx.ModelProto]:
    """Return the three ONNX models that the writers make of a program and its float network."""
    return {
        "float": float_model(network, program.digest),
        "fixed": fixed_model(program),
        "int": int_model(program),
    }


def stands_for(network: FloatNetwork, program: Program) -> bool:
    """Say whether rounding the float network gives this program."""
    rounded = quantize(network, threshold=program.threshold)
    return rounded.replace(name=program.name, task=program.task) == program


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


def _information(program: Program, made_by: str, trained_on: str | None) -> dict[str, Any]:
    known = {} if trained_on is None else {"trained_on": trained_on}
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": program.name,
        "made_by": made_by,
        "program": program.digest,
        "parameters": program.parameters,
        "task": program.task,
        "labels": list(program.labels),
        "fs": program.fs,
        "window": program.window,
        "context": program.context,
        "bound": bound_of(program),
        **known,
    }


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS over all files of a folder, as `sha256sum` does."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != SUMS)
    lines = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n"
        for p in files
    ]
    write_atomic(folder / SUMS, "".join(lines))


def write_bundle(
    path: Path,
    program: Program,
    network: FloatNetwork,
    *,
    golden: Golden | None = None,
    origin: Provenance | None = None,
    made_by: str = "ecgedge",
    trained_on: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a bundle; it appears whole or not at all, and the same input gives the same bytes.

    Parameters
    ----------
    path : Path
        Folder to make.
    program : Program
    network : FloatNetwork
        What the program was rounded from.
    golden : Golden, optional
        Made of extreme and random beats when not given.
    origin : Provenance, optional
        For the card.
    made_by : str
        Program and version, for `bundle.json`.
    trained_on : str, optional
        The split whose training records it was trained on, for `bundle.json`: evaluation looks
        there whether test records have trained it.
    overwrite : bool
        Replace a bundle that is there.

    Raises
    ------
    EcgedgeError
        When the program is not what the float network rounds to, does not pass its proof, or the
        folder exists; with `overwrite`, when it exists and is no bundle.
    """
    if not stands_for(network, program):
        raise EcgedgeError(
            f"the program {program.name} is not what its float network rounds to; "
            "train or calibrate it again."
        )
    proof = _proof_of(program)
    golden = make_golden(program) if golden is None else golden
    if golden.program != program.digest:
        raise EcgedgeError("the golden vectors are of another program; make them again.")
    files = {
        "bundle.json": _json(_information(program, made_by, trained_on)),
        "program.json": program_to_json(program).encode(),
        "golden.npz": golden_bytes(golden),
        "proof.json": _json(certificate(proof)),
        "card.md": card(program, proof, origin or Provenance()).encode(),
    }
    models = expected_models(program, network)
    files |= {MODELS[kind]: serialize(model) for kind, model in models.items()}
    with new_folder(path, overwrite=overwrite, replaces="bundle.json") as folder:
        for name, content in files.items():
            write_atomic(folder / name, content)
        save_float_network(network, folder / "float_network.json")
        write_sums(folder)


def _proof_of(program: Program) -> Proof:
    """Prove a program; a bundle holds none that fails."""
    proof = prove(program)
    if not proof.ok:
        raise EcgedgeError(
            f"the program {program.name} fails its proof ({proof.failures[0]}); calibrate it again."
        )
    return proof


def renew(bundle: Bundle) -> Bundle:
    """Write what follows from a bundle's program anew: golden layers, certificate, card, checksums.

    For a bundle of an earlier version of the simulator's layers or of the proof. The golden beats
    stay the same.

    Parameters
    ----------
    bundle : Bundle
        As `read_bundle` returned it.

    Returns
    -------
    Bundle
        As it is now.

    Raises
    ------
    EcgedgeError
        When the program does not pass its proof; nothing is written then.
    """
    proof = _proof_of(bundle.program)
    golden = golden_for(bundle.program, bundle.golden.q, bundle.golden.context)
    write_atomic(bundle.path / "golden.npz", golden_bytes(golden))
    write_atomic(bundle.path / "proof.json", _json(certificate(proof)))
    write_atomic(bundle.path / "card.md", with_proof(bundle.card, proof))
    write_sums(bundle.path)
    return read_bundle(bundle.path)


def _bounded(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes."""
    try:
        if not path.is_file():
            raise EcgedgeError(f"the bundle has no {path.name} ({path}); {AGAIN}.")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise EcgedgeError(f"{path} cannot be read: {error.strerror or error}.") from None
    if len(content) > limit:
        raise EcgedgeError(f"{path} is larger than {limit} bytes; it is not from ecgedge.")
    return content


def _object(content: bytes, path: Path, form: str, version: int) -> dict[str, Any]:
    """Read a JSON object of a format and at most a version."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise EcgedgeError(f"{path} is not JSON ({error}); {AGAIN}.") from None
    if not isinstance(found, dict) or found.get("format") != form:
        raise EcgedgeError(f"{path} is not of format {form!r}; is it a bundle of ecgedge?")
    stated = found.get("version")
    if isinstance(stated, bool) or not isinstance(stated, int) or stated < 1:
        raise EcgedgeError(f"{path} has no version number; {AGAIN}.")
    if stated > version:
        raise EcgedgeError(
            f"{path} is of version {stated}, this ecgedge reads up to {version}; upgrade ecgedge."
        )
    return found


def _safe(name: str) -> bool:
    """Whether a name stays inside the folder, on any system."""
    path = PurePosixPath(name)
    return (
        bool(path.parts)
        and not path.is_absolute()
        and ".." not in path.parts
        and not any(c in name for c in '\\:\0"<>|?*')
        and name.isprintable()
        and path.as_posix() == name
    )


def _sums(folder: Path) -> dict[str, str]:
    """Read SHA256SUMS: file name -> checksum."""
    path = folder / SUMS
    sums: dict[str, str] = {}
    for line in _bounded(path, MAX_SUMS_BYTES).decode(errors="replace").splitlines():
        digest, separator, name = line.partition("  ")
        if not separator or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise EcgedgeError(f"{path} has a line that is no checksum ({line[:80]!r}); {AGAIN}.")
        if not _safe(name) or name in sums or name == SUMS:
            raise EcgedgeError(f"{path} names a file that it must not ({name[:80]!r}); {AGAIN}.")
        sums[name] = digest
    missing = [name for name in REQUIRED if name not in sums]
    if missing:
        raise EcgedgeError(f"{path} does not list {', '.join(missing)}; {AGAIN}.")
    return sums


def _checked_files(folder: Path) -> dict[str, bytes]:
    """Read every file that SHA256SUMS lists and compare its checksum."""
    files = {}
    for name, digest in _sums(folder).items():
        content = _bounded(folder / name, REQUIRED.get(name, MAX_OTHER_BYTES))
        if hashlib.sha256(content).hexdigest() != digest:
            raise EcgedgeError(
                f"{folder / name} does not match its checksum in {SUMS}: "
                f"it was changed or damaged; {AGAIN}."
            )
        if name in REQUIRED:
            files[name] = content
    return files


def _same_program(found: object, program: Program, path: Path) -> None:
    if found != program.digest:
        raise EcgedgeError(f"{path} belongs to another program than program.json; {AGAIN}.")


def read_bundle(path: Path) -> Bundle:
    """Read a bundle and check that it is whole and of one piece.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    EcgedgeError
        When the folder is not a bundle, is of a newer version, a file is missing, too large,
        malformed or changed, or belongs to another program.
    """
    path = Path(path)
    if not path.is_dir():
        raise EcgedgeError(f"{path} is not a folder; name a bundle that `ecgedge export` wrote.")
    if not (path / "bundle.json").is_file():
        raise EcgedgeError(f"{path} is not a bundle: it has no bundle.json.")
    place = path / "bundle.json"
    _object(_bounded(place, REQUIRED["bundle.json"]), place, FORMAT, VERSION)
    files = _checked_files(path)
    information = _object(files["bundle.json"], place, FORMAT, VERSION)
    program = program_from_json(files["program.json"], str(path / "program.json"))
    _same_program(information.get("program"), program, place)
    trained_on = information.get("trained_on")
    trained_on = None if trained_on is None else str(trained_on)
    if information != _information(program, str(information.get("made_by")), trained_on):
        raise EcgedgeError(f"{place} does not describe its program.json; {AGAIN}.")
    models = {}
    for kind, name in MODELS.items():
        models[kind] = parse(files[name], str(path / name))
        stated = properties(models[kind])
        _same_program(stated.get("ecgedge.program"), program, path / name)
        if stated.get("ecgedge.kind") != kind:
            raise EcgedgeError(f"{path / name} is not the {kind} model; {AGAIN}.")
    golden = read_golden(files["golden.npz"], str(path / "golden.npz"))
    _same_program(golden.program, program, path / "golden.npz")
    place = path / "proof.json"
    proof = _object(files[place.name], place, CERTIFICATE_FORMAT, CERTIFICATE_VERSION)
    _same_program(proof.get("program"), program, place)
    return Bundle(
        path=path,
        name=program.name,
        program=program,
        network=load_float_network(path / "float_network.json"),
        models=models,
        golden=golden,
        proof=proof,
        card=files["card.md"].decode(errors="replace"),
        trained_on=trained_on,
    )
