"""Lines of numbers: what is a sample, what is not, however the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgedge.stream.csv_format import HOLD, CsvParser, columns_of_header
from ecgedge.stream.text_formats import MAX_LINE, LineParser, SparkfunParser, TeleplotParser, number
from ecgedge.stream.wire import Gap, Garbage, LeadOff, Sample, WireEvent

PARSERS = (SparkfunParser, CsvParser, TeleplotParser)
LINES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [b"512", b"!", b"1000,512", b"t,nan", b"time_us,ecg", b">ecg:5", b"NaN", b"1e999", b""]
        ),
        st.integers(-(10**6), 10**6).map(lambda n: b"%d" % n),
        st.tuples(st.integers(0, 10**7), st.integers(-500, 500)).map(lambda p: b"%d,%d" % p),
    ),
    max_size=60,
)


def events_of(parser: LineParser, data: bytes) -> list[WireEvent]:
    return parser.feed(data) + parser.finish()


def samples_of(parser: LineParser, data: bytes) -> list[Sample]:
    return [event for event in events_of(parser, data) if isinstance(event, Sample)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"512", 512),
        (b"-3", -3),
        (b"+7", 7),
        (b"1.5", 1.5),
        (b".5", 0.5),
        (b"2.", 2.0),
        (b"-1.5e-3", -0.0015),
        (b"1e3", 1000.0),
    ],
)
def test_decimal_numbers_are_read(text: bytes, value: float) -> None:
    assert number(text) == value
    assert type(number(text)) is type(value)


@pytest.mark.parametrize(
    "text", [b"", b"nan", b"inf", b"1e999", b"1_000", b"0x10", b"1 2", b"-", b"12a", b"9" * 30]
)
def test_anything_else_is_no_number(text: bytes) -> None:
    assert number(text) is None


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r\r\n", b" \n"])
def test_sparkfun_lines_are_samples_and_lead_off(ending: bytes) -> None:
    events = events_of(SparkfunParser(), ending.join([b"512", b"!", b"513", b""]))
    assert events == [Sample(512), LeadOff(), Sample(513)]


def test_a_line_without_an_end_is_read_when_the_stream_ends() -> None:
    parser = SparkfunParser()
    assert parser.feed(b"51") == []
    assert parser.feed(b"2") == []
    assert parser.finish() == [Sample(512)]


def test_an_oversize_line_is_garbage_and_the_next_line_is_not() -> None:
    parser = SparkfunParser()
    events = parser.feed(b"9" * (3 * MAX_LINE)) + parser.feed(b"9\n512\n")
    assert [e for e in events if isinstance(e, Sample)] == [Sample(512)]
    assert sum(e.size for e in events if isinstance(e, Garbage)) == 3 * MAX_LINE + 2


def test_nan_is_named_with_its_line() -> None:
    events = events_of(SparkfunParser(), b"1\n2\nNaN\n4\n")
    assert Garbage(4, "not a number", 3) in events


@pytest.mark.parametrize("parser", PARSERS)
@given(
    lines=LINES,
    cuts=st.lists(st.integers(0, 3000), max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_text_parser_takes_anything_however_it_is_cut(
    parser: type[LineParser], lines: list[bytes], cuts: list[int], end: str
) -> None:
    data = end.encode().join(lines)
    whole = events_of(parser(), data)
    cut_parser, cut, start = parser(), [], 0
    for place in [*sorted(cuts), len(data)]:
        cut += cut_parser.feed(data[start:place])
        start = max(start, place)
        assert cut_parser.buffered <= MAX_LINE + HOLD
    cut += cut_parser.finish()
    assert [e for e in cut if not isinstance(e, Garbage)] == [
        e for e in whole if not isinstance(e, Garbage)
    ]


@pytest.mark.parametrize(
    ("line", "sample"),
    [
        (b">ecg:512.00\n", Sample(512.0)),
        (b">ecg:512\r\n", Sample(512)),
        (b">ecg:1234:512\n", Sample(512, 1234)),
        (">ecg:512§mV|np\n".encode(), Sample(512)),
        (b">ecg:-1.5|g\n", Sample(-1.5)),
    ],
)
def test_teleplot_lines_are_samples(line: bytes, sample: Sample) -> None:
    assert events_of(TeleplotParser(), line) == [sample]


def test_teleplot_prefers_the_variable_that_is_called_ecg() -> None:
    data = b">temp:20\n>ecg_raw:1\n>temp:21\n>ecg_raw:2\n>ecg_raw:3\n"
    assert samples_of(TeleplotParser(), data) == [Sample(20), Sample(1), Sample(2), Sample(3)]


def test_teleplot_takes_several_points_in_a_line() -> None:
    assert samples_of(TeleplotParser(), b">ecg:10:1;13:2\n") == [Sample(1, 10), Sample(2, 13)]


@pytest.mark.parametrize("mark", [",", ";", "\t", " ", ", "])
def test_csv_without_a_header_is_told_by_its_clock(mark: str) -> None:
    data = "".join(f"{2778 * i}{mark}{500 + i % 7}\n" for i in range(80)).encode()
    parser = CsvParser()
    assert samples_of(parser, data) == [Sample(500 + i % 7, 2778 * i) for i in range(80)]
    assert parser.columns is not None
    assert parser.columns.time == 0


def test_csv_survives_a_first_line_that_was_cut() -> None:
    rows = [f"{2778 * i},{500 + i % 7}" for i in range(2000, 2080)]
    rows[0] = rows[0][4:]
    samples = samples_of(CsvParser(), "\n".join(rows).encode())
    assert samples[1:] == [Sample(500 + i % 7, 2778 * i) for i in range(2001, 2080)]


def test_csv_takes_the_first_column_when_it_is_no_clock() -> None:
    rows = "".join(f"{500 + (i * 37) % 11},0,0\n" for i in range(80)).encode()
    assert samples_of(CsvParser(), rows) == [Sample(500 + (i * 37) % 11) for i in range(80)]


def test_row_numbers_are_no_clock() -> None:
    rows = "".join(f"{i},{500 + i % 7}\n" for i in range(80)).encode()
    assert samples_of(CsvParser(), rows) == [Sample(500 + i % 7) for i in range(80)]


@pytest.mark.parametrize(
    ("header", "row", "sample", "tick_s"),
    [
        ("time_us,ecg", "1000,5", Sample(5, 1000), 1e-6),
        ("Time (ms);Value", "1000;5", Sample(5, 1000), 1e-3),
        ("'Elapsed time','MLII','V1'", "0.5,5,6", Sample(5, 0.5), None),
        ("'sample #','MLII','V1'", "0,5,6", Sample(5), None),
        ("millis\tlo+\tecg_mv", "10\t0\t0.5", Sample(0.5, 10), 1e-3),
        ("seconds,temperature,ECG", "1.5,36,5", Sample(5, 1.5), 1.0),
        ("ecg", "5", Sample(5), None),
        ("# time_ms, ecg", "10,5", Sample(5, 10), 1e-3),
    ],
)
def test_a_header_names_the_columns(
    header: str, row: str, sample: Sample, tick_s: float | None
) -> None:
    parser = CsvParser()
    assert samples_of(parser, f"{header}\n{row}\n".encode()) == [sample]
    assert parser.tick_s == tick_s


@pytest.mark.parametrize(
    "banner", ["AD8232 ECG logger, v1.0", "ready", "# started", "rst:0x1 (POWERON_RESET),boot:0x8"]
)
def test_a_banner_is_no_header(banner: str) -> None:
    assert columns_of_header(banner.encode().split(b",")) is None
    rows = "".join(f"{2778 * i},{500 + i % 7}\n" for i in range(80))
    samples = samples_of(CsvParser(), f"{banner}\r\n{rows}".encode())
    assert samples[0] == Sample(500, 0)
    assert len(samples) == 80


def test_a_lone_title_does_not_hide_the_columns() -> None:
    rows = "".join(f"{2778 * i},{500 + i % 7}\n" for i in range(80))
    assert samples_of(CsvParser(), f"ECG\n{rows}".encode())[1] == Sample(501, 2778)


def test_marks_in_a_csv_stream() -> None:
    data = b"time_us,value,gap,lead_off\n0,1,0,0\n10,!\n!\n20,2,1,0\n30,3,0,1\n"
    assert events_of(CsvParser(), data) == [
        Sample(1, 0),
        LeadOff(10),
        LeadOff(),
        Gap(),
        Sample(2, 20),
        LeadOff(30),
    ]


@pytest.mark.parametrize("value", ["nan", "NaN", "", "inf", "-inf", "null"])
def test_a_missing_value_in_a_csv_row_is_named_with_its_line(value: str) -> None:
    events = events_of(CsvParser(), f"time_us,ecg\n0,1\n10,{value}\n20,3\n".encode())
    assert [e.line for e in events if isinstance(e, Garbage)] == [3]
    assert [e.reason for e in events if isinstance(e, Garbage)] == ["not a number"]
