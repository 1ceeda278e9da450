"""Draw the README's picture of the extension: its pop-up with a verdict on the drawn sample.

python -m app.extension.figure --model models/detector --output figures/extension.png
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from app.extension.browser import opened
from app.extension.pack import pack
from src import options
from src.cli import Verb
from src.detector.location import locate
from src.files import atomic_file, refuse_existing

PICTURE = Path(__file__).resolve().parents[2] / "dataset/test/fake/0003.jpg"
SIZE = {"width": 440, "height": 1100}


@click.command(cls=Verb)
@options.model
@click.option("--output", type=options.PATH, required=True, help="A PNG.")
@options.overwrite("Replace the output.")
def command(model: str | None, output: Path, overwrite: bool) -> None:
    """Judge a picture of the drawn sample in the extension's pop-up, and keep what is seen."""
    refuse_existing(output, overwrite)
    with TemporaryDirectory() as folder:
        pack(locate(model), Path(folder))
        with opened(Path(folder) / "chromium") as browser:
            window = browser.window()
            window.set_viewport_size(SIZE)
            window.set_input_files("#files", PICTURE)
            window.locator("#verdict .words").wait_for()
            with atomic_file(output) as temporary:
                window.screenshot(path=temporary, type="png")
    click.echo(output)


if __name__ == "__main__":
    command()
