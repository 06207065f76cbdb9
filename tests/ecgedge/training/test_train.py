import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calib.quantize import quantize
from ecgedge import run_pictures, runs
from ecgedge.data.splits import get_split
from ecgedge.evaluation import logistic
from ecgedge.training import folder as run_folder
from ecgedge.training.build import scorer
from ecgedge.training.config import TrainConfig
from ecgedge.training.distill import distill
from ecgedge.training.loop import Epoch
from ecgedge.training.losses import Distillation
from ecgedge.training.train import Data, read_data, train_or_go_on, train_run, train_seeds
from firmware_sim.errors import EcgedgeError
from firmware_sim.network import run as simulate

FILES = {
    runs.CONFIG, runs.LOG, runs.CHECKPOINT, runs.METRICS, runs.PROBABILITIES, runs.FLOAT_NETWORK,
    runs.PROGRAM, runs.PLOTS, runs.LOGISTIC,
}  # fmt: skip


@pytest.fixture(scope="module")
def done(
    excerpt: Path, quick: TrainConfig, data: Data, tmp_path_factory: pytest.TempPathFactory
) -> runs.Run:
    out = tmp_path_factory.mktemp("runs") / "one"
    return train_run(excerpt, quick, out, data=data)


def test_a_run_folder_holds_everything(done: runs.Run) -> None:
    assert {path.name for path in done.path.iterdir()} == FILES
    assert {p.name for p in (done.path / runs.PLOTS).iterdir()} == {
        "training.png", "roc.png", "confusion.png",
    }  # fmt: skip
    assert len(runs.read_log(done.path)) == 3
    assert done.metrics["parameters"] == 140


def test_no_test_record_is_opened(excerpt: Path, quick: TrainConfig, tmp_path: Path) -> None:
    folder = tmp_path / "mitdb"
    shutil.copytree(excerpt, folder)
    for name in get_split(quick.protocol).test:
        for file in folder.glob(f"{name}.*"):
            file.unlink()
    short = {"epochs": 1, "draws": 64, "batch": 32}
    made = distill(folder, quick, Distillation(), tmp_path / "run", teacher_changes=short)
    assert made.finished


def test_the_logistic_baseline_is_fitted_on_all_training_records(
    done: runs.Run, data: Data, excerpt: Path, quick: TrainConfig
) -> None:
    (found,) = logistic.load(done.path / runs.LOGISTIC)
    assert found.parameters == 44
    seen = {*data.train.record.tolist(), *data.validation.record.tolist()}
    held = {name for records, _ in found.folds for name in records}
    assert held == {data.train.records[i] for i in seen}
    other = read_data(excerpt, replace(quick, validation_share=0.5))
    assert other.train.record.tolist() != data.train.record.tolist()
    assert other.logistic[0].digest == found.digest


def test_the_program_is_the_rounded_network(done: runs.Run) -> None:
    assert done.program is not None
    assert done.float_network is not None
    assert quantize(done.float_network) == done.program
    assert done.metrics["program"] == done.program.digest


def test_the_noted_score_is_that_of_the_program(done: runs.Run, data: Data) -> None:
    assert done.program is not None
    output = simulate(done.program, data.validation.q.numpy(), data.validation.context.numpy())
    with np.load(done.path / runs.PROBABILITIES) as file:
        assert np.array_equal(file["scores"], output.scores)
        assert np.array_equal(file["predicted"], output.label_index)
    assert done.score == pytest.approx(done.metrics["validation"]["macro_f1_nsv"])


def test_the_float_model_can_be_asked_again(done: runs.Run, data: Data) -> None:
    assert done.float_network is not None
    q, context = data.validation.q.numpy()[:50], data.validation.context.numpy()[:50]
    network = done.float_network
    expected = network.forward(q / 128, context / 128) * network.logit_scale
    np.testing.assert_allclose(scorer(done.path)(q, context), expected, atol=1e-3)


def test_a_folder_is_not_overwritten(
    done: runs.Run, excerpt: Path, quick: TrainConfig, data: Data
) -> None:
    with pytest.raises(EcgedgeError, match="already exists"):
        train_run(excerpt, quick, done.path, data=data)


def test_two_classes_get_a_threshold(
    excerpt: Path, quick_binary: TrainConfig, tmp_path: Path
) -> None:
    made = train_run(excerpt, quick_binary, tmp_path / "run")
    assert made.program is not None
    assert made.program.threshold == made.metrics["threshold"]["value"]
    assert made.metrics["selection"]["metric"] == "auroc_n_rest"
    assert made.program.parameters == 150


def test_a_broken_run_goes_on_to_the_same_program(
    done: runs.Run,
    excerpt: Path,
    quick: TrainConfig,
    data: Data,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class PowerCut(Exception):
        pass

    out = tmp_path / "run"
    append = run_folder.append_log

    def second_epoch_fails(path: Path, epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise PowerCut
        append(path, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "append_log", second_epoch_fails)
        with pytest.raises(PowerCut):
            train_run(excerpt, quick, out, data=data)
    made = train_run(excerpt, quick, out, data=data, resume=True)
    assert made.program == done.program
    with pytest.raises(EcgedgeError, match="is done"):
        train_run(excerpt, quick, out, data=data, resume=True)


def test_ctrl_c_leaves_a_result_that_can_go_on(
    done: runs.Run,
    excerpt: Path,
    quick: TrainConfig,
    data: Data,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append = run_folder.append_log

    def interrupt(path: Path, epoch: Epoch) -> None:
        append(path, epoch)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "append_log", interrupt)
        made = train_run(excerpt, quick, tmp_path / "run", data=data)
    assert made.metrics["interrupted"]
    assert made.program is not None
    assert len(runs.read_log(made.path)) == 1
    again = train_or_go_on(excerpt, quick, made.path, data=data, watch=None)
    assert not again.metrics["interrupted"]
    assert len(runs.read_log(made.path)) == 3
    assert again.program == done.program


def test_ctrl_c_keeps_the_gains_that_were_learned_with(
    excerpt: Path, quick: TrainConfig, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(path: Path, epoch: Epoch) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_folder, "append_log", interrupt)
    made = train_run(excerpt, quick, tmp_path / "run", data=data)
    state = run_folder.load_checkpoint(made.path)["best"]["state"]
    start = made.metrics["selection"]["start"]
    assert made.float_network is not None
    assert made.float_network.pool_gain == tuple(state["pool_gain"][start].int().tolist())
    assert made.float_network.mean_gain == int(state["mean_gain"][start])


def test_ctrl_c_before_the_first_epoch_leaves_nothing(
    excerpt: Path, quick: TrainConfig, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_folder, "save_checkpoint", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_run(excerpt, quick, tmp_path / "run", data=data)
    assert not (tmp_path / "run").exists()


def test_a_run_that_fails_at_once_leaves_nothing(
    excerpt: Path, quick: TrainConfig, data: Data, tmp_path: Path
) -> None:
    with pytest.raises(EcgedgeError):
        train_run(excerpt, replace(quick, model="transformer"), tmp_path / "run", data=data)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("bound", ["l1", "none"])
def test_a_diverged_training_names_the_learning_rate(
    bound: str, excerpt: Path, quick: TrainConfig, data: Data, tmp_path: Path
) -> None:
    wild = replace(quick, learning_rate=1e30, bound=bound)
    with pytest.raises(EcgedgeError, match="smaller --learning-rate"):
        train_run(excerpt, wild, tmp_path / "run", data=data)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_leaves_nothing(
    excerpt: Path, quick: TrainConfig, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(run_folder, "write_atomic", full)
    with pytest.raises(OSError, match="No space"):
        train_run(excerpt, quick, tmp_path / "run", data=data)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_resumed_is_left_as_it_is(
    done: runs.Run, excerpt: Path, data: Data, quick: TrainConfig, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    shutil.copyfile(done.path / runs.CONFIG, out / runs.CONFIG)
    with pytest.raises(EcgedgeError, match="no checkpoint"):
        train_run(excerpt, quick, out, data=data, resume=True)
    assert (out / runs.CONFIG).is_file()


def without_209(excerpt: Path, folder: Path) -> Path:
    """Copy the excerpt but for one training record."""
    shutil.copytree(excerpt, folder, ignore=shutil.ignore_patterns("209.*"))
    listed = [name for name in (excerpt / "RECORDS").read_text().split() if name != "209"]
    (folder / "RECORDS").write_text("\n".join(listed) + "\n")
    return folder


def test_a_run_does_not_go_on_with_other_beats(
    done: runs.Run, excerpt: Path, quick: TrainConfig, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    shutil.copyfile(done.path / runs.CONFIG, out / runs.CONFIG)
    other = without_209(excerpt, tmp_path / "mitdb")
    with pytest.raises(EcgedgeError, match=r"other beats .* with --data excerpt, or choose"):
        train_run(other, quick, out, resume=True)
    with pytest.raises(EcgedgeError, match="no checkpoint"):  # its own are let through
        train_run(excerpt, quick, out, resume=True)


def test_a_run_of_an_old_version_does_not_say_which_beats_it_had(
    done: runs.Run, excerpt: Path, quick: TrainConfig, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    content = runs.read_json(done.path / runs.CONFIG)
    del content["data"]
    run_folder.write_json(out / runs.CONFIG, content)
    other = without_209(excerpt, tmp_path / "mitdb")
    with pytest.raises(EcgedgeError, match="no checkpoint"):
        train_run(other, quick, out, resume=True)


def test_seeds_of_other_beats_are_refused(
    excerpt: Path, quick: TrainConfig, tmp_path: Path
) -> None:
    short = replace(quick, epochs=1)
    train_seeds(excerpt, short, tmp_path / "run", 1)
    with pytest.raises(EcgedgeError, match="other beats"):
        train_seeds(without_209(excerpt, tmp_path / "mitdb"), short, tmp_path / "run", 2)
    assert not (tmp_path / "run" / "seed-1").exists()


def test_seeds_get_their_own_folders(excerpt: Path, quick: TrainConfig, tmp_path: Path) -> None:
    made = train_seeds(excerpt, replace(quick, epochs=1), tmp_path / "run", 2)
    assert runs.seeds_of(tmp_path / "run") == tuple(one.path for one in made)
    assert [one.config["seed"] for one in made] == [0, 1]


def test_seeds_of_another_configuration_are_refused(
    excerpt: Path, quick: TrainConfig, tmp_path: Path
) -> None:
    short = replace(quick, epochs=1)
    (made,) = train_seeds(excerpt, short, tmp_path / "run", 1)
    assert train_seeds(excerpt, short, tmp_path / "run", 1)[0].program == made.program
    with pytest.raises(EcgedgeError, match="with epochs 1, not 2"):
        train_seeds(excerpt, quick, tmp_path / "run", 2)
    with pytest.raises(EcgedgeError, match="is a run itself"):
        train_seeds(excerpt, short, made.path, 1)


def test_an_unbounded_student_stays_float(
    excerpt: Path, quick: TrainConfig, data: Data, tmp_path: Path
) -> None:
    made = train_run(excerpt, replace(quick, bound="none", epochs=1), tmp_path / "run", data=data)
    assert made.program is None
    assert made.float_network is not None


def test_a_damaged_checkpoint_is_named(done: runs.Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(done.path, copy)
    (copy / runs.CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(EcgedgeError, match="damaged"):
        scorer(copy)


def test_damaged_probabilities_are_named(done: runs.Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(done.path, copy)
    (copy / runs.PROBABILITIES).write_bytes(b"PK\x03\x04")
    with pytest.raises(EcgedgeError, match="damaged"):
        run_pictures.validation_of(copy)


def test_metrics_are_json_without_nan(done: runs.Run) -> None:
    text = (done.path / runs.METRICS).read_text()
    assert "NaN" not in text
    assert json.loads(text)["validation_records"]


@pytest.mark.database
@pytest.mark.slow
def test_the_full_database_starts_at_once_from_the_cache(mitdb: Path, quick: TrainConfig) -> None:
    import time

    read_data(mitdb, quick)
    began = time.monotonic()
    read_data(mitdb, quick)
    assert time.monotonic() - began < 2
