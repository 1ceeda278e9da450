"""Export a detector for other runtimes; no file is accepted that does not answer as Keras does."""

import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from src import CheckFailed, InputError, install, options
from src.calibrate import calibrate_on, set_apart
from src.cli import Verb
from src.data.splits import CALIBRATION
from src.detector import load, locate
from src.detector.calibration import Calibration
from src.detector.card import CARD_FILE, Card, read_card
from src.detector.detector import Detector
from src.detector.engines import BATCH, reference, runtimes
from src.detector.exports import FORMATS, VARIANTS, Export, Variant
from src.exporting import agreement, graphs, sample
from src.exporting.trial import Trial
from src.files import make_folder, refuse_existing, sha256, write_text

log = logging.getLogger(__name__)

ALL = "all"
CHOICES = (*dict.fromkeys((*FORMATS, *VARIANTS)), ALL)


@dataclass(frozen=True)
class Outcome:
    """What became of one export."""

    name: str  # key of `VARIANTS`
    export: Export | None  # what the card says of it; None where it was rejected
    faults: dict[str, str]  # what is wrong, by precision; of one that was accepted, of the others
    kept: bool = False  # it was there already, and nothing was done

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
    model: str | Path | None = None,
    format: str = ALL,
    data_dirs: Sequence[str | Path] = (),
    *,
    output: Path | None = None,
    overwrite: bool = False,
    seed: int = 0,
) -> list[Outcome]:
    """Write a detector's network for other runtimes, each file checked before it is accepted.

    Args:
        model: the bundle; see `location.locate`, also for what None takes.
        format: one of `exports.FORMATS`, a key of `exports.VARIANTS` for that file alone, or `all`.
        data_dirs: images to check on, and to quantise by; see `sample.find`.
        output: another folder for the files; the card stays as it is.

    Raises:
        InputError: no bundle, a package is missing, or there are no images.
    """
    folder = locate(model, changing=output is None)
    card = read_card(folder)
    wanted = [
        name
        for name, variant in VARIANTS.items()
        if format in (ALL, variant.format, name) and (card.temporal or not variant.head)
    ]
    if not wanted:
        raise InputError(f"{folder} has no temporal head; `deepfake train --temporal lstm` adds it")
    known = {} if overwrite or output else {name: _known(folder, card, name) for name in wanted}
    outcomes = [Outcome(name, one, {}, kept=True) for name, one in known.items() if one]
    rest = [name for name in wanted if not known.get(name)]
    if "openvino-int8" in rest and find_spec("nncf") is None:
        if len(wanted) == 1:
            raise InputError(f"int8 for OpenVINO needs nncf: {install('export')}")
        log.warning("int8 for OpenVINO is left out: %s", install("export"))
        rest.remove("openvino-int8")
    if rest:
        for name in rest:
            if not VARIANTS[name].head:
                graphs.require_exporter(VARIANTS[name].format)
        outcomes += _made(folder, card, rest, data_dirs, output, seed)
    return outcomes


def _known(folder: Path, card: Card, name: str) -> Export | None:
    """Return an export that a bundle holds, with temperature and familiarity as they are now."""
    found, now = Export.of(card.exports, name), (card.temperature, card.familiarity_sha256)
    if found is None or (found.temperature, found.familiarity) != now:
        return None
    try:
        found.require_whole(folder)
    except InputError:
        return None
    return found


def _made(
    folder: Path,
    card: Card,
    names: Sequence[str],
    data_dirs: Sequence[str | Path],
    output: Path | None,
    seed: int,
) -> list[Outcome]:
    """Write, check and take up exports one by one; those of a bundle stand in its card then."""
    target = output or folder
    make_folder(target)
    detector, samples = load(folder, "keras"), sample.find(card, data_dirs)
    images = sample.read(detector, samples, "validation", sample.COMPARED, seed)
    wanted = agreement.score(detector.engine, images.pixels)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="export-", dir=target) as scratch:
        trial = Trial(detector, samples, images, wanted, seed, Path(scratch))
        for name in names:
            trial.write(name)
            made, faults = trial.check(name)
            if made is not None and "int8" in made.allowed and output is None:
                made = _calibrated(made, name, trial)
            outcomes.append(Outcome(name, made, faults))
        if output is None:
            reference.write(folder, detector.engine, card.image_size)
        # All at once, because the card names them by their hashes.
        for one in outcomes:
            if one.export is not None:
                _move(Path(scratch), target, VARIANTS[one.name])
            elif output is None and one.name in card.exports:
                for path in VARIANTS[one.name].files(folder):
                    path.unlink(missing_ok=True)
        if output is None:
            _into_card(folder, outcomes)
    return outcomes


def _move(scratch: Path, folder: Path, variant: Variant) -> None:
    """Put the files of an export in the place of an earlier one."""
    if (folder / variant.file).is_dir():
        shutil.rmtree(folder / variant.file)
    for path in variant.files(scratch):
        target = folder / path.relative_to(scratch)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)


def _calibrated(made: Export, name: str, trial: Trial) -> Export:
    """Give an int8 export a calibration of its own, on the images behind the detector's.

    Where they are not all there the card's calibration goes on, and the export says so.
    """
    known, images = trial.detector.calibration, made.images
    own = None if known is None else _own_calibration(name, known, trial)
    if known is not None and own is None:
        said = "with the card's calibration, because the images behind it were not found"
        runner = VARIANTS[name].runner
        log.warning("int8 by %s goes %s: give them with --data-dir", runner, said)
        images += f"; {said}"
    images += f"; quantised by {trial.quantising.said}"
    return replace(made, images=images, calibration=None if own is None else own.to_dict())


def _own_calibration(name: str, known: Calibration, trial: Trial) -> Calibration | None:
    """Calibrate by an export's own scores; None where the images are not all there."""
    card = trial.detector.card
    rates = {"max_false_fake": known.false_fake.asked, "max_false_real": known.false_real.asked}
    divided = set_apart(trial.samples, **rates, seed=card.seed)
    apart = [one for one in divided if one.split == CALIBRATION]
    engine = runtimes.make(VARIANTS[name], trial.scratch, "int8")
    own = Detector(card, engine, lambda: trial.detector.finder)
    try:
        found = calibrate_on(apart, own, **rates, batch_size=BATCH, seed=card.seed)
    except (InputError, CheckFailed) as error:
        log.info("no calibration of its own: %s", error)
        return None
    # The card keeps the scores of its images but no paths.
    return found if _counts(found) == _counts(known) else None


def _counts(calibration: Calibration) -> dict[str, dict[str, int]]:
    return {
        name: {source: len(values) for source, values in sources.items()}
        for name, sources in calibration.scores.items()
    }


def _into_card(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write into the card what was accepted; what was rejected is in it no longer."""
    card = read_card(folder)
    made = {one.name: one.export and asdict(one.export) for one in outcomes}
    kept = {name: known for name, known in (card.exports | made).items() if known is not None}
    name = reference.REFERENCE_FILE
    files = card.files | {name: sha256(folder / name)}
    write_text(folder / CARD_FILE, replace(card, files=files, exports=kept).to_json())


@click.command(cls=Verb)
@options.model
@click.option("--format", type=click.Choice(CHOICES), default=ALL)
@click.option("--data-dir", "data_dirs", multiple=True, help="Images to check on; repeatable.")
@click.option("--output", type=options.PATH, help="[default: into the bundle]")
@options.seed
@options.overwrite("Make anew what the bundle holds.")
def command(format: str, output: Path | None, overwrite: bool, **chosen: Any) -> None:
    """Write a detector's network for other runtimes, each file checked against Keras.

    It fails where no file of what was asked for was accepted.
    """
    if output is not None:
        refuse_existing(output, overwrite)
    outcomes = export(format=format, output=output, overwrite=overwrite, **chosen)
    if all(outcome.export is None for outcome in outcomes):
        raise CheckFailed("; ".join(outcome.sentence() for outcome in outcomes))
    for outcome in outcomes:
        click.echo(outcome.sentence())


if __name__ == "__main__":
    command()
