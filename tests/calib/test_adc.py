"""The front end: codes of a 10-bit converter behind an AD8232."""

import numpy as np

from calib.adc import FrontEnd


def test_a_code_of_an_uno_is_about_four_microvolts() -> None:
    step_mv = np.diff(FrontEnd().millivolts(np.array([300, 301])))[0]
    assert abs(step_mv - 0.00444) < 0.00001


def test_codes_and_millivolts_are_inverse_inside_the_supply() -> None:
    front_end = FrontEnd()
    codes = np.arange(1, 674, dtype=np.int32)
    assert np.array_equal(front_end.codes(front_end.millivolts(codes)), codes)


def test_nothing_is_the_middle_and_the_rails_cut_off() -> None:
    codes = FrontEnd().codes(np.array([-100.0, 0.0, 100.0]))
    assert codes.tolist() == [0, 337, 675]


def test_another_converter() -> None:
    front_end = FrontEnd(bits=12, reference_mv=3300.0)
    assert front_end.largest == 4095
    assert front_end.codes(np.array([100.0])).tolist() == [4095]
