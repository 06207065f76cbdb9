"""The large network that students learn from."""

import torch
from torch import Tensor, nn

ONE = 128.0
WIDTHS = (32, 64, 128, 256)


class BasicBlock(nn.Module):
    """Two 3-tap convolutions with a shortcut (He et al. 2016, in one dimension)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm1d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv1d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm1d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv1d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm1d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, n) to (batch, outputs, ceil(n / stride))."""
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet1d18(nn.Module):
    """One-dimensional ResNet-18 of quarter width.

    With two classes and no context it has 964,002 parameters. It takes beats in the units of the
    students, so that one loop trains both, and returns one start.

    Parameters
    ----------
    classes : int
    context : int
        0, 5 or 12 context values joined to the embedding before the last layer.
    """

    starts = 1

    def __init__(self, classes: int = 2, context: int = 0) -> None:
        super().__init__()
        self.context = context
        layers: list[nn.Module] = [
            nn.Conv1d(1, WIDTHS[0], 7, 2, 3, bias=False),
            nn.BatchNorm1d(WIDTHS[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool1d(3, 2, 1),
        ]
        inputs = WIDTHS[0]
        for stage, width in enumerate(WIDTHS):
            layers += [
                BasicBlock(inputs, width, 1 if stage == 0 else 2),
                BasicBlock(width, width, 1),
            ]
            inputs = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(WIDTHS[-1] + context, classes)

    @property
    def parameters_per_start(self) -> int:
        """Trainable values."""
        return sum(p.numel() for p in self.parameters())

    def forward(
        self, q: Tensor, context: Tensor | None = None, *, fixed: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Classify beats; arguments and units as for the student, `fixed` has no meaning here.

        Returns
        -------
        logits : Tensor (1, batch, classes)
        embedding : Tensor (1, batch, 256)
        """
        embedding = self.body((q / ONE).unsqueeze(1)).mean(-1)
        features = embedding
        if self.context:
            assert context is not None, "this teacher needs the context of each beat"
            features = torch.cat([embedding, context[:, : self.context] / ONE], dim=1)
        return self.head(features).unsqueeze(0), embedding.unsqueeze(0)
