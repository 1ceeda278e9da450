"""Calibrate a detector on images that it has not learnt from: its error rates become a promise."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from src import InputError, options
from src.cli import Verb
from src.data import folders
from src.data.folders import Sample
from src.data.splits import CALIBRATION, divide
from src.detector import calibration, familiarity, load, locate, resolution
from src.detector.calibration import MAX_FALSE_FAKE, MAX_FALSE_REAL, Calibration
from src.detector.card import CARD_FILE, read_card
from src.detector.detector import Detector
from src.detector.engines import KERAS
from src.evaluation import tracks
from src.evaluation.judged import judge
from src.files import write_text

ALL = "all"
SPLITS = (CALIBRATION, *folders.SPLITS, ALL)


def calibrate(
    data_dirs: Sequence[str | Path],
    model: str | Path | None = None,
    *,
    split: str = CALIBRATION,
    max_false_fake: float = MAX_FALSE_FAKE,
    max_false_real: float = MAX_FALSE_REAL,
    batch_size: int = 32,
    seed: int | None = None,
    overwrite: bool = False,
    video: bool = False,
) -> Calibration:
    """Find a detector's temperature and thresholds and write them into its card.

    Args:
        data_dirs: folders with images that the detector has not learnt from; with `video` also with
            videos.
        model: the bundle, whose card is changed; see `location.locate` for what None takes.
        split: `calibration`, the part of the validation images by which no epoch was chosen;
            `train`, `validation` or `test`, or `all` of the images.
        max_false_fake: share of real faces that may be called fake.
        max_false_real: share of fakes that may be called real.
        batch_size: images at a time.
        seed: of the split where the folders have none, of the division of the validation images,
            and of the image that counts in a group; None takes that of the training.
        overwrite: replace an earlier calibration.
        video: calibrate persons over time, see `tracks.calibrate`; it stands in the card beside
            that of stills.

    Returns:
        What was written into the card; with `video` that of persons.

    Raises:
        InputError: no bundle, one that is calibrated already, no usable layout, or a class without
            an image that can be judged.
        CheckFailed: more than 5 % of the images cannot be read.
    """
    folder = locate(model, changing=True)
    card = read_card(folder)
    known = card.tracks if video else card.calibration
    if known is not None and not overwrite:
        raise InputError(f"{folder} is calibrated already: give --overwrite to replace that")
    if seed is None:
        seed = card.seed
    rates = {"max_false_fake": max_false_fake, "max_false_real": max_false_real}
    scan = tracks.scan if video else folders.scan
    if split == CALIBRATION:
        # Of fewer images the training divided fewer, and some of the others chose its epoch.
        samples = set_apart(scan(data_dirs, seed=seed, **card.used), **rates, seed=seed)
    else:
        samples = scan(data_dirs, seed=seed)
    wanted = [sample for sample in samples if split in (ALL, sample.split)]
    detector = load(folder, KERAS)
    if video:
        persons = tracks.calibrate(wanted, detector, **rates, batch_size=batch_size, seed=seed)
        found, changed = persons.calibration, replace(card, tracks=persons.to_dict())
    else:
        found = calibrate_on(wanted, detector, **rates, batch_size=batch_size, seed=seed)
        # A file with thresholds of its own has those of the earlier promise: it is made anew.
        kept = {name: one for name, one in card.exports.items() if not one.get("calibration")}
        changed = replace(card, calibration=found.to_dict(), exports=kept)
    write_text(folder / CARD_FILE, changed.to_json())
    return found


def set_apart(
    samples: Sequence[Sample], *, max_false_fake: float, max_false_real: float, seed: int
) -> list[Sample]:
    """Divide the validation images into those that choose and those that only calibrate.

    Returns:
        The images; those that only calibrate have the split `calibration`, see `splits.divide`.
    """
    reals, fakes = calibration.needed(max_false_fake), calibration.needed(max_false_real)
    return divide(samples, reals, fakes, seed)


def calibrate_on(
    samples: Sequence[Sample],
    detector: Detector,
    *,
    max_false_fake: float,
    max_false_real: float,
    batch_size: int,
    seed: int,
) -> Calibration:
    """Find temperature, thresholds and the smallest face on listed images.

    Args:
        samples: the images; those with a face count.
        detector: which judges them, of which it has learnt nothing.
        max_false_fake: share of real faces that may be called fake, in (0, 1).
        max_false_real: share of fakes that may be called real, in (0, 1).
        batch_size: images at a time.
        seed: of the image that counts in a group, and of the choice for the smallest face.

    Raises:
        InputError: a class without an image that can be judged.
        CheckFailed: more than 5 % of the images cannot be read.
    """
    faces = "off" if detector.card.framing is None else "largest"
    judged = judge(detector, samples, batch_size, faces, seed=seed).with_face()
    labels = judged.labels
    if not judged.has_both_classes():
        raise InputError(
            f"calibrating needs real and fake images with a face: found {np.sum(labels == 0)} real "
            f"and {np.sum(labels == 1)} fake; --split says which images are used"
        )
    found = judged.calibrate(max_false_fake, max_false_real, seed)
    distances = [judged.predictions[index].unfamiliarity for index in judged.independent]
    found = replace(found, unfamiliar=familiarity.limit(distances))
    paths = [sample.path for sample in judged.samples]
    return resolution.learn_smallest(detector, found, paths, labels, faces, seed)


def sentences(found: Calibration) -> list[str]:
    """Say what a calibration promises, for people."""
    said = found.promises()
    for promise in (found.false_fake, found.false_real):
        for source, count in promise.too_small.items():
            said.append(f"too few to promise anything for {source}: {count}")
    least = ""
    if side := found.smallest_side:
        least = f"; inconclusive where what is judged has fewer than {side} pixels a side"
    said.append(
        f"temperature {found.temperature:.3g}; fake above a calibrated logit of "
        f"{found.t_fake:.3g}, real below {found.t_real:.3g}{least}"
    )
    if found.unfamiliar is not None:
        said.append(
            f"inconclusive, too, above an unfamiliarity of {found.unfamiliar.threshold:.3g}: "
            f"{found.unfamiliar.quantile:.0%} of {found.unfamiliar.images} calibration faces lie "
            "below it"
        )
    return said


RATE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command(cls=Verb)
@options.data_dirs
@options.model
@click.option("--split", type=click.Choice(SPLITS), default=CALIBRATION)
@click.option("--max-false-fake", type=RATE, default=MAX_FALSE_FAKE, help="Of real faces.")
@click.option("--max-false-real", type=RATE, default=MAX_FALSE_REAL, help="Of fakes.")
@options.batch_size
@click.option("--seed", type=click.IntRange(0), help="[default: that of the training]")
@click.option("--video", is_flag=True, help="Persons over time: videos, or frames of videos.")
@options.as_json("Print what goes into the card.")
@options.overwrite("Replace an earlier calibration.")
def command(model: str | None, video: bool, as_json: bool, **chosen: Any) -> None:
    """Make a detector's error rates a promise, on images that it has not learnt from."""
    folder = locate(model, changing=True)
    found = calibrate(model=folder, video=video, **chosen)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        return
    if video:
        click.echo("Of persons over time, one a video, each of whom counts as one face:")
    for sentence in sentences(found):
        click.echo(sentence)
    click.echo(f"written into {folder / CARD_FILE}")
    if read_card(folder).exports and not video:
        click.echo(
            "The files for other runtimes still have the earlier temperature in their p_fake: "
            f"`deepfake export --model {folder}` makes them anew"
        )


if __name__ == "__main__":
    command()
