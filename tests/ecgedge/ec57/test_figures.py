import pytest

from ecgedge.ec57.figures import Share, extra, figures, found, missed, missed_in_shutdown
from ecgedge.ec57.matrix import CELLS, add, row_sum, without_sveb

NUMBERED = {cell: i + 1 for i, cell in enumerate(CELLS)}


def matrix(**cells: int) -> dict[str, int]:
    return {**dict.fromkeys(CELLS, 0), **cells}


def test_the_matrix_has_the_45_cells_of_bxb() -> None:
    assert len(CELLS) == len(set(CELLS)) == 45
    assert CELLS[:7] == ("Nn", "Ns", "Nv", "Nf", "Nq", "No", "Nx")
    assert CELLS[-10:] == ("On", "Os", "Ov", "Of", "Oq", "Xn", "Xs", "Xv", "Xf", "Xq")


def test_what_is_found_missed_and_extra_is_everything() -> None:
    assert found(NUMBERED) + missed(NUMBERED) + extra(NUMBERED) == sum(NUMBERED.values())
    assert missed(NUMBERED) == sum(NUMBERED[f"{name}{gone}"] for name in "NSVFQ" for gone in "ox")


def test_detection_does_not_care_for_classes() -> None:
    shares = figures(matrix(Nv=8, No=1, Nx=1, On=3, Xq=1))
    assert shares["QRS_se"] == Share(8, 10)
    assert shares["QRS_ppv"] == Share(8, 12)


def test_a_fusion_or_unknown_beat_called_v_is_no_false_veb() -> None:
    shares = figures(matrix(Vv=6, Vn=1, Vo=1, Nv=1, Sv=1, Ov=1, Xv=1, Fv=50, Qv=50))
    assert shares["VEB_se"] == Share(6, 8)
    assert shares["VEB_ppv"] == Share(6, 10)


def test_false_veb_are_a_share_of_all_that_could_become_one() -> None:
    shares = figures(matrix(Nn=10, Nv=2, Fn=3, Fv=9, Oq=1, No=7, Vn=5))
    assert shares["VEB_fpr"] == Share(2, 16)


def test_an_unknown_beat_called_s_is_no_false_sveb_but_a_fusion_beat_is() -> None:
    shares = figures(matrix(Ss=3, Sn=1, Ns=1, Vs=1, Fs=1, Os=1, Xs=1, Qs=50))
    assert shares["SVEB_se"] == Share(3, 4)
    assert shares["SVEB_ppv"] == Share(3, 8)


def test_a_share_of_nothing_is_none() -> None:
    assert all(share.value is None for share in figures(matrix()).values())


def test_the_part_hidden_by_shutdowns_leaves_out_s_as_bxb_does() -> None:
    hidden = missed_in_shutdown(matrix(Nx=1, Sx=2, Vx=3, Fx=4, Qx=5, Nn=9, Ss=2))
    assert hidden["all"] == Share(13, 26)
    assert hidden["S"] == Share(2, 4)


def test_without_sveb_they_are_n() -> None:
    merged = without_sveb(NUMBERED)
    assert merged["Nn"] == sum(NUMBERED[cell] for cell in ("Nn", "Ns", "Sn", "Ss"))
    assert merged["On"] == NUMBERED["On"] + NUMBERED["Os"]
    assert row_sum(merged, "S") == 0
    assert sum(merged.values()) == sum(NUMBERED.values())


@pytest.mark.parametrize("n", [0, 1, 3])
def test_matrices_add_up(n: int) -> None:
    assert add([NUMBERED] * n) == {cell: n * value for cell, value in NUMBERED.items()}
