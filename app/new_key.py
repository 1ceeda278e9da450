"""Make an API key.

    python -m app.new_key NAME >> keys.txt

shows the key once, on stderr, and writes down its hash alone.
"""

from __future__ import annotations

import hashlib
import re
import secrets

import click

from src import InputError
from src.cli import Verb


@click.command(cls=Verb)
@click.argument("name")
def command(name: str) -> None:
    """Make an API key: the key on stderr, the line for the key file on stdout."""
    # A line that begins with # is a comment of the key file.
    if not re.fullmatch(r"[^\s:#][^\s:]*", name):
        raise InputError(f"expected a name without spaces and colons, no # first, got {name!r}")
    key = secrets.token_urlsafe(32)
    click.echo(f"The key, shown only now: {key}", err=True)
    click.echo(f"{name}:{hashlib.sha256(key.encode()).hexdigest()}")


if __name__ == "__main__":
    command()
