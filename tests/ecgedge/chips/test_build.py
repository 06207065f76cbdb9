import ctypes
from collections.abc import Callable
from pathlib import Path

import pytest

from ecgedge.chips import Built, Core, build, build_library, run
from firmware_sim.errors import EcgedgeError
from tests.tools import EMULATED, cores

Program = Callable[..., Built]
HEADER = '#include "port.h"\n'


def source(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("core", cores())
def test_the_first_error_is_the_message(core: Core, tmp_path: Path) -> None:
    broken = source(tmp_path, "broken.c", HEADER + "int main(void)\n{\n    return one + two;\n}\n")
    with pytest.raises(EcgedgeError, match=r"gcc refuses broken\.c .*broken\.c:4.*one") as caught:
        build(core, [broken], [], {}, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert "two" not in str(caught.value)


@pytest.mark.parametrize("core", cores())
def test_a_warning_is_an_error(core: Core, tmp_path: Path) -> None:
    text = HEADER + "int main(void)\n{\n    int x = 3;\n    uint8_t y = x + 1;\n    return y;\n}\n"
    with pytest.raises(EcgedgeError, match="conversion"):
        build(core, [source(tmp_path, "narrow.c", text)], [], {}, tmp_path / "out")


@pytest.mark.parametrize("core", cores())
def test_a_missing_function_is_named(core: Core, tmp_path: Path) -> None:
    text = HEADER + "int elsewhere(void);\nint main(void)\n{\n    return elsewhere();\n}\n"
    with pytest.raises(EcgedgeError, match=r"gcc refuses the program \(.*elsewhere"):
        build(core, [source(tmp_path, "lonely.c", text)], [], {}, tmp_path / "out")


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_what_does_not_fit_is_refused(core: Core, tmp_path: Path) -> None:
    text = HEADER + "static volatile uint8_t big[66000u];\n"
    text += "int main(void)\n{\n    return big[(uint16_t)7] + big[9];\n}\n"
    if core.ram_bytes is not None and core.ram_bytes >= 65536:
        text = text.replace("66000u", "66000u * 2u")
    with pytest.raises(EcgedgeError, match="refuses"):
        build(core, [source(tmp_path, "big.c", text)], [], {}, tmp_path / "out")


@pytest.mark.parametrize("core", cores())
def test_a_failed_build_leaves_no_old_program(core: Core, tmp_path: Path) -> None:
    good = source(tmp_path, "a.c", HEADER + "int main(void)\n{\n    return 1;\n}\n")
    built = build(core, [good], [], {}, tmp_path / "out")
    assert built.elf.is_file()
    source(tmp_path, "a.c", "this is no C\n")
    with pytest.raises(EcgedgeError):
        build(core, [good], [], {}, tmp_path / "out")
    assert not built.elf.exists()


@pytest.mark.parametrize("core", cores())
def test_sources_headers_and_defines_come_together(core: Core, tmp_path: Path) -> None:
    main = HEADER + '#include "part.h"\nint main(void)\n{\n    return part() + ADDED;\n}\n'
    sources = [
        source(tmp_path, "part.c", main),
        source(
            tmp_path, "other/part.c", '#include "part.h"\nint part(void)\n{\n    return 5;\n}\n'
        ),
    ]
    source(tmp_path, "headers/part.h", "int part(void);\n")
    defines = {"ADDED": 37, "UNUSED": None}
    built = build(core, sources, [tmp_path / "headers"], defines, tmp_path / "out")
    assert run(built, b"").status == 42
    assert len({path.name for path in built.objects.values()}) == 2


@pytest.mark.parametrize("core", cores("avr"))
def test_a_build_may_choose_its_optimization(core: Core, program: Program) -> None:
    plain, small = (
        program(core, "stack", DEEP=100, optimize="-O0"),
        program(core, "stack", DEEP=100, optimize="-Os"),
    )
    assert small.sizes.flash < plain.sizes.flash


@pytest.mark.parametrize("core", cores("host"))
def test_a_library_is_always_the_new_one(core: Core, tmp_path: Path) -> None:
    for answer in (1, 2):
        text = "int answer(void);\nint answer(void)\n{\n    return ANSWER;\n}\n"
        files = [source(tmp_path, "answer.c", text)]
        library = build_library(core, files, [], {"ANSWER": answer}, tmp_path / "out")
        assert ctypes.CDLL(str(library)).answer() == answer


@pytest.mark.parametrize("core", cores("host"))
def test_a_sanitizer_can_be_asked_for(core: Core, tmp_path: Path) -> None:
    text = HEADER + "int main(void)\n{\n    uint8_t n = 40u;\n    (void)port_read(&n, 1u);\n"
    text += "    return (1 << n) != 0;\n}\n"
    flags = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    built = build(core, [source(tmp_path, "u.c", text)], [], {}, tmp_path / "out", flags=flags)
    assert run(built, b"\x05").status == 1
    with pytest.raises(EcgedgeError, match="shift exponent 40"):
        run(built, b"")
