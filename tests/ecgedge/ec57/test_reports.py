"""The texts of bxb and sumstats, to the blank."""

import pytest

from ecgedge.ec57.lines import FORMATS, beat_line, shutdown_line
from ecgedge.ec57.matrix import CELLS
from ecgedge.ec57.standard import standard_report
from ecgedge.ec57.summary import Row, average, beat_table, gross, mean_rr_error_ms, shutdown_table

L, SMALL_L = FORMATS["L"], FORMATS["l"]


def matrix(**cells: int) -> dict[str, int]:
    return {**dict.fromkeys(CELLS, 0), **cells}


def row(name: str, rr_error_ms: float | None = None, shutdown_s: int = 0, **cells: int) -> Row:
    return Row(name, matrix(**cells), rr_error_ms, shutdown_s)


FIRST = row("100", 12.344, 3, Nn=90, Ns=2, No=5, Nx=3, Ss=4, Sx=1, Vv=6, Vs=1, Fs=2, Qn=1, On=7)
SECOND = row("a", None, 0, Nn=10, Ns=4)

# What bxb 10.7 prints of the example record of the WFDB library's own checks.
OF_THE_CHECKS_OF_WFDB = """\
Beat-by-beat comparison results for record 100s
Reference annotator: atr
     Test annotator: ann

               Algorithm
        n    v    f    q    o    x
   _______________________________
 N |   74    0    0    0    0    0
 V |    0    0    0    0    0    0
 F |    0    0    0    0    0    0
 Q |    0    0    0    0    0    0
 O |    0    0    0    0
 X |    0    0    0    0

           QRS sensitivity: 100.00% (74/74)
 QRS positive predictivity: 100.00% (74/74)
           VEB sensitivity:      -  (0/0)
 VEB positive predictivity:      -  (0/0)
   VEB false positive rate:  0.000% (0/74)


  Beats missed in shutdown:   0.00% (0/74)
      N missed in shutdown:   0.00% (0/74)
      V missed in shutdown:      -  (0/0)
      F missed in shutdown:      -  (0/0)
       Total shutdown time:     0 seconds
"""


def test_the_standard_report_without_sveb_is_that_of_bxb() -> None:
    report = standard_report(SMALL_L, row("100s", 0.0, 0, Nn=73, Sn=1), "atr", "ann")
    assert report == OF_THE_CHECKS_OF_WFDB


def test_the_standard_report_with_sveb_has_the_matrix_and_the_rr_error() -> None:
    lines = standard_report(L, FIRST, "atr", "qrs").splitlines()
    assert lines[7] == " N |   90    2    0    0    0    5    3"
    assert lines[12:15] == [" O |    7    0    0    0    0", " X |    0    0    0    0    0", ""]
    assert "          SVEB sensitivity:  80.00% (4/5)" in lines
    assert "     RMS RR interval error:  12.34 ms" in lines
    assert "      S missed in shutdown:  20.00% (1/5)" in lines
    without = standard_report(L, SECOND, "atr", "qrs").splitlines()
    assert "     RMS RR interval error:      -" in without


def test_a_line_has_the_columns_and_widths_of_bxb() -> None:
    assert beat_line(L, "100", FIRST.matrix, 12.344) == (
        " 100    90   0   0   1   7   2   4   1   2   0   0   0    6   0   0   8   1   0   0"
        "  92.17  93.81  85.71 100.00  80.00  44.44  12.34"
    )
    assert beat_line(L, "a", SECOND.matrix, None).endswith("      -   0.00     -")


def test_a_line_without_sveb_counts_them_as_n() -> None:
    assert beat_line(SMALL_L, "100", FIRST.matrix, 12.344) == (
        " 100    96   1   3   7   0    6   0   0   9   0   0  92.17  93.81  85.71 100.00  0.000"
    )


def test_a_shutdown_line_ends_with_the_beats_of_each_class() -> None:
    assert shutdown_line(L, "100", FIRST.matrix, 3) == (
        " 100    3    1    0    0    0     2.61   3.00  20.00   0.00   0.00"
        "    3 seconds 100 5 7 2 1"
    )
    assert shutdown_line(SMALL_L, "100", FIRST.matrix, 3) == (
        " 100    4    0    0    0     3.48   3.81   0.00   0.00    3 seconds 105 0 7 2 1"
    )


def test_gross_figures_count_beats_and_average_figures_count_records() -> None:
    both = [FIRST.matrix, SECOND.matrix]
    whole = {cell: sum(m[cell] for m in both) for cell in CELLS}
    assert gross(whole)["QRS_se"].value == 120 / 129
    assert average(both)["QRS_se"] == pytest.approx((106 / 115 + 1) / 2)
    assert average(both)["VEB_se"] == 6 / 7, "undefined in the second record"
    assert average([SECOND.matrix])["VEB_se"] is None


def test_gross_sveb_figures_leave_out_fusion_beats_as_sumstats_does() -> None:
    assert gross(FIRST.matrix)["SVEB_ppv"].value == 4 / 7
    assert beat_line(L, "100", FIRST.matrix, None).split()[-2] == "44.44"


def test_the_average_rr_error_is_that_of_the_printed_ones() -> None:
    assert mean_rr_error_ms([FIRST, SECOND, row("b", 1.0049)]) == (12.34 + 1.0) / 2
    assert mean_rr_error_ms([SECOND]) is None


def test_the_first_table_ends_as_sumstats_prints_it() -> None:
    lines = beat_table(L, [FIRST, SECOND]).splitlines()
    assert lines[0] == (
        "Record Nn' Sn' Vn' Fn' On'  Ns  Ss  Vs  Fs' Os' Nv  Sv   Vv  Fv' Ov' No' So' Vo' Fo'"
        "  Q Se   Q +P   V Se   V +P   S Se   S +P RR err"
    )
    assert lines[3:] == [
        "_" * 132,
        "Sum    100   0   0   1   7   6   4   1   2   0   0   0    6   0   0   8   1   0   0",
        "Gross" + " " * 78 + "  93.02  94.49  85.71 100.00  80.00  36.36",
        "Average" + " " * 76 + "  96.09  96.90  85.71 100.00  80.00  28.57  12.34",
        "Total QRS complexes: 129  Total VEBs: 7  Total SVEBs: 5",
        "",
        "Summary of results from 2 records",
    ]


def test_without_sveb_the_false_positive_rate_takes_their_place() -> None:
    lines = beat_table(SMALL_L, [row("100", 1.0, Nn=7, Nv=1, Vv=1)]).splitlines()
    assert lines[2:] == [
        "_" * 86,
        "Sum       7   0   0   0   1    1   0   0   0   0   0",
        "Gross" + " " * 49 + " 100.00 100.00 100.00  50.00 12.500",
        "Average" + " " * 47 + " 100.00 100.00 100.00  50.00 12.500",
        "Total QRS complexes: 9  Total VEBs: 1",
        "",
        "Summary of results from 1 record",
    ]


def test_the_second_table_adds_up_what_shutdowns_hid() -> None:
    lines = shutdown_table(L, [FIRST, SECOND]).splitlines()
    assert lines[4:] == [
        "_" * 72,
        "Sum     3    1    0    0    0" + " " * 38 + "   3 seconds",
        "",
        "Summary of results from 2 records",
    ]


def test_without_sveb_it_has_gross_and_average_shares() -> None:
    lines = shutdown_table(SMALL_L, [FIRST, SECOND]).splitlines()
    assert lines[5:8] == [
        "Sum      4    0    0    0" + " " * 31 + "   3 seconds",
        "Gross" + " " * 20 + "   3.10   3.36   0.00   0.00",
        "Average" + " " * 18 + "   1.74   1.90   0.00   0.00",
    ]


def test_a_table_of_records_without_beats_has_hyphens() -> None:
    lines = beat_table(L, [row("100")]).splitlines()
    assert lines[4] == "Gross" + " " * 78 + "      -" * 6
    assert lines[5] == "Average" + " " * 76 + "      -" * 7
