"""Sections of the report on what images and answers are put through."""

from collections.abc import Iterator, Sequence

from src.data.equalize import encode
from src.evaluation.about_answers import Pictures
from src.evaluation.results import Evaluation
from src.evaluation.robustness import Row
from src.evaluation.sight import Shown
from src.report.page import Picture, Section
from src.report.verdicts import CLASSES

# Side of a small picture in pixels.
THUMBNAIL = 160


def mistakes(found: Evaluation, pictures: Pictures) -> Section:
    """Return where it is wrong, with pictures."""
    rows = {title: shown for title, shown in found.shown.items() if shown}
    said = "; ".join(f"row {number}: {title}" for number, title in enumerate(rows, start=1))
    text = (
        "Share of wrong answers at p_fake = 0.5 by what images have in common. Small pictures show "
        f"what the network saw, with its evidence for the answer that it gave; {said}."
    )
    if found.features is not None:
        text += (
            " Each point is an image; near each other are those of which the network's last hidden "
            "units say much the same (the two principal components)."
        )
    return Section(
        "Where it is wrong",
        text,
        figures=pictures("mistakes", "features"),
        pictures=[[_picture(one) for one in shown] for shown in rows.values()],
    )


def _picture(shown: Shown) -> Picture:
    said = f"{CLASSES[shown.label]}, p_fake {shown.p_fake:.3f}"
    return Picture(encode(shown.picture, THUMBNAIL), f"{said}: {shown.name}", said)


def robustness(found: Evaluation, pictures: Pictures) -> Iterator[Section]:
    """Yield what changes and attacks do to the verdicts, where they were tried."""
    if found.robustness:
        text = (
            f"{found.robustness[0].images} images were changed and judged anew, faces found again. "
            "The verdicts are by the thresholds of the bundle."
        )
        yield Section(
            "After what happens to pictures on their way", text, figures=pictures("robustness")
        )
    if found.attacks:
        text = (
            f"{found.attacks[0].images} images, changed by somebody who has the network and wants "
            "it to err (FGSM; PGD with ten steps), by at most so many levels of 255 in each pixel. "
            "No detector like this one withstands it; do not count on it against such a person. "
            f"{_worst(found.attacks)}"
        )
        yield Section("Under attack", text, figures=pictures("attacks"))


def _worst(rows: Sequence[Row]) -> str:
    worst = min(rows, key=lambda row: row.auc.value)
    return f"The worst is {worst.name}: AUC {worst.auc.value:.3f}."


def explanations(found: Evaluation, pictures: Pictures) -> Iterator[Section]:
    """Yield what the heatmaps are worth, where that was measured."""
    measured = found.explanations
    if measured is None:
        return
    checks = measured.checks()
    marks = {True: "holds", False: "fails", None: "not known"}
    rows, columns = measured.cells
    text = (
        f"On {measured.images} images; the evidence map has {rows} x {columns} cells. The sum of "
        "the map and one bias is the logit, exactly; whether the places that it marks mean "
        "something is measured here."
    )
    yield Section(
        "What the heatmaps are worth",
        text,
        "warning" if any(check.passed is False for check in checks) else "good",
        header=("check", "", "in words"),
        rows=[(check.name, marks[check.passed], check.sentence) for check in checks],
        figures=pictures("removal", "randomisation"),
    )
