"""Calibrate a detector on images that it has not learnt from: its error rates become a promise."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from src import InputError
from src.cli import Verb
from src.data import folders
from src.detector import bundle, calibration, load
from src.detector.calibration import MAX_FALSE_FAKE, MAX_FALSE_REAL, Calibration
from src.detector.card import CARD_FILE, read_card
from src.evaluate import judge
from src.files import write_text

ALL = "all"


def calibrate(
    data_dirs: Sequence[str | Path],
    model: str | Path = bundle.DEFAULT,
    *,
    split: str = "validation",
    max_false_fake: float = MAX_FALSE_FAKE,
    max_false_real: float = MAX_FALSE_REAL,
    batch_size: int = 32,
    seed: int = 0,
    overwrite: bool = False,
) -> Calibration:
    """Find a detector's temperature and thresholds and write them into its card.

    Args:
        data_dirs: folders with images that the detector has not learnt from.
        model: the bundle, whose card is changed.
        split: `train`, `validation` or `test`, or `all` of the images. The validation images of the
            training set itself chose the epoch, and so make the promise a little too good.
        max_false_fake: share of real faces that may be called fake.
        max_false_real: share of fakes that may be called real.
        batch_size: images at a time.
        seed: of the split where the folders have none, and of the image that counts in a group.
        overwrite: replace an earlier calibration.

    Raises:
        InputError: no bundle, one that is calibrated already, no usable layout, or a class without
            an image that can be judged.
        CheckFailed: more than 5 % of the images cannot be read.
    """
    card = read_card(Path(model))
    if card.calibration is not None and not overwrite:
        raise InputError(f"{model} is calibrated already: give --overwrite to replace that")
    samples = [s for s in folders.scan(data_dirs, seed=seed) if split in (ALL, s.split)]
    detector = load(model)
    faces = "off" if card.framing is None else "largest"
    samples, predictions, _ = judge(detector, samples, batch_size, faces)
    judged = [
        (sample, prediction.logit)
        for sample, prediction in zip(samples, predictions, strict=True)
        if faces == "off" or prediction.faces
    ]
    known = [sample for sample, _ in judged]
    labels = np.array([sample.label for sample in known], int)
    if len(set(labels.tolist())) < 2:
        raise InputError(
            f"calibrating needs real and fake images with a face: found {np.sum(labels == 0)} real "
            f"and {np.sum(labels == 1)} fake in the split {split!r}"
        )
    found = calibration.calibrate(
        np.array([logit for _, logit in judged]),
        labels,
        [sample.source for sample in known],
        [sample.group for sample in known],
        max_false_fake=max_false_fake,
        max_false_real=max_false_real,
        seed=seed,
    )
    changed = dataclasses.replace(card, calibration=found.to_dict())
    write_text(Path(model) / CARD_FILE, changed.to_json())
    return found


_RATE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command(cls=Verb)
@click.option("--data-dir", "data_dirs", multiple=True, required=True, help="Images; repeatable.")
@click.option("--model", type=click.Path(path_type=Path), default=bundle.DEFAULT, help="Bundle.")
@click.option("--split", type=click.Choice([*folders.SPLITS, ALL]), default="validation")
@click.option("--max-false-fake", type=_RATE, default=MAX_FALSE_FAKE, help="Of real faces.")
@click.option("--max-false-real", type=_RATE, default=MAX_FALSE_REAL, help="Of fakes.")
@click.option("--batch-size", type=click.IntRange(1), default=32)
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--json", "as_json", is_flag=True, help="Print what goes into the card.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier calibration.")
def command(
    data_dirs: tuple[str, ...],
    model: Path,
    split: str,
    max_false_fake: float,
    max_false_real: float,
    batch_size: int,
    seed: int,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Make a detector's error rates a promise, on images that it has not learnt from."""
    found = calibrate(
        data_dirs,
        model,
        split=split,
        max_false_fake=max_false_fake,
        max_false_real=max_false_real,
        batch_size=batch_size,
        seed=seed,
        overwrite=overwrite,
    )
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        return
    click.echo(found.false_fake.sentence("real faces", "fake"))
    click.echo(found.false_real.sentence("fakes", "real"))
    for promise in (found.false_fake, found.false_real):
        for source, count in promise.too_small.items():
            click.echo(f"too few to promise anything for {source}: {count}")
    click.echo(
        f"temperature {found.temperature:.3g}; fake above a calibrated logit of "
        f"{found.t_fake:.3g}, real below {found.t_real:.3g}"
    )
    click.echo(f"written into {model / CARD_FILE}")


if __name__ == "__main__":
    command()
