import errno
import os
import sys

import pytest

from ecgedge.cli.main import answer, main


@pytest.mark.parametrize("command", ["train", "distill"])
def test_training_without_pytorch_ends_in_one_line(
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: object,
) -> None:
    class NoTorch:
        def find_spec(self, name: str, *rest: object) -> None:
            if name == "torch":
                raise ModuleNotFoundError("No module named 'torch'", name="torch")

    for name in list(sys.modules):
        if name.partition(".")[0] == "torch" or name.startswith("ecgedge.training"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoTorch(), *sys.meta_path])
    monkeypatch.setattr(
        sys, "argv", ["ecgedge", command, "--data", "excerpt", "-o", f"{tmp_path}/run"]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == (
        f"error: `ecgedge {command}` needs PyTorch; pip install 'ecgedge[train]'.\n"
    )


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOTDIR, "a part of that path is a file; name another place."),
        (errno.ENOENT, "name a place that exists."),
        (errno.EACCES, "name another place, that you may read and write."),
    ],
)
def test_what_the_system_refuses_has_a_remedy(
    number: int, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> None:
        raise OSError(number, os.strerror(number), "some/place")

    with pytest.raises(SystemExit) as stop:
        answer(refused)
    assert stop.value.code == 1
    assert capsys.readouterr().err == f"error: {os.strerror(number)} (some/place); {remedy}\n"
