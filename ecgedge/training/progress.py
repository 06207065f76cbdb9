"""Progress of training on standard error."""

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ecgedge.training.loop import Epoch


class Watch:
    """A progress bar with the numbers that matter; silent when `quiet`.

    Use it as a context, call `phase` for what follows, and `listen` after each epoch.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, quiet=quiet)
        self.bar = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=18),
            TextColumn("{task.completed}/{task.total}"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[numbers]}"),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
        )
        self._task: TaskID | None = None
        self._prefix = ""

    def __enter__(self) -> "Watch":
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, highlight=False, soft_wrap=True)

    def phase(self, name: str, epochs: int, done: int = 0) -> Callable[[Epoch], None]:
        """Begin a bar and return what listens to its epochs."""
        task = self.bar.add_task(name, total=epochs, completed=done, numbers="")

        def listen(epoch: Epoch) -> None:
            self.bar.update(task, completed=epoch.epoch, numbers=numbers_of(epoch))
            last = epoch.epoch == epoch.epochs
            if not self.console.is_terminal and (epoch.epoch % 10 == 0 or last):
                self.say(f"{name} {epoch.epoch}/{epoch.epochs}  {numbers_of(epoch)}")

        return listen


def numbers_of(epoch: Epoch) -> str:
    """Write an epoch's numbers for people: the best start now, and the best that is kept."""
    parts = [f"{name} {value:.3f}" for name, value in epoch.details.items()]
    text = f"loss {epoch.loss:.3f}  {'  '.join(parts)}  kept {epoch.best:.3f}"
    if epoch.collapsed:
        text += f"  {epoch.collapsed} of {len(epoch.scores)} starts give one class"
    return text
