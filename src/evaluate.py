"""Measure a detector on test images: every number with its interval, every promise checked."""

import csv
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from src import CheckFailed, InputError, options
from src.auditing import facts
from src.auditing.facts import Facts
from src.cli import Verb
from src.data import dataset, pixels
from src.data.folders import Sample, source_names
from src.detector import load, locate
from src.detector.card import CARD_FILE, read_card
from src.detector.detector import Detector
from src.detector.engines.choice import AUTO
from src.detector.prediction import Prediction, Seen
from src.evaluation import (
    figures,
    mistakes,
    promise,
    report,
    requirements,
    results,
    robustness,
    sight,
)
from src.evaluation.heatmaps import explanations, truth
from src.evaluation.heatmaps.truth import Truth
from src.evaluation.judged import Judged, judge
from src.evaluation.results import Evaluation, Result
from src.files import refuse_existing, write_table, write_text
from src.progress import bar
from src.report import plots

log = logging.getLogger(__name__)

# Images of each class for what takes many looks at each.
ATTACKED, EXPLAINED = 50, 100
# Images of a kind that a person looks at.
SHOWN = 12
# What is drawn of the training, a number an epoch.
CURVES = ("epoch", "loss", "auc", "val_loss", "val_auc")
FILES = (
    *("metrics.json", "predictions.csv", "report.html"),
    *(f"{name}.png" for name in figures.NAMES),
)
COLUMNS = (
    *("path", "label", "p_fake", "logit", "verdict", "reasons", "source", "group"),
    "unfamiliarity",
)


def evaluate(
    data_dirs: Sequence[str | Path],
    model: str | Path | None = None,
    *,
    split: str = "test",
    batch_size: int = 32,
    seed: int = 0,
    limit_per_class: int | None = None,
    fraction: float | None = None,
    faces: str = "auto",
    engine: str = AUTO,
    precision: str | None = None,
    quick: bool = False,
) -> Evaluation:
    """Judge the images of one split, and measure everything there is to know of the answers.

    Args:
        data_dirs: folders with the images; each is a data set with a result of its own, if it has
            images of the split. One class may be missing from a set, not from all.
        model: the bundle; see `location.locate`, also for what None takes.
        split: `train`, `validation` or `test`.
        batch_size: images at a time.
        seed: of the split where the folders have none, of the bootstrap and of every choice.
        limit_per_class: at most so many images a class.
        fraction: share of the images used.
        faces: which faces are judged, one of `framing.FACES`; an image counts by its `p_fake`.
        engine: what runs the network, one of `choice.CHOICES`; attacks need Keras whatever it is.
        precision: one of `exports.PRECISIONS`; None takes the fastest, but never int8.
        quick: leave out robustness, attacks and explanations.

    Raises:
        InputError: no bundle, no usable layout, or a class without images.
        CheckFailed: more than 5 % of the images cannot be read.
    """
    samples = dataset.find(
        data_dirs, (split,), seed=seed, limit_per_class=limit_per_class, fraction=fraction
    )
    folder = locate(model)
    detector = load(folder, engine, precision)
    judged = judge(detector, samples, batch_size, faces, seed=seed)
    known = facts.measure([s.path for s in judged.samples], title="Measuring the images")
    again = results.equalized(judged, detector, faces, batch_size)
    whole = results.measure("all", judged, detector, known, again)
    calibration = detector.calibration
    found = Evaluation(
        card=detector.card,
        engine=(detector.engine.name, detector.engine.precision),
        split=split,
        whole=whole,
        sets=_by_set(data_dirs, whole, detector, known, again),
        calibration=calibration,
        kept=promise.kept(calibration, promise.realised(judged)),
        divided=promise.divide(judged, *promise.asked(calibration)),
        parts=mistakes.parts(judged, known),
        shown={
            title: sight.show(detector, judged, indices, faces)
            for title, indices in mistakes.worth_a_look(judged, SHOWN).items()
        },
        history=_history(folder),
    )
    if quick:
        return found
    rows = robustness.corrupted(judged, detector, faces, batch_size)
    return replace(found, robustness=rows, **_looked_into(judged, data_dirs, detector, faces))


def _by_set(
    data_dirs: Sequence[str | Path],
    whole: Result,
    detector: Detector,
    known: Facts,
    again: np.ndarray | None,
) -> list[Result]:
    """Return a result a data folder; that of a single one is the whole."""
    roots = [Path(folder) for folder in data_dirs]
    names = source_names(roots)
    if len(names) == 1:
        return [replace(whole, name=names[0])]

    def owner(path: Path) -> Path:
        # The innermost: one data folder may lie in another.
        around = [root for root in roots if path.is_relative_to(root)]
        return max(around, key=lambda root: len(root.parts))

    found = []
    for name, root in zip(names, roots, strict=True):
        here = [owner(sample.path) == root for sample in whole.judged.samples]
        if not any(here):
            log.warning("%s: has no row, because it has no readable image of the split", root)
            continue
        part = whole.judged.where(here)
        failures = [f for f in whole.judged.failures if owner(Path(f.path)) == root]
        part = replace(part, failures=failures)
        alike = None if again is None else again[here]
        found.append(results.measure(name, part, detector, known.where(here), alike))
    return found


def _looked_into(
    judged: Judged, data_dirs: Sequence[str | Path], detector: Detector, faces: str
) -> dict[str, Any]:
    """Measure what takes many looks at an image: attacks, heatmaps, features; of some images."""
    seed, chosen = judged.seed, judged.draw(EXPLAINED)
    samples, labels = [judged.samples[i] for i in chosen], judged.labels[chosen]
    seen = sight.see(detector, [str(sample.path) for sample in samples], faces)
    images = np.stack([one.inputs[0] for one in seen])
    known = truth.find(data_dirs, samples)
    masks = [_mask(known.get(sample.path), one) for sample, one in zip(samples, seen, strict=True)]
    some = np.concatenate([np.flatnonzero(labels == label)[:ATTACKED] for label in (0, 1)])
    groups = [samples[i].group for i in some]
    points = mistakes.project(detector.hidden_units(images))
    return {
        "attacks": robustness.attacked(detector, images[some], labels[some], groups, seed),
        "explanations": explanations.measure(detector, images, masks, seed=seed),
        "features": mistakes.Features(points, labels, mistakes.is_wrong(judged)[chosen]),
    }


def _mask(known: Truth | None, seen: Seen) -> np.ndarray | None:
    try:
        mask = None if known is None else known.mask()
    except pixels.ImageError as error:
        # One file less costs little; the judging before it took hours.
        log.warning("it is not known where a fake was changed: %s", error)
        return None
    return None if mask is None else seen.views[0].cut(mask)


def _history(model: Path) -> list[dict[str, Any]]:
    """Read the training curves of a bundle; empty where it has lost them."""
    path = model / "history.csv"
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                {"phase": row["phase"]} | {name: float(row[name]) for name in CURVES}
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        log.warning("%s: no training curves can be read from it (%r)", path, error)
        return []


def write(found: Evaluation, output: Path) -> None:
    """Write `metrics.json`, `predictions.csv`, figures and `report.html` into a folder.

    No figure of an earlier evaluation stays beside the new numbers.
    """
    drawn = figures.draw(found)
    for name in figures.NAMES:
        if name not in drawn:
            (output / f"{name}.png").unlink(missing_ok=True)
    with bar("Drawing", len(drawn)) as advance:
        for name, figure in drawn.items():
            plots.save(figure, output / f"{name}.png")
            advance()
    contents = {name: (output / f"{name}.png").read_bytes() for name in drawn}
    judged = found.whole.judged
    rows = list(map(_row, judged.samples, judged.predictions))
    write_table(output / "predictions.csv", rows, COLUMNS)
    write_text(output / "metrics.json", json.dumps(found.to_dict(), indent=2) + "\n")
    write_text(output / "report.html", report.render(found, contents))


def _row(sample: Sample, said: Prediction) -> dict[str, Any]:
    known = vars(sample) | vars(said) | {"reasons": " ".join(said.reasons)}
    return {name: known[name] for name in COLUMNS}


def update_card(found: Evaluation, model: Path) -> None:
    """Write the main results into the card of the bundle, under the name of their split."""
    measured, said = found.metrics, found.whole.verdicts
    summary = {
        "sets": [result.name for result in found.sets],
        "images": measured.images,
        "auc": asdict(measured.auc),
        "accuracy": asdict(measured.accuracy),
        "verdicts": asdict(said),
        "engine": found.engine[0],
        "precision": found.engine[1],
    }
    card = read_card(model)
    changed = replace(card, metrics=card.metrics | {found.split: summary})
    write_text(model / CARD_FILE, changed.to_json())


@click.command(cls=Verb)
@options.data_dirs
@options.model
@click.option("--output", type=options.FOLDER, default=Path("figures/evaluation"))
@options.tested
@options.judging
@options.seed
@click.option("--quick", is_flag=True, help="Without robustness, attacks and explanations.")
@click.option(
    "--require",
    "required",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Exit with 1 unless met, such as auc=0.95 or false_fake=0.02; repeatable.",
)
@click.option("--update-card", "into_card", is_flag=True, help="Add the results to the card.")
@options.as_json("Print metrics.json.")
@options.overwrite("Replace an earlier evaluation.")
def command(
    model: str | None, output: Path, required: tuple[str, ...], into_card: bool, as_json: bool,
    overwrite: bool, **chosen: Any,
) -> None:  # fmt: skip
    """Measure a detector on test images: numbers, figures and a report that stands alone.

    Several --data-dir give one report with a row each.
    """
    if into_card and chosen["faces"] != "auto":
        raise InputError("--update-card: the card tells of what people get, which is --faces auto")
    if into_card and chosen["split"] != "test":
        # That of the others chose the epoch, and would be lost.
        raise InputError("--update-card: the card tells of results on the test split: --split test")
    for name in FILES:
        refuse_existing(output / name, overwrite)
    goals = [requirements.parse(text) for text in required]
    folder = locate(model, changing=into_card)
    found = evaluate(model=folder, **chosen)
    write(found, output)
    if into_card:
        update_card(found, folder)
    numbers = found.to_dict()
    click.echo(json.dumps(numbers, indent=2) if as_json else "\n".join(_lines(found, output)))
    failures = [failure for goal in goals if (failure := goal.failure(numbers))]
    if failures:
        raise CheckFailed("; ".join(failures))


def _lines(found: Evaluation, output: Path) -> Iterator[str]:
    whole = found.whole
    measured, said = found.metrics, whole.verdicts
    yield f"{measured.real} real and {measured.fake} fake images, split {found.split}"
    yield f"accuracy at p_fake 0.5 {measured.accuracy}"
    yield f"without a verdict {said.inconclusive}"
    yield f"real faces called fake {said.false_fake}"
    yield f"fakes called real {said.false_real}"
    if whole.baseline:
        yield f"AUC of a baseline that sees six simple statistics {whole.baseline.auc}"
    if whole.equalized:
        yield f"AUC on images re-encoded alike, as in training {whole.equalized.auc}"
    for result in found.sets if len(found.sets) > 1 else ():
        yield f"{result.name}: AUC {result.metrics.auc if result.metrics else 'one class'}"
    yield f"{found.split} AUC {measured.auc}"
    yield f"written to {output}"


if __name__ == "__main__":
    command()
