"""`deepfake`: lists the verbs and loads one only when it is called."""

import errno
import importlib
import io
import logging
import sys
from typing import Any

import click

from src import CheckFailed, InputError, __version__

VERBS = {
    "audit": "Audit a data set before anything is learnt from it.",
    "train": "Train a detector in two phases.",
    "calibrate": "Make a detector's error rates a promise.",
    "evaluate": "Measure a detector on a test split.",
    "compare": "Compare two detectors on the same images.",
    "export": "Write a detector for other runtimes, each file checked.",
    "predict": "Judge files and folders.",
    "explain": "Say in words why, every sentence with what it rests on.",
    "gradcam": "Draw where in an image the verdict comes from.",
    "video": "Judge the persons in a video over time.",
    "faces": "Crop a set of images or videos to faces.",
    "forge": "Make fakes with masks out of real faces alone.",
    "serve": "Judge images over HTTP, with a web page.",
}

# What a command was called with, under this name in the context's `meta`.
ARGUMENTS = "src.arguments"
# What writing fails with, whatever is written, where a disk or somebody's share of it is full.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Verb(click.Command):
    """A command whose option names take `_` for `-`, and whose errors are one line on stderr."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        settings = {
            "token_normalize_func": lambda name: name.replace("_", "-"),
            "show_default": True,
        }
        kwargs["context_settings"] = settings | kwargs.get("context_settings", {})
        super().__init__(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        log_to_stderr()
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # File names that are not UTF-8 pass through as the bytes that they are.
                stream.reconfigure(errors="surrogateescape")
        try:
            return super().invoke(ctx)
        except (InputError, CheckFailed) as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2 if isinstance(error, InputError) else 1)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            where = f": {error.filename}" if error.filename else ""
            click.echo(f"Error: {error.strerror}{where}; make room and call it again", err=True)
            ctx.exit(1)


def log_to_stderr() -> None:
    """Let a person read what the verbs and the service log, a line each."""
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    for name in ("src", "app", "__main__"):  # `python -m src.train` is the last
        logging.getLogger(name).setLevel(logging.INFO)


class Verbs(click.Group):
    """The group that knows its verbs by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        home = "app" if cmd_name == "serve" else "src"
        return importlib.import_module(f"{home}.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs)
@click.version_option(__version__)
def main() -> None:
    """Train a deepfake face detector, check it, and read its verdicts."""


if __name__ == "__main__":
    main()
