"""Measure a detector on test images: every number with its interval, every promise checked."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from src import CheckFailed
from src.auditing import facts
from src.auditing.facts import Facts
from src.cli import Verb
from src.data import dataset, folders
from src.detector import load, locate, verdict
from src.detector.card import CARD_FILE, read_card
from src.detector.detector import Detector
from src.detector.engines.choice import AUTO, CHOICES
from src.detector.exports import PRECISIONS
from src.detector.framing import FACES
from src.detector.location import MODEL_HELP
from src.detector.prediction import Seen
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
from src.evaluation.judged import judge
from src.evaluation.promise import Divided, Kept
from src.evaluation.results import Evaluation, Result
from src.files import refuse_existing, write_table, write_text
from src.progress import bar
from src.report import plots

# Images of each class for what takes many looks at each.
ATTACKED, EXPLAINED = 50, 100
# Images of a kind that a person looks at.
SHOWN = 12
FILES = ("metrics.json", "predictions.csv", "report.html", "dashboard.png")
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
        data_dirs: folders with the images; each is a data set with a result of its own. One class
            may be missing from a set, not from all.
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
    whole = results.measure("all", judged, detector, known, faces)
    kept, divided = _promises(detector, whole)
    found = Evaluation(
        card=detector.card,
        engine=(detector.engine.name, detector.engine.precision),
        split=split,
        whole=whole,
        sets=_by_set(data_dirs, whole, detector, known, faces),
        kept=kept,
        divided=divided,
        parts=mistakes.parts(judged, known),
        shown={
            title: sight.show(detector, judged, indices, faces)
            for title, indices in mistakes.worth_a_look(judged, SHOWN).items()
        },
        history=_history(folder),
    )
    if quick:
        return found
    rows = robustness.corrupted(judged, detector, faces, batch_size, seed)
    return _looked_into(replace(found, robustness=rows), data_dirs, detector, faces, seed)


def _by_set(
    data_dirs: Sequence[str | Path], whole: Result, detector: Detector, known: Facts, faces: str
) -> list[Result]:
    """Return a result a data folder; that of a single one is the whole."""
    names = _names(data_dirs)
    if len(names) == 1:
        return [replace(whole, name=names[0])]
    found = []
    for name, folder in zip(names, data_dirs, strict=True):
        here = [sample.path.is_relative_to(folder) for sample in whole.judged.samples]
        if any(here):
            part = whole.judged.where(here)
            failures = [f for f in whole.judged.failures if Path(f.path).is_relative_to(folder)]
            part = replace(part, failures=failures)
            found.append(results.measure(name, part, detector, known.where(here), faces))
    return found


def _names(data_dirs: Sequence[str | Path]) -> list[str]:
    """Name the data folders by their last part, or as they were given where that is not unique."""
    last = [Path(folder).resolve().name for folder in data_dirs]
    return [
        name if last.count(name) == 1 else str(folder)
        for name, folder in zip(last, data_dirs, strict=True)
    ]


def _promises(
    detector: Detector, whole: Result
) -> tuple[dict[str, Kept | None], dict[str, Divided]]:
    found, judged = detector.calibration, whole.judged
    with_face = judged.where([verdict.NO_FACE not in p.reasons for p in judged.predictions])
    asked = (found.false_fake.asked, found.false_real.asked) if found else promise.ASKED
    rates = whole.verdicts.false_fake, whole.verdicts.false_real
    return promise.kept(found, rates) if found else {}, promise.divide(with_face, *asked)


def _looked_into(
    found: Evaluation,
    data_dirs: Sequence[str | Path],
    detector: Detector,
    faces: str,
    seed: int,
) -> Evaluation:
    """Add what takes many looks at an image: attacks, heatmaps, features; of a seeded sample."""
    judged = found.whole.judged
    chosen = judged.draw(EXPLAINED, seed)
    samples, labels = [judged.samples[i] for i in chosen], judged.labels[chosen]
    seen = sight.see(detector, [str(sample.path) for sample in samples], faces)
    images = np.stack([one.inputs[0] for one in seen])
    known = truth.find(data_dirs, samples)
    masks = [_mask(known.get(sample.path), one) for sample, one in zip(samples, seen, strict=True)]
    some = np.concatenate([np.flatnonzero(labels == label)[:ATTACKED] for label in (0, 1)])
    groups = [samples[i].group for i in some]
    points = mistakes.project(detector.features(images))
    return replace(
        found,
        attacks=robustness.attacked(detector, images[some], labels[some], groups, seed),
        explanations=explanations.measure(detector, images, masks, seed=seed),
        features=mistakes.Features(points, labels, mistakes.is_wrong(judged)[chosen]),
    )


def _mask(known: Truth | None, seen: Seen) -> np.ndarray | None:
    mask = None if known is None else known.mask()
    return None if mask is None else seen.views[0].cut(mask)


def _history(model: Path) -> list[dict[str, Any]]:
    """Read the training curves of a bundle; empty where it has lost them."""
    path = model / "history.csv"
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: cell if name == "phase" else float(cell) for name, cell in row.items()}
            for row in csv.DictReader(file)
        ]


def write(found: Evaluation, output: Path) -> None:
    """Write `metrics.json`, `predictions.csv`, figures and `report.html` into a folder."""
    drawn = figures.draw(found)
    with bar("Drawing", len(drawn)) as advance:
        for name, figure in drawn.items():
            plots.save(figure, output / f"{name}.png")
            advance()
    contents = {name: (output / f"{name}.png").read_bytes() for name in drawn}
    write_table(output / "predictions.csv", list(_rows(found)), COLUMNS)
    write_text(output / "metrics.json", json.dumps(found.to_dict(), indent=2) + "\n")
    write_text(output / "report.html", report.render(found, contents))


def _rows(found: Evaluation) -> Iterator[dict[str, Any]]:
    judged = found.whole.judged
    for sample, said in zip(judged.samples, judged.predictions, strict=True):
        values = (
            sample.path,
            sample.label,
            said.p_fake,
            said.logit,
            said.verdict,
            " ".join(said.reasons),
            sample.source,
            sample.group,
            said.unfamiliarity,
        )
        yield dict(zip(COLUMNS, values, strict=True))


def update_card(found: Evaluation, model: Path) -> None:
    """Write the main results into the card of the bundle, under the name of their split."""
    measured, said = found.metrics, found.whole.verdicts
    summary = {
        "sets": [result.name for result in found.sets],
        "images": measured.images,
        "auc": asdict(measured.auc),
        "accuracy": asdict(measured.accuracy),
        "verdicts": said.to_dict(),
    }
    card = read_card(model)
    changed = replace(card, metrics=card.metrics | {found.split: summary})
    write_text(model / CARD_FILE, changed.to_json())


@click.command(cls=Verb)
@click.option("--data-dir", "data_dirs", multiple=True, required=True, help="Images; repeatable.")
@click.option("--model", help=MODEL_HELP)
@click.option("--output", type=click.Path(path_type=Path), default=Path("figures/evaluation"))
@click.option("--split", type=click.Choice(folders.SPLITS), default="test")
@click.option("--batch-size", type=click.IntRange(1), default=32)
@click.option("--limit-per-class", type=click.IntRange(1), help="Images a class.")
@click.option("--fraction", type=click.FloatRange(0, 1, min_open=True), help="Share of images.")
@click.option("--faces", type=click.Choice(FACES), default="auto", help="Which are judged.")
@click.option("--engine", type=click.Choice(CHOICES), default=AUTO, help="What runs the network.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="[default: the fastest, not int8]")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--quick", is_flag=True, help="Without robustness, attacks and explanations.")
@click.option(
    "--require",
    "required",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Exit with 1 unless met, such as auc=0.95 or false_fake=0.02; repeatable.",
)
@click.option("--update-card", "into_card", is_flag=True, help="Add the results to the card.")
@click.option("--json", "as_json", is_flag=True, help="Print metrics.json.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier evaluation.")
def command(
    data_dirs: tuple[str, ...],
    model: str | None,
    output: Path,
    required: tuple[str, ...],
    into_card: bool,
    as_json: bool,
    overwrite: bool,
    **options: Any,
) -> None:
    """Measure a detector on test images: numbers, figures and a report that stands alone.

    Several --data-dir give one report with a row each.
    """
    for name in FILES:
        refuse_existing(output / name, overwrite)
    goals = [requirements.parse(text) for text in required]
    folder = locate(model, changing=into_card)
    found = evaluate(data_dirs, folder, **options)
    write(found, output)
    if into_card:
        update_card(found, folder)
    if as_json:
        click.echo((output / "metrics.json").read_text(encoding="utf-8"), nl=False)
    else:
        _tell(found, output)
    failures = [failure for goal in goals if (failure := goal.failure(found.to_dict()))]
    if failures:
        raise CheckFailed("; ".join(failures))


def _tell(found: Evaluation, output: Path) -> None:
    whole = found.whole
    measured, said = found.metrics, whole.verdicts
    click.echo(f"{measured.real} real and {measured.fake} fake images, split {found.split}")
    click.echo(f"accuracy at p_fake 0.5 {measured.accuracy}")
    for text, share in {
        "without a verdict": said.inconclusive,
        "real faces called fake": said.false_fake,
        "fakes called real": said.false_real,
    }.items():
        click.echo(f"{text} {share}")
    if whole.baseline:
        click.echo(f"AUC of a baseline that sees six simple statistics {whole.baseline.auc}")
    if whole.equalized:
        click.echo(f"AUC on images re-encoded alike, as in training {whole.equalized.auc}")
    for result in found.sets if len(found.sets) > 1 else ():
        click.echo(f"{result.name}: AUC {result.metrics.auc if result.metrics else 'one class'}")
    click.echo(f"{found.split} AUC {measured.auc}")
    click.echo(f"written to {output}")


if __name__ == "__main__":
    command()
