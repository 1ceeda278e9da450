"""Deepfake face detector: train it, check it, trust it."""

__version__ = "0.1.0"


def install(extra: str) -> str:
    """Return the command that brings an extra's packages, where these sources lie.

    By folder and not by name: the name belongs to somebody else's package on PyPI.
    """
    return f"pip install -e '.[{extra}]'"


class InputError(Exception):
    """Something a person gave us cannot be used.

    The message says what was expected, what came and what to do. The command line prints it as
    one line and exits with code 2.
    """


class CheckFailed(Exception):
    """The input was fine but what was asked for does not hold: exit code 1."""
