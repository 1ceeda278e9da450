"""Draw where in an image the verdict comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from src import InputError
from src.cli import Verb
from src.data import pixels
from src.detector import bundle, load, verdict
from src.files import refuse_existing
from src.report import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from src.detector.detector import Detector

TARGETS = ("fake", "real", "verdict")
FIGURES = Path("figures")


@dataclass(frozen=True)
class Explanation:
    """An image with the evidence behind its verdict.

    Attributes:
        image: `(H, W, 3)` uint8 RGB, as it was read.
        p_fake: probability of *fake* in [0, 1].
        verdict: `fake`, `real` or `inconclusive`.
        evidence: `(h, w)` float32, signed; positive pushes towards fake.
        layer: the layer that it was taken from.
    """

    image: np.ndarray
    p_fake: float
    verdict: verdict.Word
    evidence: np.ndarray
    layer: str

    def target(self, wanted: str) -> str:
        """Return the class that a heatmap is for: `wanted`, or the likelier one for `verdict`."""
        if wanted != "verdict":
            return wanted
        return "fake" if self.p_fake >= 0.5 else "real"

    def heat(self, wanted: str = "verdict") -> np.ndarray:
        """Return the heatmap for a target of `TARGETS`: `(h, w)` float32 in [0, 1]."""
        signed = self.evidence if self.target(wanted) == "fake" else -self.evidence
        positive = np.maximum(signed, 0.0)
        highest = positive.max()
        return positive / highest if highest > 0 else positive


def explain(path: str | Path, detector: Detector, layer: str | None = None) -> Explanation:
    """Judge an image and find the evidence for it.

    Args:
        path: the image file.
        detector: the loaded bundle.
        layer: any layer with an (h, w, C) output; None takes the exact evidence map.

    Raises:
        InputError: the file is no image, or there is no such layer.
    """
    from src.detector import evidence

    image = pixels.read(path)
    small = pixels.resize(image, detector.card.image_size)
    scores = detector.score(small[None])
    signed = scores.evidence[0]
    if layer not in (None, detector.card.evidence_layer):
        signed = evidence.grad_cam(detector.model, small, layer)
    p_fake = float(scores.p_fake[0])
    return Explanation(
        image, p_fake, verdict.decide(p_fake).word, signed, layer or detector.card.evidence_layer
    )


def overlay(explanation: Explanation, name: str, target: str = "verdict") -> Figure:
    """Draw the heatmap over the image, with `p_fake` in the title."""
    shown = explanation.target(target)
    title = f"{name}: {explanation.verdict}, p_fake {explanation.p_fake:.3f}"
    return plots.overlay(
        explanation.image, explanation.heat(target), title, f"evidence for {shown}"
    )


@click.command(cls=Verb)
@click.argument("images", nargs=-1, required=True)
@click.option("--model", type=click.Path(path_type=Path), default=bundle.DEFAULT, help="Bundle.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="A .png for one image, else a folder.  [default: figures/NAME_gradcam.png]",
)
@click.option("--target", type=click.Choice(TARGETS), default="verdict")
@click.option("--layer", help="Any convolution, by automatic differentiation.")
@click.option("--overwrite", is_flag=True, help="Replace existing pictures.")
def command(
    images: tuple[str, ...],
    model: Path,
    output: Path | None,
    target: str,
    layer: str | None,
    overwrite: bool,
) -> None:
    """Draw where in an image the verdict comes from."""
    places = _places(images, output)
    for place in places:
        refuse_existing(place, overwrite)
    detector = load(model)
    for image, place in zip(images, places, strict=True):
        explanation = explain(image, detector, layer)
        plots.save(overlay(explanation, Path(image).name, target), place)
        click.echo(f"{explanation.verdict}  p_fake {explanation.p_fake:.3f}  {place}")


def _places(images: Sequence[str], output: Path | None) -> list[Path]:
    """Return where each picture goes."""
    if output is not None and output.suffix and not output.is_dir():
        if output.suffix.lower() != ".png" or len(images) > 1:
            raise InputError(f"--output {output}: give a .png for one image, a folder for several")
        return [output]
    places = [(output or FIGURES) / f"{Path(image).stem}_gradcam.png" for image in images]
    if len(set(places)) < len(places):
        raise InputError("two images have the same name: draw them one by one with --output")
    return places


if __name__ == "__main__":
    command()
