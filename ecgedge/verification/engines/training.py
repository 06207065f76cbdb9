"""The forward pass that trains the student, with its roundings, as an engine."""

from ecgedge.verification.engines import Engine, EngineUnavailable
from export.bundle import Bundle


def training_engine(bundle: Bundle) -> Engine:
    """Make the training engine of a bundle's program.

    Raises
    ------
    EngineUnavailable
        When torch is not installed.
    """
    try:
        from ecgedge.training.engine import engine
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise EngineUnavailable(
            "torch is not installed; pip install 'ecgedge[train]' brings it."
        ) from None
    return engine(bundle.program)
