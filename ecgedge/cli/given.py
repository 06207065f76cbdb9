"""Which options of the running command its user gave."""

import click
from click.core import ParameterSource


def is_given(name: str) -> bool:
    """Say whether the user gave an option of the running command, be it with its default."""
    return click.get_current_context().get_parameter_source(name) != ParameterSource.DEFAULT
