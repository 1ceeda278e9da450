"""Measure a detector on a test split."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from src.auditing import facts
from src.auditing.baseline import Baseline
from src.cli import Verb
from src.data import dataset, folders
from src.data.folders import Sample
from src.detector import bundle, load, verdict
from src.detector.card import Card
from src.detector.detector import Detector, Failure, Prediction
from src.detector.framing import FACES
from src.files import refuse_existing, write_text
from src.report import metrics, plots
from src.report.metrics import Metrics

FILES = ("metrics.json", "predictions.csv", "roc.png", "confusion.png")


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        metrics: the numbers.
        labels: `(N,)` 1 for fake, 0 for real.
        predictions: one an image, in the order of the labels.
        failures: images that could not be read.
        baseline: what six content statistics reach on the same images, fitted on the detector's
            training images; None where its card holds no such model.
        equalized: the numbers on the same images re-encoded alike; None for a detector that was
            not trained on such.
    """

    metrics: Metrics
    labels: np.ndarray
    predictions: list[Prediction]
    failures: list[Failure]
    baseline: Metrics | None = None
    equalized: Metrics | None = None

    @property
    def p_fake(self) -> np.ndarray:
        """`(N,)` probability of *fake*."""
        return np.array([prediction.p_fake for prediction in self.predictions])


def evaluate(
    data_dirs: Sequence[str | Path],
    model: str | Path = bundle.DEFAULT,
    *,
    split: str = "test",
    batch_size: int = 32,
    seed: int = 0,
    limit_per_class: int | None = None,
    fraction: float | None = None,
    faces: str = "auto",
) -> Evaluation:
    """Judge the images of one split and compare with their labels.

    Args:
        data_dirs: folders with the images.
        model: the bundle.
        split: `train`, `validation` or `test`.
        batch_size: images at a time.
        seed: of the split where the folders have none, and of the bootstrap.
        limit_per_class: at most so many images a class.
        fraction: share of the images used.
        faces: which faces are judged, one of `framing.FACES`; an image counts by its `p_fake`.

    Raises:
        InputError: no bundle, no usable layout, or a class without images.
        CheckFailed: more than 5 % of the images cannot be read.
    """
    samples = [
        sample
        for sample in folders.scan(
            data_dirs, seed=seed, limit_per_class=limit_per_class, fraction=fraction
        )
        if sample.split == split
    ]
    folders.require_both_classes(samples, (split,))
    detector = load(model)
    samples, predictions, failures = judge(detector, samples, batch_size, faces)
    groups = [sample.group for sample in samples]
    p_fake = np.array([prediction.p_fake for prediction in predictions])
    known = np.array([sample.label for sample in samples])

    def measure(p_fake: np.ndarray) -> Metrics:
        return metrics.measure(known, p_fake, groups=groups, seed=seed)

    paths = [prediction.path for prediction in predictions]
    baseline = _baseline(detector.card, paths)
    equalized = _equalized(detector, paths, batch_size, faces)
    return Evaluation(
        metrics=measure(p_fake),
        labels=known,
        predictions=predictions,
        failures=failures,
        baseline=None if baseline is None else measure(baseline),
        equalized=None if equalized is None else measure(equalized),
    )


def judge(
    detector: Detector, samples: Sequence[Sample], batch_size: int, faces: str
) -> tuple[list[Sample], list[Prediction], list[Failure]]:
    """Judge listed images, with progress.

    Returns:
        The images that could be read, what was said of each, and the others.

    Raises:
        CheckFailed: more than 5 % of the images cannot be read.
    """
    from src.progress import bar

    read, predictions, failures = [], [], []
    with bar("Judging", len(samples)) as advance:
        results = detector.predict_files([s.path for s in samples], batch_size, faces)
        for sample, result in zip(samples, results, strict=True):
            advance()
            if isinstance(result, Failure):
                failures.append(result)
            else:
                read.append(sample)
                predictions.append(result)
    dataset.require_readable([failure.error for failure in failures], len(samples))
    return read, predictions, failures


def _baseline(card: Card, paths: Sequence[str]) -> np.ndarray | None:
    """Return `p_fake` of the card's baseline for images that the detector judged, `(N,)`."""
    model = card.data.get("audit", {}).get("baseline")
    if model is None:
        return None
    known = facts.measure(list(map(Path, paths)), title="Measuring the baseline")
    return 0.5 * (1 + np.tanh(0.5 * Baseline.from_dict(model).logit(known.content)))


def _equalized(
    detector: Detector, paths: Sequence[str], batch_size: int, faces: str
) -> np.ndarray | None:
    """Return `p_fake` on equalised images of a detector that was trained on such, `(N,)`."""
    if not detector.card.data.get("equalized"):
        return None
    again = detector.predict_files(paths, batch_size, faces, equalized=True)
    return np.array([result.p_fake for result in again if isinstance(result, Prediction)])


def write(evaluation: Evaluation, output: Path) -> None:
    """Write `metrics.json`, `predictions.csv`, `roc.png` and `confusion.png` into a folder."""
    measured = evaluation.metrics
    plots.save(plots.roc(evaluation.labels, evaluation.p_fake, measured.auc), output / "roc.png")
    plots.save(plots.confusion(measured.confusion), output / "confusion.png")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "p_fake", "logit"])
    for label, prediction in zip(evaluation.labels, evaluation.predictions, strict=True):
        writer.writerow([prediction.path, label, prediction.p_fake, prediction.logit])
    write_text(output / "predictions.csv", text.getvalue())
    no_face = sum(verdict.NO_FACE in one.reasons for one in evaluation.predictions)
    written = measured.to_dict() | {"unreadable": len(evaluation.failures), "no_face": no_face}
    written["baseline"] = evaluation.baseline and evaluation.baseline.to_dict()
    written["equalized"] = evaluation.equalized and evaluation.equalized.to_dict()
    write_text(output / "metrics.json", json.dumps(written, indent=2) + "\n")


@click.command(cls=Verb)
@click.option("--data-dir", "data_dirs", multiple=True, required=True, help="Images; repeatable.")
@click.option("--model", type=click.Path(path_type=Path), default=bundle.DEFAULT, help="Bundle.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("figures/evaluation"))
@click.option("--split", type=click.Choice(folders.SPLITS), default="test")
@click.option("--batch-size", type=click.IntRange(1), default=32)
@click.option("--limit-per-class", type=click.IntRange(1), help="Images a class.")
@click.option("--fraction", type=click.FloatRange(0, 1, min_open=True), help="Share of images.")
@click.option("--faces", type=click.Choice(FACES), default="auto", help="Which are judged.")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--json", "as_json", is_flag=True, help="Print metrics.json.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier evaluation.")
def command(
    data_dirs: tuple[str, ...],
    model: Path,
    output: Path,
    split: str,
    batch_size: int,
    limit_per_class: int | None,
    fraction: float | None,
    faces: str,
    seed: int,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Measure a detector on a test split: metrics.json, predictions.csv and figures."""
    for name in FILES:
        refuse_existing(output / name, overwrite)
    evaluation = evaluate(
        data_dirs,
        model,
        split=split,
        batch_size=batch_size,
        seed=seed,
        limit_per_class=limit_per_class,
        fraction=fraction,
        faces=faces,
    )
    write(evaluation, output)
    if as_json:
        click.echo((output / "metrics.json").read_text(encoding="utf-8"), nl=False)
        return
    measured = evaluation.metrics
    click.echo(f"{measured.real} real and {measured.fake} fake images, split {split}")
    click.echo(f"accuracy {measured.accuracy}")
    if evaluation.baseline:
        click.echo(f"AUC of a baseline that sees six simple statistics {evaluation.baseline.auc}")
    if evaluation.equalized:
        click.echo(f"AUC on images re-encoded alike, as in training {evaluation.equalized.auc}")
    click.echo(f"{split} AUC {measured.auc}")
    click.echo(f"written to {output}")


if __name__ == "__main__":
    command()
