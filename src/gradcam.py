"""Draw where in an image the verdict comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from src import InputError, options
from src.cli import Verb
from src.data import pixels
from src.detector import load
from src.detector.prediction import Judgement
from src.detector.verdict import Word, shown
from src.files import refuse_existing
from src.report import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from src.detector.detector import Detector

TARGETS = ("fake", "real", "verdict")
FIGURES = Path("figures")


@dataclass(frozen=True)
class Heatmaps:
    """An image with the evidence behind its verdict."""

    image: np.ndarray  # `(H, W, 3)` uint8 RGB, as it was read
    judgement: Judgement  # its parts have the evidence of the layer that was asked for

    @property
    def verdict(self) -> Word:
        """`fake`, `real` or `inconclusive`."""
        return self.judgement.verdict.word

    @property
    def p_fake(self) -> float:
        """Probability of *fake* in [0, 1]; the largest of the parts."""
        return max(part.output.p_fake for part in self.judgement.parts)

    def target(self, wanted: str) -> str:
        """Return the class that a heatmap is for: `wanted`, or the likelier one for `verdict`."""
        if wanted != "verdict":
            return wanted
        return "fake" if self.p_fake >= 0.5 else "real"

    def heats(self, wanted: str = "verdict") -> list[np.ndarray]:
        """Return a heatmap a part for a target of `TARGETS`: `(h, w)` float32 in [0, 1].

        All are divided by the same number, so that they can be compared.
        """
        sign = 1.0 if self.target(wanted) == "fake" else -1.0
        parts = self.judgement.parts
        positive = [np.maximum(sign * part.output.evidence, 0.0) for part in parts]
        highest = max(float(heat.max()) for heat in positive)
        return [heat / highest if highest > 0 else heat for heat in positive]


def explain(
    path: str | Path, detector: Detector, layer: str | None = None, faces: str = "auto"
) -> Heatmaps:
    """Judge an image and find the evidence for it.

    Args:
        layer: any layer with an (h, w, C) output; None takes the exact evidence map.
        faces: which faces are judged, one of `framing.FACES`.

    Raises:
        InputError: the file is no image, or there is no such layer.
    """
    from src.detector import evidence

    image = pixels.read(path)
    seen = detector.see(image, faces)
    (said,) = detector.judge([seen])
    if layer not in (None, detector.card.evidence_layer):
        maps = [evidence.grad_cam(detector.model, face, layer) for face in seen.inputs]
        parts = [
            replace(part, output=replace(part.output, evidence=map_))
            for part, map_ in zip(said.parts, maps, strict=True)
        ]
        said = replace(said, parts=tuple(parts))
    return Heatmaps(image, said)


def overlay(found: Heatmaps, name: str, target: str = "verdict") -> Figure:
    """Draw the heatmaps over the image, with `p_fake` in the title."""
    boxes = [part.view.box for part in found.judgement.parts]
    heats = list(zip(found.heats(target), boxes, strict=True))
    title = f"{name}: {found.verdict}, p_fake {shown(found.p_fake)}"
    if len(boxes) > 1:
        title += f" (the highest of {len(boxes)} faces)"
    return plots.overlay(found.image, heats, title, f"evidence for {found.target(target)}")


@click.command(cls=Verb)
@click.argument("images", nargs=-1, required=True)
@options.model
@click.option(
    "--output",
    type=options.PATH,
    help="A .png for one image, else a folder.  [default: figures/NAME_gradcam.png]",
)
@click.option("--target", type=click.Choice(TARGETS), default="verdict")
@click.option("--layer", help="Any convolution, by automatic differentiation.")
@options.judging
@options.overwrite("Replace existing pictures.")
@click.pass_context
def command(
    ctx: click.Context,
    images: tuple[str, ...],
    output: Path | None,
    target: str,
    layer: str | None,
    faces: str,
    overwrite: bool,
    **chosen: Any,
) -> None:
    """Draw where in an image the verdict comes from.

    Exit code 2 when a file could not be read; the others are drawn all the same.
    """
    places = _places(images, output)
    for place in places:
        refuse_existing(place, overwrite)
    detector = load(**chosen)
    failed = False
    for image, place in zip(images, places, strict=True):
        try:
            found = explain(image, detector, layer, faces)
        except pixels.ImageError as error:
            failed = True
            click.echo(f"Error: {error}", err=True)
            continue
        plots.save(overlay(found, Path(image).name, target), place)
        click.echo(f"{found.verdict}  p_fake {shown(found.p_fake)}  {place}")
    ctx.exit(2 if failed else 0)


def _places(images: Sequence[str], output: Path | None) -> list[Path]:
    if output is not None and output.suffix and not output.is_dir():
        if output.suffix.lower() != ".png" or len(images) > 1:
            raise InputError(f"--output {output}: give a .png for one image, a folder for several")
        return [output]
    places = [(output or FIGURES) / f"{Path(image).stem}_gradcam.png" for image in images]
    if len(set(places)) < len(places):
        twice = Counter(places).most_common(1)[0][0]
        raise InputError(f"several images belong into {twice}: draw them one by one with --output")
    return places


if __name__ == "__main__":
    command()
