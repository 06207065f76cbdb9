"""What a board's self-test says, in frames and in text, and what it means."""

import os
import threading

import pytest

from ecgedge.stream.frame import FrameParser, info_frame, selftest_frame
from ecgedge.stream.selftest import Listener, ask, difference
from ecgedge.stream.source import SerialSource
from ecgedge.stream.wire import Info, SelftestResult
from firmware_sim.errors import EcgedgeError
from tests.ecgedge.stream.conftest import Board

PASSED = SelftestResult(True, 0, 1, 4, 0, 0)


def failed(
    place: int,
    expected: int = 5,
    actual: int = 7,
    layers: int = 1,
    hidden: int = 0,
    measures: int = 0,
) -> SelftestResult:
    return SelftestResult(False, place, layers, 4, expected, actual, hidden, measures)


@pytest.mark.parametrize(
    "result",
    [
        PASSED,
        failed(17, -(2**31), 2**31 - 1),
        failed(3, layers=0, hidden=32),
        failed(4, layers=0, hidden=8, measures=16),
    ],
)
def test_a_result_comes_out_of_its_frame_as_it_went_in(result: SelftestResult) -> None:
    assert FrameParser().feed(selftest_frame(result)) == [result]


@pytest.mark.parametrize(
    ("result", "where"),
    [
        (failed(0), "sums of the convolutions, token 0, channel 0"),
        (failed(31), "sums of the convolutions, token 7, channel 3"),
        (failed(32), "tokens.0, token 0"),
        (failed(47), "tokens.1, token 7"),
        (failed(48), "mean"),
        (failed(49), "scores, class 0"),
        (failed(52), "scores, class 3"),
        (failed(63, layers=3), "tokens.3, token 7"),
        (failed(64, layers=3), "mean"),
        (failed(0, layers=0, hidden=7), "sums of the hidden layer, unit 0"),
        (failed(6, layers=0, hidden=7), "sums of the hidden layer, unit 6"),
        (failed(7, layers=0, hidden=7), "hidden, from unit 0 on"),
        (failed(8, layers=0, hidden=7), "hidden, from unit 4 on"),
        (failed(9, layers=0, hidden=7), "scores, class 0"),
        (failed(48, hidden=8), "mean"),
        (failed(49, hidden=8), "sums of the hidden layer, unit 0"),
        (failed(58, hidden=8), "hidden, from unit 4 on"),
        (failed(59, hidden=8), "scores, class 0"),
        (failed(0, layers=0, hidden=8, measures=7), "sums of the measures, measure 0"),
        (failed(6, layers=0, hidden=8, measures=7), "sums of the measures, measure 6"),
        (failed(7, layers=0, hidden=8, measures=7), "measures, from 0 on"),
        (failed(8, layers=0, hidden=8, measures=7), "measures, from 4 on"),
        (failed(9, layers=0, hidden=8, measures=7), "sums of the hidden layer, unit 0"),
        (failed(17, layers=0, hidden=8, measures=7), "hidden, from unit 0 on"),
        (failed(19, layers=0, hidden=8, measures=7), "scores, class 0"),
        (failed(59, layers=0, hidden=32, measures=16), "hidden, from unit 28 on"),
        (failed(254), "pipeline, number of beats"),
        (failed(255), "pipeline, checksum over the beats"),
    ],
)
def test_a_place_is_a_layer_and_what_is_in_it(result: SelftestResult, where: str) -> None:
    assert difference(result).where == where


def test_four_channels_lie_in_a_word() -> None:
    found = difference(failed(33, 0x04030201, 0x047F0201))
    assert (found.expected, found.actual) == ([1, 2, 3, 4], [1, 2, 127, 4])
    assert difference(failed(3)).expected == [5]


def test_hidden_values_are_four_in_a_word_and_their_sums_are_not() -> None:
    found = difference(failed(7, -1, 0x7F818101, layers=0, hidden=7))
    assert (found.expected, found.actual) == ([-1] * 4, [1, -127, -127, 127])
    assert difference(failed(6, -70_000, layers=0, hidden=7)).expected == [-70_000]


def test_measures_are_four_in_a_word_and_their_sums_are_not() -> None:
    program = {"layers": 0, "hidden": 8, "measures": 7}
    assert difference(failed(6, -9_000, 9_000, **program)).actual == [9_000]
    assert difference(failed(8, 0x00810203, **program)).expected == [3, 2, -127, 0]


@pytest.mark.parametrize(
    ("text", "passed"), [(b"# selftest 0\n", True), (b"12\n# selftest 34\n", False)]
)
def test_a_board_may_answer_in_text(text: bytes, passed: bool) -> None:
    listener = Listener()
    for byte in text:
        assert listener.result is None
        listener.feed(bytes([byte]))
    assert listener.result is not None
    assert listener.result.passed is passed
    assert listener.result.place == -1


def test_a_board_is_asked_and_answers(board: Board) -> None:
    def answer() -> None:
        heard = b""
        while b"t" not in heard:
            heard += os.read(board.master, 10)
        board.send(info_frame(0, 360, "rhythm 01234567") + selftest_frame(PASSED))

    thread = threading.Thread(target=answer)
    thread.start()
    with SerialSource(str(board.link)) as source:
        source.open()
        found = ask(source, 20)
    thread.join()
    assert found.result == PASSED
    assert found.info == Info(360, "rhythm 01234567")


def test_a_board_that_says_nothing_is_given_up(board: Board) -> None:
    with SerialSource(str(board.link)) as source:
        source.open()
        with pytest.raises(EcgedgeError, match=r"does not answer the self-test within 0\.2 s"):
            ask(source, 0.2)


def test_a_board_that_goes_away_is_told(board: Board) -> None:
    with SerialSource(str(board.link)) as source:
        source.open()
        board.pull()
        with pytest.raises(EcgedgeError, match="went away"):
            ask(source, 20)
