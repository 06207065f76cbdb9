"""The exported C library: complete, clean in every compiler, with widths that follow the proof."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ecgedge.chips.build import build
from ecgedge.chips.cores import CORES
from ecgedge.chips.sizes import symbols
from ecgedge.data.record import read_record
from ecgedge.verification.firmware import HARNESS, Firmware, HostLibrary, named_layers
from ecgedge.zoo import shipped_bundles
from export.c_header import PIECE_MAX, pieces, program_header
from export.c_library import ONLY_WITH_BRANCHES, ONLY_WITH_EITHER, library_files, write_c
from firmware_sim import network, pipeline
from firmware_sim.beat import normalize
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import Measure
from firmware_sim.prior import Prior
from firmware_sim.program import BRANCHES, Program
from firmware_sim.program_file import load_program
from firmware_sim.prove import prove, worst_beats
from tests.programs import hostile_contexts, random_program
from tests.tools import needs

STRICT = (
    "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-O2",
)  # fmt: skip


RHYTHM_AND_SHAPE = {"context": 12, "hidden": 8, "branches": False}
MEASURES = RHYTHM_AND_SHAPE | {"measures": 7}


@pytest.fixture(scope="module")
def program() -> Program:
    return load_program(shipped_bundles()["rhythm-140"] / "program.json")


@pytest.fixture
def library(program: Program, tmp_path: Path) -> Path:
    write_c(tmp_path / "library", program)
    return tmp_path / "library"


def defined(header: str, name: str) -> str:
    found = re.search(rf"^#define ECGEDGE_{name} (.*)$", header, re.MULTILINE)
    assert found, name
    return found[1]


# What is written


def test_a_person_finds_a_page_an_example_and_the_manual(library: Path, program: Program) -> None:
    names = {path.relative_to(library).as_posix() for path in library.rglob("*") if path.is_file()}
    assert {"README.md", "example/main.c", "ecgedge.h", "ecgedge_program.h"} <= names
    page = (library / "README.md").read_text()
    assert program.digest in page
    assert "not a medical device" in page
    assert "{" not in re.sub(r"```.*?```", "", page, flags=re.DOTALL), "every blank is filled in"


def test_nothing_is_overwritten_unless_asked(library: Path, program: Program) -> None:
    with pytest.raises(EcgedgeError, match="--overwrite"):
        write_c(library, program)
    write_c(library, program, overwrite=True)
    (library / "ecgedge_program.h").unlink()
    with pytest.raises(EcgedgeError, match="is not overwritten"):
        write_c(library, program, overwrite=True)


def test_a_program_gets_what_it_needs_and_no_more(program: Program) -> None:
    files = set(library_files(program))
    without_branches = set(library_files(random_program(1, **RHYTHM_AND_SHAPE)))  # type: ignore[arg-type]
    only = {"ecgedge_shape.c", "ecgedge_shape.h"}
    assert without_branches - files == only
    left_out = files - without_branches
    assert {"ecgedge_conv.c", "ecgedge_conv_avr.h", "ecgedge_widths.h"} <= left_out
    assert all(name.startswith(ONLY_WITH_BRANCHES + ONLY_WITH_EITHER) for name in left_out)
    with_measures = set(library_files(random_program(1, **MEASURES)))  # type: ignore[arg-type]
    assert with_measures - without_branches == {
        *(f"ecgedge_{name}.{kind}" for name in ("measures", "normalize") for kind in "ch")
    }
    assert without_branches < with_measures
    everything = random_program(1, context=12, hidden=5)
    assert set(library_files(everything)) == files | only
    with_prior = everything.replace(prior=Prior("S", 4, 6))
    of_prior = {"ecgedge_prior.c", "ecgedge_prior.h"}
    assert set(library_files(with_prior)) == files | only | of_prior


@pytest.mark.parametrize("context", [0, 5, 12])
def test_the_header_says_what_context_a_beat_has(context: int) -> None:
    header = program_header(random_program(1, context=context))
    assert int(defined(header, "CONTEXT")) == context
    values = int(defined(header, "RHYTHM_VALUES")), int(defined(header, "SHAPE_VALUES"))
    assert values == ((8, 4) if context == 12 else (5, 0))
    assert ("ECGEDGE_TEMPLATE_BINS" in header) == (context == 12)
    assert int(defined(header, "RHYTHM_KEPT")) == (32 if context == 12 else 2)
    assert int(defined(header, "PRIOR_GAIN")) == 0
    assert "SHARE_BITS" not in header


@pytest.mark.parametrize(("gain", "bits"), [(1, 16), (4, 16), (15, 16), (16, 32), (64, 32)])
def test_the_header_says_what_the_proof_says_of_the_prior(gain: int, bits: int) -> None:
    program = random_program(1, prior=Prior("V", gain, 5))
    header = program_header(program)
    numbers = [int(defined(header, f"PRIOR_{name}")) for name in ("LABEL", "GAIN", "SHIFT")]
    assert numbers == [program.labels.index("V"), gain, 5]
    proved = {q.name: q for q in prove(program).stream}
    assert defined(header, "BONUS_GREATEST") == f"INT32_C({gain << 12})"
    assert defined(header, "SCORE_GREATEST") == f"INT32_C({proved['prior.score'].high})"
    assert int(defined(header, "BONUS_BITS")) == proved["prior.bonus"].width_bits == bits


def test_the_same_program_gives_the_same_files(program: Program) -> None:
    assert library_files(program) == library_files(program)


def test_a_name_cannot_leave_its_comment_or_its_string(tmp_path: Path) -> None:
    hostile = random_program(1).replace(name='*/ int x; /* "\\ ??/ é')
    header = program_header(hostile)
    assert header.count("*/") == header.count("/*")
    assert header.isascii()


@needs("gcc")
def test_a_hostile_name_compiles_to_itself(tmp_path: Path) -> None:
    name = '*/ int x; /* "\\ %s ??/'
    (tmp_path / "ecgedge_program.h").write_text(
        program_header(random_program(1).replace(name=name))
    )
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "ecgedge_program.h"\n'
        "int main(void) { fputs(ECGEDGE_NAME, stdout); return 0; }\n"
    )
    run("gcc", *STRICT, "main.c", "-o", "main", folder=tmp_path)
    assert run("./main", folder=tmp_path) == name


def test_a_rate_that_the_detector_does_not_know_is_refused() -> None:
    with pytest.raises(EcgedgeError, match="125 to 500"):
        program_header(random_program(1).replace(fs=100))


@pytest.mark.parametrize("window", [125, 250, 360, 361, 500, 2000])
def test_pieces_cover_every_output_once(window: int) -> None:
    program = random_program(1, window=360).replace(window=window)
    cut = pieces(program)
    *others, whole = program.segments
    places = [i for start, count, _, _ in cut for i in range(start, start + count)]
    assert places == list(range(whole.pool))
    assert max(count for _, count, _, _ in cut) <= PIECE_MAX
    token = 0
    for branch, segment in enumerate(others):
        for _ in range(segment.tokens):
            own = [p for p in cut if p[2:] == (branch, token)]
            assert sum(count for _, count, _, _ in own) == segment.pool
            token += 1


# Compilers


def run(*command: str, folder: Path, text: str = "") -> str:
    """Run a command; its complaints are the test's message."""
    done = subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize(
    "compiler", [pytest.param(name, marks=needs(name)) for name in ("gcc", "clang")]
)
@pytest.mark.parametrize("kernel", ["", "-DECGEDGE_PORTABLE", "-DECGEDGE_PLAIN"])
@pytest.mark.parametrize(
    "shape",
    [
        "shipped", "tanh", "two labels", "rhythm and shape", "all there is", "rhythm",
        "beat, hidden", "prior", "beat, large prior", "measures", "measures alone",
    ],
)  # fmt: skip
def test_compilers_have_nothing_to_say(
    compiler: str, kernel: str, shape: str, program: Program, tmp_path: Path
) -> None:
    programs = {
        "shipped": program,
        "tanh": random_program(2, window=125, bound="tanh", depth=3),
        "two labels": random_program(3, window=250, classes=2, context=0),
        "rhythm and shape": random_program(4, **RHYTHM_AND_SHAPE),  # type: ignore[arg-type]
        "all there is": random_program(5, window=125, context=12, hidden=7),
        "rhythm": random_program(6, hidden=1, branches=False),
        "beat, hidden": random_program(7, context=0, hidden=32, classes=2),
        "prior": random_program(4, prior=Prior("S", 4, 6), **RHYTHM_AND_SHAPE),  # type: ignore[arg-type]
        "beat, large prior": random_program(8, context=0, prior=Prior("N", 64, 1)),
        "measures": random_program(9, prior=Prior("S", 4, 6), **MEASURES),  # type: ignore[arg-type]
        "measures alone": random_program(
            10, window=125, context=0, hidden=3, branches=False, measures=16, classes=2
        ),
    }
    write_c(tmp_path / "c", programs[shape])
    sources = [path.name for path in (tmp_path / "c").glob("*.c")]
    options = [*STRICT, *([kernel] if kernel else []), "-I."]
    run(compiler, *options, *sources, "example/main.c", "-o", "beats", folder=tmp_path / "c")


@needs("cppcheck")
@pytest.mark.parametrize("shape", ["shipped", "rhythm and shape", "measures"])
def test_cppcheck_has_nothing_to_say(shape: str, program: Program, tmp_path: Path) -> None:
    programs = {
        "shipped": program,
        "rhythm and shape": random_program(4, prior=Prior("S", 4, 6), **RHYTHM_AND_SHAPE),  # type: ignore[arg-type]
        "measures": random_program(4, **MEASURES),  # type: ignore[arg-type]
    }
    library = tmp_path / "library"
    write_c(library, programs[shape])
    run(
        "cppcheck", "--enable=warning,style,performance,portability", "--error-exitcode=1",
        "--inline-suppr", "--suppress=missingIncludeSystem", "--std=c99", "--quiet", "-I.", ".",
        folder=library,
    )  # fmt: skip


@needs("gcc")
def test_the_example_prints_the_beats_of_the_simulator(
    library: Path, program: Program, excerpt: Path
) -> None:
    counts = read_record(excerpt, "208").counts[: 60 * 360]
    sources = [path.name for path in library.glob("*.c")]
    run("gcc", *STRICT, "-I.", *sources, "example/main.c", "-o", "beats", folder=library)
    printed = run("./beats", folder=library, text="\n".join(map(str, counts)))
    expected = [
        " ".join(map(str, (beat.sample, beat.label, *beat.scores)))
        for beat in pipeline.run(program, counts)
    ]
    assert printed.splitlines() == expected


@pytest.mark.parametrize(
    "core", [pytest.param(name, marks=needs(*core.needs)) for name, core in CORES.items()]
)
@pytest.mark.parametrize("part", ["conv", "measures", None])
def test_the_network_needs_no_float_and_no_division(
    program: Program, core: str, part: str | None
) -> None:
    other = random_program(4, **(MEASURES if part else RHYTHM_AND_SHAPE))  # type: ignore[arg-type]
    firmware = Firmware(program if part == "conv" else other, CORES[core])
    network_objects = [
        target for source, target in firmware.built.objects.items()
        if source.stem in ("ecgedge_network", "ecgedge_conv", "ecgedge_measures")
    ]  # fmt: skip
    assert len(network_objects) == 1 + bool(part)
    helpers = symbols(CORES[core], *network_objects).undefined
    forbidden = re.compile(r"div|mod|float|double|[sd]f[23]|_f2|_d2|malloc|printf")
    assert not [name for name in helpers if forbidden.search(name)]


@pytest.mark.parametrize(
    "core", [pytest.param(name, marks=needs(*core.needs)) for name, core in CORES.items()]
)
@pytest.mark.parametrize("shape", [{}, MEASURES], ids=["branches", "measures"])
def test_a_window_by_itself_has_the_label_of_the_simulator(
    core: str, shape: dict[str, object]
) -> None:
    """`ecgedge_classify`, on windows of any height: normalization is exact everywhere."""
    program = random_program(5, window=125, **shape)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    windows = np.concatenate(
        [rng.integers(-h, h + 1, (20, 125)) for h in (1, 7, 127, 1000, 2047, 2048, 2049, 32767)]
        + [np.full((1, 125), -32768), np.where(np.arange(125) % 2, 32767, -32768)[None]]
    )
    context = hostile_contexts(len(windows), 1, program.context)
    expected = network.run(program, normalize(windows), context)
    found = Firmware(program, CORES[core]).windows(windows, context)
    assert np.array_equal(found["scores"], expected.scores)
    assert np.array_equal(found["label"], expected.label_index)


# Widths


def test_the_header_says_what_the_proof_says_of_the_measures() -> None:
    wide = Measure("level", 0, 60), Measure("steepest", 20, 40, 1)
    program = random_program(1, context=0, hidden=2, branches=False, measures=2)
    for measures, bits in ((wide, 32), (wide[1:] * 2, 16)):
        own = program.replace(measures=measures)
        header = program_header(own)
        reach = [r for r in prove(own).layers if r.name == "measures"]
        assert int(defined(header, "MEASURE_LEAST")) == min(r.partial_min for r in reach)
        assert int(defined(header, "MEASURE_GREATEST")) == max(r.partial_max for r in reach)
        assert int(defined(header, "MEASURE_BITS")) == bits
    # only what is measured is normalized: from the bin before the first step on
    assert int(defined(header, "MEASURED_FROM")) == 6 * 19
    assert int(defined(header, "MEASURED_BINS")) == 21
    assert "ECGEDGE_STEEPEST, 0, 20, 2" in header


@needs(*CORES["host"].needs)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MEASURE_BITS 32", "MEASURE_BITS 16"),
        ("MEASURE_BITS 32", "MEASURE_BITS 8"),
        ("MEASURE_GREATEST 45848", "MEASURE_GREATEST 45847"),
        ("MEASURE_LEAST -45720", "MEASURE_LEAST -45719"),
        ("ECGEDGE_LEVEL, 0, 60,", "ECGEDGE_LEVEL, 1, 60,"),
        ("ECGEDGE_STEEPEST, 19, 20,", "ECGEDGE_STEEPEST, 39, 21,"),
        ("ECGEDGE_STEEPEST, 19, 20,", "ECGEDGE_STEEPEST, 19, 0,"),
        ("MEASURED_BINS 60", "MEASURED_BINS 61"),
        ("MEASURED_FROM 0", "MEASURED_FROM 1"),
    ],
)
def test_a_measure_beyond_its_proof_does_not_compile(old: str, new: str, tmp_path: Path) -> None:
    measures = Measure("level", 0, 60), Measure("steepest", 20, 40, 1)
    program = random_program(1, context=0, hidden=2, branches=False, measures=2)
    write_c(tmp_path / "c", program.replace(measures=measures))
    header = tmp_path / "c" / "ecgedge_program.h"
    assert header.read_text().count(old) == 1
    header.write_text(header.read_text().replace(old, new))
    sources = [*(tmp_path / "c").glob("*.c"), HARNESS / "harness.c"]
    with pytest.raises(EcgedgeError, match=r"promise|export"):
        build(CORES["host"], sources, [tmp_path / "c"], {}, tmp_path / "build")


def loudest(program: Program, branch: int, weights: list[int], bias: int) -> Program:
    """The program with another first channel in one branch."""
    own = program.branches[branch]
    weight, biases = own.weight.copy(), own.bias.copy()
    weight.setflags(write=True)
    biases.setflags(write=True)
    weight[0], biases[0] = weights, bias
    changed = type(own)(weight, biases, own.shift)
    branches = [*program.branches[:branch], changed, *program.branches[branch + 1 :]]
    return program.replace(branches=tuple(branches))


@pytest.mark.parametrize("branch", range(4))
def test_one_weight_more_changes_the_width(program: Program, branch: int) -> None:
    fits = loudest(program, branch, [127, 127, 3, 0], 0)
    wide = loudest(program, branch, [127, 127, 4, 1], 0)
    for own, bits in ((fits, "16"), (wide, "32")):
        header = program_header(own)
        least, greatest = int(defined(header, "CONV_LEAST")), int(defined(header, "CONV_GREATEST"))
        assert defined(header, "CONV_BITS") == bits
        assert (bits == "16") == (least >= -32768 and greatest <= 32767)
        assert prove(own).width(f"{BRANCHES[branch]}.conv") == int(bits)


@needs(*CORES["host"].needs)
def test_whatever_weight_is_changed_nothing_overflows(program: Program) -> None:
    """Each weight of a branch at its extremes, on the beats that drive the accumulators hardest."""
    for place in range(4):
        for value in (-127, 127):
            own = program.branches[1].weight[0].tolist()
            own[place] = value
            changed = loudest(program, 1, own, 127)
            q = worst_beats(changed)
            expected = network.run(changed, q, hostile_contexts(len(q), 0), layers=True)
            table = HostLibrary(changed, CORES["host"]).network(q, hostile_contexts(len(q), 0))
            for name, layer in named_layers(changed, table).items():
                if name != "label":
                    assert np.array_equal(layer, expected.layers[name]), name


@needs(*CORES["host"].needs)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ECGEDGE_CONV_BITS 32", "ECGEDGE_CONV_BITS 16"),
        ("ECGEDGE_CONV_BITS 32", "ECGEDGE_CONV_BITS 8"),
        ("ECGEDGE_TOKEN_BITS 32", "ECGEDGE_TOKEN_BITS 16"),
        ("ECGEDGE_TOKEN_BITS 32", "ECGEDGE_TOKEN_BITS 8"),
    ],
)
def test_a_width_that_is_too_narrow_does_not_compile(old: str, new: str, tmp_path: Path) -> None:
    wide = random_program(2, window=125, bound="tanh")
    write_c(tmp_path / "c", wide)
    header = tmp_path / "c" / "ecgedge_program.h"
    assert old in header.read_text()
    header.write_text(header.read_text().replace(old, new))
    sources = [*(tmp_path / "c").glob("*.c"), HARNESS / "harness.c"]
    with pytest.raises(EcgedgeError, match="export"):
        build(CORES["host"], sources, [tmp_path / "c"], {}, tmp_path / "build")


@needs(*CORES["host"].needs)
@pytest.mark.parametrize(
    ("gain", "old", "new"),
    [
        (4, "PRIOR_GAIN 4", "PRIOR_GAIN 5"),
        (64, "BONUS_BITS 32", "BONUS_BITS 16"),
        (64, "BONUS_BITS 32", "BONUS_BITS 8"),
        (4, "SHARE_BITS 12", "SHARE_BITS 13"),
        (4, "SHARE_BITS 12", "SHARE_BITS 14"),
        (4, "PRIOR_LABEL 1", "PRIOR_LABEL 4"),
        (4, "PRIOR_SHIFT 6", "PRIOR_SHIFT 9"),
        (4, "SCORE_GREATEST INT32_C(", "SCORE_GREATEST INT64_C(99999"),
    ],
)
def test_a_prior_beyond_its_proof_does_not_compile(
    gain: int, old: str, new: str, tmp_path: Path
) -> None:
    write_c(tmp_path / "c", random_program(2, window=125, prior=Prior("S", gain, 6)))
    header = tmp_path / "c" / "ecgedge_program.h"
    assert header.read_text().count(old) == 1
    header.write_text(header.read_text().replace(old, new))
    sources = [*(tmp_path / "c").glob("*.c"), HARNESS / "harness.c"]
    with pytest.raises(EcgedgeError, match=r"promise|export"):
        build(CORES["host"], sources, [tmp_path / "c"], {}, tmp_path / "build")


@needs(*CORES["host"].needs)
def test_a_weight_that_is_changed_in_the_header_alone_does_not_compile(tmp_path: Path) -> None:
    """Somebody edits the generated file: the widths no longer follow, and the build says so."""
    program = random_program(2, window=125)
    write_c(tmp_path / "c", program)
    header = tmp_path / "c" / "ecgedge_program.h"
    text = re.sub(r"(ECGEDGE_P_CONV\(FORM\) FORM\()-?\d+, -?\d+, -?\d+", r"\g<1>127, 127, 127",
                  header.read_text())  # fmt: skip
    assert text != header.read_text()
    header.write_text(text)
    sources = [*(tmp_path / "c").glob("*.c"), HARNESS / "harness.c"]
    with pytest.raises(EcgedgeError, match="promise"):
        build(CORES["host"], sources, [tmp_path / "c"], {}, tmp_path / "build")
    shutil.rmtree(tmp_path / "c")
