"""The deepest stack that a function can need, from its instructions and the compiler's figures.

The compiler writes what each C function takes (``.su`` files beside the objects, with the return
address on AVR); what a library function takes is at most all that it pushes. The deepest path
through the calls of the linked program is the answer: an upper bound that no input exceeds.
A jump to another function at the end of a C function comes after its own stack was given back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgedge.chips.build import Built
from ecgedge.chips.functions import Function, read_functions
from firmware_sim.errors import EcgedgeError


@dataclass(frozen=True)
class WorstStack:
    """The deepest stack.

    Attributes
    ----------
    bytes : int
        From the call of the entry on, with what that call pushes, and with the interrupts.
    path : tuple of (str, int)
        The functions on the deepest path from the entry, each with its own bytes.
    """

    bytes: int
    path: tuple[tuple[str, int], ...]


def read_frames(files: Iterable[Path]) -> dict[str, int]:
    """Return what C functions take, in bytes, from the compiler's ``.su`` files.

    Functions of one name in several files count as the largest of them.

    Raises
    ------
    EcgedgeError
        When a file is missing, or a function takes an amount that depends on its input.
    """
    frames: dict[str, int] = {}
    for file in files:
        if not file.is_file():
            raise EcgedgeError(f"{file} is missing; build again.")
        for line in file.read_text().splitlines():
            place, size, kind = line.split("\t")
            name = place.split(":")[-1]
            if kind == "dynamic":
                raise EcgedgeError(
                    f"the stack of {name} depends on its input; give its arrays a fixed size."
                )
            frames[name] = max(frames.get(name, 0), int(size))
    return frames


class _Search:
    """The deepest path from each function, found once."""

    def __init__(
        self, functions: Mapping[str, Function], frames: Mapping[str, int], call_bytes: int
    ) -> None:
        self.functions = functions
        self.frames = frames
        self.call_bytes = call_bytes
        self.known: dict[str, WorstStack] = {}
        self.open: list[str] = []

    def compiled(self, name: str) -> int | None:
        """What the compiler says; a copy made for one caller (``name.part.0``) is as its origin."""
        return self.frames.get(name, self.frames.get(name.split(".")[0]))

    def own(self, name: str) -> int:
        """What a function takes itself, in bytes, with the return address that a call pushes."""
        compiled, function = self.compiled(name), self.functions[name]
        if compiled is not None:
            return compiled
        if function.moves_stack is not None:
            raise EcgedgeError(
                f"the stack of {name} is not known ({function.moves_stack}); write it in C."
            )
        return function.pushed + self.call_bytes

    def worst(self, name: str) -> WorstStack:
        """Return the deepest path from a function."""
        if name in self.open:
            circle = " -> ".join([*self.open[self.open.index(name) :], name])
            raise EcgedgeError(f"the stack has no bound: {circle}; write it without recursion.")
        if name not in self.known:
            self.open.append(name)
            self.known[name] = self._worst(name)
            self.open.pop()
        return self.known[name]

    def _worst(self, name: str) -> WorstStack:
        function, own = self.functions[name], self.own(name)
        if function.indirect is not None:
            raise EcgedgeError(
                f"{name} calls through a pointer ({function.indirect}); call functions by name."
            )
        found = [WorstStack(own, ((name, own),))]
        for callee in sorted(function.calls | function.jumps):
            below = self.worst(callee)
            gave_back = callee not in function.calls and self.compiled(name) is not None
            kept = 0 if gave_back else own
            found.append(WorstStack(kept + below.bytes, ((name, kept), *below.path)))
        return max(found, key=lambda stack: stack.bytes)


def worst_stack(built: Built, entry: str, *, interrupts: Sequence[str] = ()) -> WorstStack:
    """Find the deepest stack from a function.

    Parameters
    ----------
    built : Built
    entry : str
        Such as ``main``.
    interrupts : sequence of str
        Handlers that may run on top. All of them at once on a Cortex-M, where they nest; the
        deepest one on AVR, where they do not.

    Raises
    ------
    EcgedgeError
        When there is no such function, or the stack has no bound that can be read: recursion, a
        call through a pointer, an array whose size depends on the input.
    """
    core = built.core
    functions = read_functions(core, built.elf)
    objects = [*built.objects.values(), *built.port]
    frames = read_frames(file.with_suffix(".su") for file in objects)
    search = _Search(functions, frames, core.call_bytes)
    for name in (entry, *interrupts):
        if name not in functions:
            raise EcgedgeError(f"the program has no function {name}; it may have been inlined.")
    main = search.worst(entry)
    return_address = core.interrupt_bytes - core.call_bytes
    above = [search.worst(name).bytes + return_address for name in interrupts]
    on_top = max(above, default=0) if core.call_bytes else sum(above)
    return WorstStack(main.bytes + on_top, main.path)
