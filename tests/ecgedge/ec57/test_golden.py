"""What bxb 10.7 says of real files, cell for cell and character for character."""

import json
from pathlib import Path
from typing import Any

import pytest

from ecgedge.ec57.score import Options, as_json, score
from ecgedge.ec57.sources import find_tasks

HERE = Path(__file__).parent / "golden"
KEPT = json.loads((HERE / "bxb.json").read_text())


def scored(reference: Path, test: Path, annotator: str) -> dict[str, Any]:
    tasks = find_tasks(reference, test, annotators=("atr", annotator))
    scores = [score(task, Options()) for task in tasks.tasks]
    records = as_json(scores, tasks, Options())["records"]
    keys = ("matrix", "line_1", "line_2")
    return {name: {key: found[key] for key in keys} for name, found in records.items()}


@pytest.fixture(scope="session")
def golden(data_folder: Path) -> Path:
    """Four annotators of 24 records with bxb's results, beside the folder of the databases."""
    folder = data_folder.parent / "golden" / "ec57"
    if not (folder / "bxb.json").is_file():
        pytest.skip(f"bxb's results of 24 records are not in {folder}")
    return folder


@pytest.mark.parametrize("annotator", KEPT)
def test_every_figure_is_that_of_bxb(annotator: str) -> None:
    assert scored(HERE, HERE, annotator) == KEPT[annotator]


def test_the_files_exercise_shutdowns_flutter_and_every_class() -> None:
    matrix = [record["matrix"] for records in KEPT.values() for record in records.values()]
    never = {cell for cell in matrix[0] if not any(m[cell] for m in matrix)}
    few = {cell for cell in matrix[0] if cell[0] in "QX"}
    assert never <= few, "Q beats are rare, and the reference has no shutdown"


@pytest.mark.database
@pytest.mark.parametrize("annotator", ["gqrs", "wqrs", "mut", "shut"])
def test_every_figure_of_24_records_is_that_of_bxb(
    golden: Path, mitdb: Path, annotator: str
) -> None:
    expected = json.loads((golden / "bxb.json").read_text())[annotator]
    assert len(expected) == 24
    assert scored(mitdb, golden, annotator) == expected
