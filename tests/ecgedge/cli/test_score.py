"""`ecgedge score`: what it prints, what it writes, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ecgedge.cli.main import cli
from firmware_sim.errors import EcgedgeError
from tests.annotation_files import rate, write

FS = 100
REFERENCE = [(31_000, "N"), (31_100, "V"), (31_200, "e"), (31_300, "N"), (31_400, "F")]
FOUND = [(31_005, "N"), (31_095, "V"), (31_200, "N"), (31_250, "V"), (31_400, "V")]
CELLS = {"Nn": 1, "Vv": 1, "Sn": 1, "Ov": 1, "No": 1, "Fv": 1}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two records of 400 s, each with its header."""
    folder = tmp_path / "db"
    for name in ("100", "101", "102"):
        write(folder / f"{name}.atr", REFERENCE)
        (folder / f"{name}.hea").write_text(f"{name} 1 {FS} {400 * FS}\n")
    return folder


@pytest.fixture
def found(tmp_path: Path) -> Path:
    write(tmp_path / "found" / "100.qrs", FOUND)
    write(tmp_path / "found" / "101.qrs", REFERENCE)
    return tmp_path / "found"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["score", *map(str, arguments)])


def values(*arguments: object) -> dict[str, Any]:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_two_files_are_one_record(database: Path, found: Path) -> None:
    scored = values(database / "100.atr", found / "100.qrs")
    assert list(scored["records"]) == ["100"]
    record = scored["records"]["100"]
    assert {cell: n for cell, n in record["matrix"].items() if n} == CELLS
    assert len(record["matrix"]) == 45
    assert (record["se"], record["ppv"]) == (4 / 5, 4 / 5)
    assert record["rr_error_ms"] > 0
    assert (record["fs"], record["shutdown_s"]) == (FS, 0)
    assert record["line_1"].startswith("100 1 1 0 0 0 0 0 0 0 0 0 0 1 1 1 1 0 0 0 80.00")
    assert record["line_2"] == "100 0 0 0 0 0 0.00 0.00 0.00 0.00 0.00 0 seconds 2 1 1 1 0"


def test_gross_and_average_are_shares_and_null_where_undefined(database: Path, found: Path) -> None:
    scored = values(database, found)
    assert list(scored["records"]) == ["100", "101"]
    assert scored["gross"] == {
        "QRS_se": 9 / 10,
        "QRS_ppv": 9 / 10,
        "VEB_se": 1,
        "VEB_ppv": 2 / 3,
        "VEB_fpr": 1 / 7,
        "SVEB_se": 1 / 2,
        "SVEB_ppv": 1,
    }
    assert scored["average"]["VEB_ppv"] == 3 / 4
    assert scored["average"]["SVEB_ppv"] == 1
    assert scored["records"]["100"]["SVEB_ppv"] is None
    assert scored["left_out"] == {"reference": ["102"], "test": []}


def test_escape_beats_can_be_n(database: Path, found: Path) -> None:
    matrix = values(database, found, "--aami-map", "aami")["records"]["100"]["matrix"]
    assert (matrix["Nn"], matrix["Sn"]) == (2, 0)


def test_people_get_a_table_and_hear_what_is_left_out(database: Path, found: Path) -> None:
    result = call(database, found)
    assert result.exit_code == 0
    assert "qrs against atr, 2 records, from 5:00, window 150 ms, classes of bxb" in result.stdout
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line}
    assert rows["100"] == ["5", "80.00", "80.00", "100.00", "50.00", "0.00", "-", "1", "1"]
    assert rows["gross"][:3] == ["10", "90.00", "90.00"]
    assert rows["average"][:2] == ["90.00", "90.00"]
    assert result.stderr == "note: 1 records have no test annotations and are left out: 102\n"


def test_line_reports_are_those_of_bxb(database: Path, found: Path) -> None:
    with_sveb = call(database, found, "--lines", "L").stdout
    assert with_sveb.startswith("Record Nn' Sn' Vn' Fn' On'")
    assert "\nRecord Nx   Sx   Vx" in with_sveb
    without = call(database, found, "--lines", "l").stdout
    assert without.startswith("Record Nn' Vn' Fn' On'")
    assert without.count("Summary of results from 2 records") == 2


def test_window_start_and_end_can_be_chosen(database: Path, found: Path) -> None:
    files = (database / "100.atr", found / "100.qrs")
    assert values(*files, "--window", 40)["records"]["100"]["missed"] == 3
    assert values(*files, "--start", "5:12")["records"]["100"]["found"] == 2
    assert values(*files, "--start", "0:05:10", "--end", "311.5")["records"]["100"]["found"] == 2
    assert values(*files, "--start", 0, "--end", 0)["options"]["end_s"] == 0


def test_reports_are_written(database: Path, found: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "reports"
    result = call(database, found, "-o", folder, "--json")
    assert json.loads((folder / "score.json").read_text()) == json.loads(result.stdout)
    assert (folder / "standard.txt").read_text().count("Beat-by-beat comparison results") == 2
    lines = (folder / "line_1.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["100", "101"]
    assert "Total Shutdown" in (folder / "line_2.txt").read_text()
    again = call(database, found, "-o", folder)
    assert isinstance(again.exception, EcgedgeError)
    assert call(database, found, "-o", folder, "--overwrite", "--records", "100").exit_code == 0
    assert list(json.loads((folder / "score.json").read_text())["records"]) == ["100"]


def test_nothing_is_written_when_a_file_is_bad(database: Path, found: Path, tmp_path: Path) -> None:
    (found / "101.qrs").write_bytes(b"\x01\x02\x03")
    result = call(database, found, "-o", tmp_path / "reports")
    assert isinstance(result.exception, EcgedgeError)
    assert "101.qrs is cut short" in str(result.exception)
    assert not (tmp_path / "reports").exists()


def test_records_can_be_named_with_commas(database: Path, found: Path) -> None:
    assert list(values(database, found, "--records", "101,100")["records"]) == ["101", "100"]
    assert list(values(database, found, "--records", "101")["records"]) == ["101"]


def test_the_reference_may_be_a_database(
    excerpt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "208.sim").write_bytes((excerpt / "208.atr").read_bytes())
    record = values("excerpt", "found", "--start", 3)["records"]["208"]
    assert (record["se"], record["ppv"]) == (1, 1)
    monkeypatch.setenv("ECGEDGE_DATA", str(tmp_path / "nowhere"))
    result = call("mitdb", "found")
    assert isinstance(result.exception, EcgedgeError)
    assert "ecgedge data download mitdb" in str(result.exception)


def test_files_may_have_rates_of_their_own(database: Path, tmp_path: Path) -> None:
    faster = [(sample * 5 // 2, symbol) for sample, symbol in REFERENCE]
    test = write(tmp_path / "100.sim", faster, fs="250")
    scored = values(database / "100.atr", test)
    assert (scored["records"]["100"]["found"], scored["records"]["100"]["extra"]) == (5, 0)


def test_a_rate_from_nowhere_is_asked_for(tmp_path: Path) -> None:
    files = [write(tmp_path / name, REFERENCE) for name in ("100.atr", "100.qrs")]
    result = call(*files)
    assert isinstance(result.exception, EcgedgeError)
    assert "--fs" in str(result.exception)
    assert values(*files, "--fs", FS)["records"]["100"]["found"] == 5


@pytest.mark.parametrize("content", [b"", b"\0\0", rate("100") + b"\0\0"])
def test_an_empty_test_misses_every_beat(database: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "100.qrs").write_bytes(content)
    result = call(database / "100.atr", tmp_path / "100.qrs", "--json")
    record = json.loads(result.stdout)["records"]["100"]
    assert (record["se"], record["ppv"], record["missed"]) == (0, None, 5)
    if len(content) <= 2:
        assert "holds no annotations" in result.stderr


def test_a_comparison_without_beats_says_so(database: Path, found: Path) -> None:
    result = call(database / "100.atr", found / "100.qrs", "--start", "6:30")
    assert result.exit_code == 0
    assert "no beats in the time that is compared" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{db}/100.atr", "{db}/nowhere"], "does not exist"),
        (["{db}", "{found}", "--records", "999"], "there is no 999.atr"),
        (["{db}", "{found}", "--start", "10:00"], "record 100: the comparison would begin"),
        (["{db}/100.atr", "{db}/100.hea"], "no annotation file"),
        (["{db}", "{found}", "--fs", "250"], "leave --fs out"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], message: str, database: Path, found: Path
) -> None:
    result = call(*(a.format(db=database, found=found) for a in arguments))
    assert isinstance(result.exception, EcgedgeError)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--start", "5 minutes"),
        ("--start", "nan"),
        ("--start", ":"),
        ("--end", "1:2:3:4"),
        ("--end", "-1"),
        ("--window", "inf"),
        ("--window", "-1"),
        ("--fs", "0"),
    ],
)
def test_times_are_times(option: str, value: str, database: Path, found: Path) -> None:
    result = call(database, found, option, value)
    assert result.exit_code == 2
    assert option in result.stderr


def test_files_of_two_records_are_noted(database: Path, found: Path) -> None:
    mixed = call(database / "102.atr", found / "100.qrs", "--json")
    assert mixed.stderr.count("note: the files are of records 102 and 100.\n") == 1
    assert list(json.loads(mixed.stdout)["records"]) == ["102"]
    assert "of records" not in call(database / "100.atr", found / "100.qrs").stderr


def test_an_empty_list_of_records_is_refused(database: Path, found: Path) -> None:
    result = call(database, found, "--records", ",")
    assert result.exit_code == 2
    assert "no record is named" in result.output
