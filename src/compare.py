"""Compare two detectors on the same images: what changed, and is it more than chance?"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from src import options
from src.cli import Verb
from src.data import dataset, folders
from src.detector import load
from src.detector.prediction import Prediction
from src.evaluation import mistakes
from src.evaluation.judged import judge
from src.files import refuse_existing, write_table, write_text
from src.report import comparison
from src.report.comparison import Difference, Disagreement

FILES = ("comparison.json", "changed.csv")
COLUMNS = ("path", "label", "before", "after", "p_fake_before", "p_fake_after")


@dataclass(frozen=True)
class Comparison:
    """Two detectors on the same images."""

    images: int
    independent: int  # one image of each class of a group; `auc` and `answers` are about these
    auc: Difference  # the areas under their ROC curves
    answers: Disagreement  # on which images only one is right, at p_fake = 0.5
    changed: list[dict[str, Any]]  # a row an image whose verdict differs: `COLUMNS`

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain types for JSON."""
        return {
            "images": self.images,
            "independent": self.independent,
            "auc": asdict(self.auc) | {"difference": self.auc.difference},
            "answers": asdict(self.answers),
            "changed_verdicts": len(self.changed),
            "lost": sum(map(_lost, self.changed)),
        }


def compare(
    first: str | Path,
    second: str | Path,
    data_dirs: Sequence[str | Path],
    *,
    split: str = "test",
    batch_size: int = 32,
    seed: int = 0,
    limit_per_class: int | None = None,
    fraction: float | None = None,
) -> Comparison:
    """Judge the images of one split by two detectors.

    Args:
        first: a bundle, such as the release that people use; see `location.locate`.
        second: another bundle, such as the next release.
        data_dirs: folders with the images.
        split: `train`, `validation` or `test`.
        batch_size: images at a time.
        seed: of the split where the folders have none, and of the image that counts in a group.
        limit_per_class: at most so many images a class.
        fraction: share of the images used.

    Raises:
        InputError: no bundle, no usable layout, or a class with fewer than two groups of images.
        CheckFailed: more than 5 % of the images cannot be read.
    """
    samples = dataset.find(
        data_dirs, (split,), seed=seed, limit_per_class=limit_per_class, fraction=fraction
    )
    detectors = load(first), load(second)
    one, two = (judge(detector, samples, batch_size, seed=seed) for detector in detectors)
    labels, some = one.labels, one.independent
    changed = [
        _row(int(label), before, after)
        for label, before, after in zip(labels, one.predictions, two.predictions, strict=True)
        if before.verdict != after.verdict
    ]
    return Comparison(
        images=len(labels),
        independent=len(some),
        auc=comparison.delong(labels[some], one.p_fake[some], two.p_fake[some]),
        answers=comparison.mcnemar(~mistakes.is_wrong(one)[some], ~mistakes.is_wrong(two)[some]),
        changed=sorted(changed, key=lambda row: (not _lost(row), row["path"])),
    )


def _row(label: int, before: Prediction, after: Prediction) -> dict[str, Any]:
    return {
        "path": before.path,
        "label": folders.CLASSES[label],
        "before": before.verdict,
        "after": after.verdict,
        "p_fake_before": before.p_fake,
        "p_fake_after": after.p_fake,
    }


def _lost(row: dict[str, Any]) -> bool:
    """Tell whether an image was judged rightly before and is not any more."""
    return row["before"] == row["label"]


def write(compared: Comparison, output: Path) -> None:
    """Write `comparison.json` and `changed.csv` into a folder."""
    write_text(output / "comparison.json", json.dumps(compared.to_dict(), indent=2) + "\n")
    write_table(output / "changed.csv", compared.changed, COLUMNS)


@click.command(cls=Verb)
@click.argument("first")
@click.argument("second")
@options.data_dirs
@click.option("--output", type=options.FOLDER, default=Path("figures/comparison"))
@options.tested
@options.seed
@options.as_json("Print comparison.json.")
@options.overwrite("Replace an earlier comparison.")
def command(output: Path, as_json: bool, overwrite: bool, **chosen: Any) -> None:
    """Compare two bundles on the same images, with a ledger of every verdict that changed.

    FIRST and SECOND are folders, or hf://OWNER/NAME.
    """
    for name in FILES:
        refuse_existing(output / name, overwrite)
    compared = compare(**chosen)
    write(compared, output)
    text = json.dumps(compared.to_dict(), indent=2)
    click.echo(text if as_json else "\n".join(_lines(compared, chosen["split"], output)))


def _lines(compared: Comparison, split: str, output: Path) -> Iterator[str]:
    auc, answers = compared.auc, compared.answers
    yield f"{compared.images} images, split {split}"
    if compared.independent < compared.images:
        yield f"of these, one of each class of a group is compared: {compared.independent}"
    yield f"AUC {auc.first:.3f} and {auc.second:.3f}"
    yield (
        f"difference {auc.difference:+.3f} [{auc.low:+.3f}, {auc.high:+.3f}], "
        f"p = {auc.p_value:.2g} (DeLong)"
    )
    yield (
        f"only the first is right on {answers.only_first}, only the second on "
        f"{answers.only_second} images, p = {answers.p_value:.2g} (McNemar)"
    )
    lost = sum(map(_lost, compared.changed))
    yield f"{len(compared.changed)} verdicts changed, {lost} of them were right before"
    yield f"written to {output}"


if __name__ == "__main__":
    command()
