"""The page with the WebAssembly module: what is in it, what it computes, what it says to files."""

import base64
import gzip
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from ecgedge import __version__
from ecgedge.chips.tools import find_tool
from ecgedge.chips.wasm import TOOLS
from ecgedge.cli.main import cli
from ecgedge.data.record import read_record
from ecgedge.page import MODULE, PAGE, page_recording, write_wasm
from ecgedge.verification.engines.wasm import WasmLibrary
from ecgedge.verification.firmware import table_of
from ecgedge.verification.pipeline import first_difference
from ecgedge.zoo import shipped_bundles
from export.c_header import beat_context
from export.wasm_page import PageRecording, page
from firmware_sim import pipeline
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program
from firmware_sim.program_file import load_program
from tests.tools import needs

RUNNER = Path(__file__).with_name("page.mjs")
DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {"wasm": "rhythm-150", "wasm-beat": "beat-150"}
"""Folders of the documentation and the models that they show; the second one is the smallest."""
AGAIN = "make it again: make page"
DATA = re.compile(r'<script type="application/json" id="data">\n(.*?)</script>', re.S)


def shipped(name: str = "rhythm-150") -> Program:
    return load_program(shipped_bundles()[name] / "program.json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "wasm"
    write_wasm(path, shipped(), made_by=f"ecgedge {__version__}")
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A page without a module: enough for what it does with files."""
    recording = PageRecording("nothing", "", np.zeros(3, np.int16), 200.0, 0.0)
    path = tmp_path / PAGE
    path.write_text(page(shipped(), b"", recording, "a test"))
    return path


def in_node(*arguments: object) -> Any:
    command = [str(find_tool("node")), str(RUNNER), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def unpack(text: str) -> bytes:
    return gzip.decompress(base64.b64decode(text))


def taken_apart(text: str) -> tuple[str, dict[str, Any]]:
    """The page without its data; the data unpacked, without what depends on the compiler."""
    found = DATA.search(text)
    assert found is not None
    data = json.loads(found[1])
    del data["model"]["wasm"], data["about"]
    data["recording"]["counts"] = unpack(data["recording"]["counts"])
    return text.replace(found[1], ""), data


def assert_plays_the_simulators_beats(path: Path, program: Program) -> None:
    counts = page_recording(program).counts
    expected = pipeline.run(program, counts)
    found = in_node(path, "beats")
    assert len(found) == len(expected) > 80
    for a, b in zip(found, expected, strict=True):
        assert (a["sample"], a["decidedAt"], a["label"]) == (b.sample, b.decided_at, b.label)
        context = b.context or (0,) * beat_context(program)
        assert (tuple(a["scores"]), tuple(a["context"])) == (b.scores, context)
        assert (a["rr"], a["quality"]) == (b.rr or 0, b.quality)
        assert a["searchBack"] == b.search_back


# The page


@needs(*TOOLS)
def test_the_page_holds_everything_and_asks_for_nothing(folder: Path) -> None:
    text = (folder / PAGE).read_text()
    assert sorted(path.name for path in folder.iterdir()) == [PAGE, MODULE]
    assert "not a medical device" in text
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|\b(src|href)=|fetch\(|import ", text)
    assert not re.search(r"@[A-Z]+@", text)
    data = json.loads(DATA.search(text)[1])  # type: ignore[index]
    assert unpack(data["model"]["wasm"]) == (folder / MODULE).read_bytes()
    assert "ODC-By 1.0" in data["credit"]
    assert len(text) < 100_000


@needs(*TOOLS, "node")
def test_the_page_computes_the_simulators_integers(folder: Path) -> None:
    assert_plays_the_simulators_beats(folder / PAGE, shipped())


def test_text_from_outside_cannot_leave_its_place() -> None:
    name = "</script><b>"
    recording = PageRecording(name, name, np.zeros(3, np.int16), 200.0, 0.0)
    text = page(shipped().replace(name=name), b"", recording, name)
    assert name not in text
    assert json.loads(DATA.search(text)[1])["recording"]["name"] == name  # type: ignore[index]


@needs(*TOOLS)
def test_nothing_but_a_page_is_replaced(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(EcgedgeError, match=r"holds no model.wasm"):
        write_wasm(tmp_path, shipped(), overwrite=True)
    with pytest.raises(EcgedgeError, match="already exists"):
        write_wasm(folder, shipped())


# The command


@needs(*TOOLS)
def test_the_command_writes_it_and_says_how_large_it_is(tmp_path: Path) -> None:
    options = ["--to", "wasm", "-o", str(tmp_path / "out"), "--record", "222", "--json"]
    result = CliRunner().invoke(cli, ["export", "beat-150", *options])
    said = json.loads(result.stdout)
    assert said["bytes"] == (tmp_path / "out" / MODULE).stat().st_size
    assert said["gzip_bytes"] < 4096
    assert '"name": "record 222"' in (tmp_path / "out" / PAGE).read_text()


def test_a_record_goes_with_the_page_alone(tmp_path: Path) -> None:
    options = ["--to", "c", "-o", str(tmp_path / "out"), "--record", "222"]
    result = CliRunner().invoke(cli, ["export", "beat-150", *options])
    assert result.exit_code != 0
    assert "--record goes with --to wasm." in result.output


def test_without_the_compiler_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EcgedgeError, match="clang is not installed; the Debian package clang"):
        write_wasm(tmp_path / "out", shipped())
    assert not (tmp_path / "out").exists()


# Files of the user


def opened(bare: Path, text: str, rate: float, gain: float) -> dict[str, Any]:
    file = bare.with_name("own.csv")
    file.write_text(text)
    found: dict[str, Any] = in_node(bare, "open", file, rate, gain, 360)
    return found


@needs("node")
def test_counts_at_the_programs_rate_stay_as_they_are(bare: Path, excerpt: Path) -> None:
    counts = read_record(excerpt, "208").counts[:3600].tolist()
    found = opened(bare, "\n".join(map(str, counts)), 360, 200)
    assert found["counts"] == counts
    assert found["note"] == ""


@needs("node")
def test_millivolts_with_times_are_scaled_and_resampled(bare: Path) -> None:
    values = np.sin(np.arange(2500) / 40)
    rows = [f"{i / 250:.3f};{v:.9f}" for i, v in enumerate(values)]
    found = opened(bare, "\ufefftime;mV\n\n" + "\n".join(rows), 250, 1)
    at = np.arange(len(found["counts"])) * 250 / 360
    line = np.interp(at, np.arange(2500), np.array([float(r.split(";")[1]) for r in rows]))
    expected = np.floor((line - np.sort(values)[1250]) * 200 + 0.5)
    assert np.abs(np.array(found["counts"]) - expected).max() <= 1
    assert "resampled from 250 to 360 Hz" in found["note"]
    assert "scaled to 200 counts per mV" in found["note"]
    assert found["gain"] == 200


@needs("node")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1\n2\nthree\n", "line 3 is no number, and no time with a number; correct the file"),
        ("1,2,3\n" * 30, "line 22 is no number"),
        ("", "own holds less than 5 seconds"),
        ("1\n" * 1000, "own holds less than 5 seconds; choose a longer recording"),
        ("1\n" * (3600 * 360 + 1), "own holds more than an hour; cut a part out of it"),
    ],
)
def test_files_that_are_refused(bare: Path, text: str, problem: str) -> None:
    assert problem in opened(bare, text, 360, 200)["problem"]


# The page in the documentation


@pytest.mark.parametrize("where", PAGES)
def test_the_page_in_the_documentation_is_what_the_command_makes(where: str) -> None:
    """The compiler may be another one: what it made is compared by its integers, below."""
    program = shipped(PAGES[where])
    module = (DOCS / where / MODULE).read_bytes()
    text = page(program, module, page_recording(program), f"ecgedge {__version__}")
    assert taken_apart((DOCS / where / PAGE).read_text()) == taken_apart(text), AGAIN


def test_the_smallest_module_in_the_documentation_has_less_than_4_kb() -> None:
    assert (DOCS / "wasm-beat" / MODULE).stat().st_size < 4000


@needs("node")
@pytest.mark.parametrize("where", PAGES)
def test_the_page_in_the_documentation_computes_the_simulators_integers(where: str) -> None:
    assert_plays_the_simulators_beats(DOCS / where / PAGE, shipped(PAGES[where]))


@needs("node")
@pytest.mark.parametrize("where", PAGES)
def test_the_module_in_the_documentation_computes_the_simulators_integers(
    where: str, excerpt: Path
) -> None:
    library = WasmLibrary(shipped(PAGES[where]), (DOCS / where / MODULE).read_bytes())
    for name in ("208", "222", "233"):
        counts = read_record(excerpt, name).counts
        expected = table_of(library.program, pipeline.run(library.program, counts))
        assert first_difference(name, expected, library.pipeline(counts)) is None, AGAIN
