"""Judge the same files in Python and in the extension, and compare.

python -m app.extension.parity --model models/starter --data-dir FOLDER --limit 200
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from app.extension.browser import Browser, opened, some_pictures
from app.extension.pack import PREFERRED, pack
from src import CheckFailed, options
from src.cli import Verb
from src.data.tracks import Box, overlap
from src.detector import bundle
from src.detector.calibration import probability
from src.detector.location import locate
from src.detector.prediction import Failure

if TYPE_CHECKING:
    from src.detector.detector import Detector

# A difference of p_fake that is accepted, and the overlap that the boxes of faces must have.
LARGEST, OVERLAP = 0.02, 0.95


@dataclass(frozen=True)
class Pair:
    """What both say of one file.

    Attributes:
        path: of the file.
        p_fake: Python's, then the extension's; None where it cannot be read there.
        verdicts: likewise.
        reasons: likewise, codes.
        faces: how many, likewise.
        overlap: of the worst matching boxes, in [0, 1]; 1 without faces.
        near: Python's `p_fake` lies within `LARGEST` of a threshold.
        milliseconds: the extension's, by part.
    """

    path: str
    p_fake: tuple[float | None, float | None]
    verdicts: tuple[str | None, str | None]
    reasons: tuple[tuple[str, ...], tuple[str, ...]]
    faces: tuple[int, int]
    overlap: float
    near: bool
    milliseconds: dict[str, float]

    @property
    def difference(self) -> float:
        """How far the two are apart; 1 where only one of them can read the file."""
        one, other = self.p_fake
        if one is None or other is None:
            return 0.0 if one is other else 1.0
        return abs(one - other)

    @property
    def fault(self) -> str | None:
        """Say what is wrong, or None."""
        if self.difference > LARGEST:
            return f"p_fake differs by {self.difference:.3f}"
        if self.verdicts[0] != self.verdicts[1] and not self.near:
            return f"{self.verdicts[0]} became {self.verdicts[1]} away from the thresholds"
        if self.faces[0] != self.faces[1]:
            return f"{self.faces[0]} faces became {self.faces[1]}"
        return None if self.overlap >= OVERLAP else f"a face's boxes overlap by {self.overlap:.2f}"


@click.command(cls=Verb)
@options.model
@click.option("--data-dir", type=options.PATH, required=True, help="Of pictures.")
@click.option("--limit", type=click.IntRange(min=1), default=200)
@click.option("--precision", type=click.Choice(list(PREFERRED)), default="float16")
@options.seed
@options.as_json("Print every pair as JSON.")
def command(
    model: str | None, data_dir: Path, limit: int, precision: str, seed: int, as_json: bool
) -> None:
    """Compare the extension with Python on pictures of a folder."""
    pictures = some_pictures(data_dir, limit, seed)
    folder = locate(model)
    # int8 answers by thresholds of its own, so it is held to itself; float16 to the detector.
    same = (
        bundle.load(folder, "onnxruntime", "int8") if precision == "int8" else bundle.load(folder)
    )
    with TemporaryDirectory() as output:
        pack(folder, Path(output), precision=precision)
        with opened(Path(output) / "chromium") as browser:
            pairs = list(compare(same, browser, pictures))
    if as_json:
        click.echo(json.dumps([asdict(pair) for pair in pairs], indent=1))
    differences = np.array([pair.difference for pair in pairs])
    changed = sum(pair.verdicts[0] != pair.verdicts[1] for pair in pairs)
    others = sum(pair.reasons[0] != pair.reasons[1] for pair in pairs)
    click.echo(
        f"{len(pairs)} pictures: p_fake differs by at most {differences.max():.4f}, on average by "
        f"{differences.mean():.5f}; {changed} verdicts and {others} reasons changed",
        err=as_json,
    )
    faults = [f"{pair.path}: {pair.fault}" for pair in pairs if pair.fault]
    if faults:
        raise CheckFailed("\n".join([f"{len(faults)} pictures differ:", *faults]))


def compare(detector: Detector, browser: Browser, paths: Sequence[Path]) -> Iterator[Pair]:
    """Judge files in both, in order."""
    for said, path in zip(detector.predict_files(paths, batch_size=1), paths, strict=True):
        reply = browser.check(path.read_bytes())
        theirs: dict[str, Any] | None = reply.get("answer")
        ours = None if isinstance(said, Failure) else said
        near = False
        if ours is not None and detector.calibration is not None:
            known = detector.calibration
            at = probability(np.array([known.t_real, known.t_fake]))
            near = bool((np.abs(at - ours.p_fake) <= LARGEST).any())
        boxes = [face.box for face in ours.faces] if ours else []
        others = [tuple(face["box"]) for face in theirs["faces"]] if theirs else []
        yield Pair(
            str(path),
            (ours.p_fake if ours else None, theirs["p_fake"] if theirs else None),
            (ours.verdict if ours else None, theirs["verdict"] if theirs else None),
            (ours.reasons if ours else (), tuple(theirs["reasons"]) if theirs else ()),
            (len(boxes), len(others)),
            worst_overlap(boxes, others),
            near,
            theirs["milliseconds"] if theirs else {},
        )


def worst_overlap(boxes: Sequence[Box], others: Sequence[Box]) -> float:
    """Return the overlap of the worst pair, each box with the other's that fits it best.

    The order says nothing: two faces of one size may change places by a rounding.
    """
    best = [max((overlap(box, other) for other in others), default=0.0) for box in boxes]
    return min(best, default=1.0)


if __name__ == "__main__":
    command()
