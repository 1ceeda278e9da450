"""Export a detector for other runtimes; no file is accepted that does not answer as Keras does."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from src import CheckFailed, InputError
from src.cli import Verb
from src.detector import bundle, load
from src.detector.card import CARD_FILE, Card, read_card
from src.detector.detector import Detector
from src.detector.engines import Engine, choice, reference
from src.detector.engines.in_openvino import native_bfloat16
from src.detector.exports import FORMATS, VARIANTS, Export, Variant, processor, sha256
from src.exporting import agreement, graphs, others, sample
from src.exporting.sample import Images
from src.files import refuse_existing, write_text

log = logging.getLogger(__name__)

ALL = "all"


@dataclass(frozen=True)
class Outcome:
    """What became of one export.

    Attributes:
        name: key of `VARIANTS`.
        export: what the card says of it; None where it was rejected.
        faults: what is wrong, by precision; of one that was accepted, of the others.
        kept: it was there already, and nothing was done.
    """

    name: str
    export: Export | None
    faults: dict[str, str]
    kept: bool = False

    def sentence(self) -> str:
        """Say what became of an export, for people."""
        said = "; ".join(f"{precision}: {fault}" for precision, fault in self.faults.items())
        if self.export is None:
            return f"{self.name} was not accepted ({said})"
        size = f"{self.export.bytes / 1e6:.1f} MB"
        allowed = ", ".join(self.export.allowed)
        if self.kept:
            return f"{self.name} is there already, checked in {allowed} ({size}): nothing was done"
        largest = max(self.export.checks[p]["largest"] for p in self.export.allowed)
        told = f"{self.name}: {size}, p_fake differs by at most {largest:.2g} in {allowed}"
        return f"{told}; not accepted in {said}" if said else told


def export(
    model: str | Path = bundle.DEFAULT,
    format: str = ALL,
    data_dirs: Sequence[str | Path] = (),
    *,
    output: Path | None = None,
    overwrite: bool = False,
    seed: int = 0,
) -> list[Outcome]:
    """Write a detector's network for other runtimes, each file checked before it is accepted.

    Args:
        model: the bundle.
        format: one of `exports.FORMATS`, or `all`.
        data_dirs: images to check on, and to quantise by; see `sample.find`.
        output: another folder for the files; the card stays as it is.
        overwrite: make anew what the bundle holds.
        seed: of the choice of images.

    Raises:
        InputError: no bundle, a package is missing, or there are no images.
        CheckFailed: an export was not accepted, where one format was asked for.
    """
    folder = Path(model)
    card = read_card(folder)
    wanted = [name for name, variant in VARIANTS.items() if format in (ALL, variant.format)]
    done = [] if overwrite or output else [name for name in wanted if _is_there(folder, card, name)]
    outcomes = [Outcome(name, Export.of(card.exports, name), {}, kept=True) for name in done]
    rest = [name for name in wanted if name not in done]
    if rest:
        outcomes += _exported(folder, card, rest, data_dirs, output, seed)
    rejected = [one for one in outcomes if one.export is None]
    if rejected and format != ALL:
        raise CheckFailed("; ".join(one.sentence() for one in rejected))
    return outcomes


def _is_there(folder: Path, card: Card, name: str) -> bool:
    """Tell whether a bundle holds an export, with the temperature that the card has now."""
    found = Export.of(card.exports, name)
    if found is None or found.temperature != _temperature(card):
        return False
    try:
        found.require_whole(folder)
    except InputError:
        return False
    return True


def _temperature(card: Card) -> float:
    return card.calibration["temperature"] if card.calibration else 1.0


def _exported(
    folder: Path,
    card: Card,
    names: Sequence[str],
    data_dirs: Sequence[str | Path],
    output: Path | None,
    seed: int,
) -> list[Outcome]:
    detector = load(folder, "keras")
    samples = sample.find(card, data_dirs)
    images = sample.read(detector, samples, "validation", sample.COMPARED, seed)
    wanted = agreement.score(detector.engine, images.pixels)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="export-", dir=_beside(output or folder)) as scratch:
        for name in names:
            _write(detector, name, Path(scratch))
            outcome = _checked(detector, name, Path(scratch), images, wanted)
            outcomes.append(outcome)
            if outcome.export is not None:
                _move(Path(scratch), output or folder, VARIANTS[name])
    if output is None:
        reference.write(folder, detector.engine, card.image_size)
        _into_card(folder, outcomes)
    return outcomes


def _beside(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(detector: Detector, name: str, scratch: Path) -> None:
    """Write the files of one export into a folder, in which those before it lie."""
    variant = VARIANTS[name]
    if name == "onnx-float16":
        source = scratch / VARIANTS["onnx"].file
        if not source.exists():
            graphs.write(detector.model, _temperature(detector.card), source, "onnx")
        graphs.halve(source, scratch / variant.file)
        return
    path = scratch / variant.file
    graphs.write(detector.model, _temperature(detector.card), path, variant.format)


def _checked(
    detector: Detector, name: str, scratch: Path, images: Images, wanted: dict[str, np.ndarray]
) -> Outcome:
    """Run an export in each of its precisions and compare it with Keras."""
    variant = VARIANTS[name]
    checks: dict[str, dict[str, Any]] = {}
    faults: dict[str, str] = {}
    for precision in variant.precisions:
        if precision == "bfloat16" and not native_bfloat16():
            continue
        got = agreement.score(_engine(variant, scratch, precision), images.pixels)
        found = agreement.compare(wanted, got, images.labels, detector.calibration, precision)
        checks[precision] = asdict(found)
        if fault := found.fault(precision):
            faults[precision] = fault
    allowed = [precision for precision in checks if precision not in faults]
    if not allowed:
        return Outcome(name, None, faults)
    files = _files(scratch, variant)
    return Outcome(
        name,
        Export(
            files={str(path.relative_to(scratch)): sha256(path) for path in files},
            bytes=sum(path.stat().st_size for path in files),
            temperature=_temperature(detector.card),
            allowed=allowed,
            checks=checks,
            processor=processor(),
            images=images.said,
        ),
        faults,
    )


def _engine(variant: Variant, folder: Path, precision: str) -> Engine:
    if variant.format == "litert":
        return others.LiteRT(folder / variant.file, precision)
    if variant.format == "saved_model":
        return others.SavedModel(folder / variant.file, precision)
    return choice.make(variant, folder, precision)


def _files(folder: Path, variant: Variant) -> list[Path]:
    """List the files of an export, also those in its folders."""
    found = []
    for name in variant.files:
        path = folder / name
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return found


def _move(scratch: Path, folder: Path, variant: Variant) -> None:
    """Put the files of an export in the place of an earlier one."""
    for name in variant.files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            shutil.rmtree(target)
        # Copied, because another export may be made out of it.
        copy = shutil.copytree if (scratch / name).is_dir() else shutil.copyfile
        copy(scratch / name, target)


def _into_card(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write into the card what was accepted; what was rejected is in it no longer."""
    card = read_card(folder)
    made = {one.name: one.export.to_dict() if one.export else None for one in outcomes}
    exports = {name: made.get(name, known) for name, known in (card.exports | made).items()}
    kept = {name: known for name, known in exports.items() if known is not None}
    write_text(folder / CARD_FILE, replace(card, exports=kept).to_json())


@click.command(cls=Verb)
@click.option("--model", type=click.Path(path_type=Path), default=bundle.DEFAULT, help="Bundle.")
@click.option("--format", type=click.Choice([*FORMATS, ALL]), default=ALL)
@click.option("--data-dir", "data_dirs", multiple=True, help="Images to check on; repeatable.")
@click.option("--output", type=click.Path(path_type=Path), help="[default: into the bundle]")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--overwrite", is_flag=True, help="Make anew what the bundle holds.")
def command(
    model: Path,
    format: str,
    data_dirs: tuple[str, ...],
    output: Path | None,
    seed: int,
    overwrite: bool,
) -> None:
    """Write a detector's network for other runtimes, each file checked against Keras."""
    if output is not None:
        refuse_existing(output, overwrite)
    outcomes = export(model, format, data_dirs, output=output, overwrite=overwrite, seed=seed)
    for outcome in outcomes:
        click.echo(outcome.sentence())


if __name__ == "__main__":
    command()
