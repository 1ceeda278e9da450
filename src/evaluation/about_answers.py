"""Sections of the report on the answers: how often they are right, and what is promised."""

from collections.abc import Callable, Iterator, Sequence

from src.detector import verdict
from src.detector.calibration import Calibration
from src.evaluation.results import Evaluation, Result
from src.evaluation.robustness import Row
from src.intervals import Share
from src.report.page import Picture, Section
from src.report.verdicts import CLASSES, WORDS

# Returns those figures of a list of names that were drawn.
Pictures = Callable[..., list[Picture]]
_WHO = {"false_fake": ("real faces", "fake"), "false_real": ("fakes", "real")}


def sets(found: Evaluation) -> Section:
    """Return a row a data set, with what a baseline reaches beside it."""
    header = (
        "set",
        "real",
        "fake",
        "AUC",
        "accuracy at 0.5",
        "reals called fake",
        "fakes called real",
        "inconclusive",
        "baseline AUC, transferred",
        "baseline AUC, inside",
    )
    results = found.sets if len(found.sets) == 1 else [*found.sets, found.whole]
    text = (
        "Intervals are 95 %: bootstrap by group, for shares Clopper-Pearson over one image of each "
        "group. The baseline sees six simple statistics of a picture and no face: transferred, it "
        "learnt from the detector's own training images and is what a detector must beat; inside, "
        "it learnt from the other images of the very set, and tells how easy the set is."
    )
    return Section("Data sets", text, header=header, rows=[_set_row(result) for result in results])


def _set_row(result: Result) -> tuple[object, ...]:
    measured, said = result.metrics, result.verdicts
    totals = [sum(said.table[name].values()) for name in CLASSES]
    return (
        result.name,
        *totals,
        measured.auc if measured else "one class",
        measured.accuracy if measured else "–",
        *map(_share, (said.false_fake, said.false_real, said.inconclusive)),
        result.baseline.auc if result.baseline else "–",
        result.baseline_inside or "–",
    )


def _share(share: Share | None) -> str:
    return f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]" if share else "–"


def verdicts(found: Evaluation, pictures: Pictures) -> Section:
    """Return the table of verdicts by class."""
    said = found.whole.verdicts
    text = f"Without a verdict: {_share(said.inconclusive)}. Right among those with one: " + (
        f"{_share(said.accuracy_decided)}."
    )
    for reason, counts in found.whole.reasons.items():
        text += f"\n{counts['real']} real and {counts['fake']} fake images are {reason}: "
        text += verdict.REASONS[reason]
    rows = [(name, *(said.table[name][word] for word in WORDS)) for name in CLASSES]
    return Section(
        "Verdicts",
        text,
        header=("images that are", *(f"called {word}" for word in WORDS)),
        rows=rows,
        figures=pictures("verdicts", "scores"),
    )


def promises(found: Evaluation) -> Section:
    """Return whether the promises are kept, here and over many divisions."""
    title = "The promise, checked"
    if found.card.calibration is None:
        return Section(
            title, "Nothing is promised until `deepfake calibrate` has been run.", "warning"
        )
    said = Calibration.from_dict(found.card.calibration).promises()
    said += [kept.sentence(*_WHO[name]) for name, kept in found.kept.items() if kept]
    said += _under_changes(found.robustness)
    rows = [
        (
            f"{who} called {called}",
            f"{divided.promised:.2%}",
            f"{divided.mean:.2%} ± {divided.standard_error:.2%}",
            f"{divided.low:.2%} to {divided.high:.2%}",
            "yes" if divided.kept else "no",
        )
        for name, (who, called) in _WHO.items()
        if (divided := found.divided.get(name))
    ]
    if rows:
        said.append(
            "Below, these images were divided by group into a half that calibrates and a half that "
            "is judged, two hundred times. The promise is about the mean; single sets vary."
        )
    return Section(
        title,
        "\n".join(said),
        mark(found),
        header=("rate", "promised", "mean ± standard error", "9 of 10 lie in", "mean kept"),
        rows=rows,
    )


def _under_changes(rows: Sequence[Row]) -> Iterator[str]:
    """Say under which changes of the images the promises are broken."""
    for name, (who, called) in _WHO.items():
        changes = [row.name for row in rows if name in row.broken]
        if changes:
            yield f"Too many {who} are called {called} after: {', '.join(changes)}."
    if rows and not any(row.broken for row in rows):
        yield "No change of the images that was tried breaks it beyond doubt."


def mark(found: Evaluation) -> str:
    """Return how bad it is about the promises: `bad`, `warning` or `good`."""
    if any(kept.broken for kept in found.kept.values() if kept):
        return "bad"
    return "warning" if any(row.broken for row in found.robustness) else "good"


def ranking(found: Evaluation, pictures: Pictures) -> Section:
    """Return how well scores tell the classes apart."""
    measured = found.metrics
    names = {
        "auc": "area under the ROC curve",
        "average_precision": "average precision",
        "accuracy": "accuracy",
        "balanced_accuracy": "balanced accuracy",
        "precision_fake": "precision, fake",
        "recall_fake": "recall, fake",
        "f1_fake": "F1, fake",
        "precision_real": "precision, real",
        "recall_real": "recall, real",
        "f1_real": "F1, real",
        "equal_error_rate": "equal error rate",
        "youden_index": "Youden's index",
        "youden_threshold": "p_fake that gives it",
    }
    return Section(
        "Telling real from fake",
        "Over all images. What needs a threshold has it at p_fake = 0.5.",
        header=("metric", "value [95 % bootstrap]"),
        rows=[(text, getattr(measured, name)) for name, text in names.items()],
        figures=pictures("roc", "precision_recall", "thresholds", "confusion"),
    )


def calibration(found: Evaluation, pictures: Pictures) -> Section:
    """Return how far probabilities are from shares."""
    after, before = found.metrics, found.whole.untempered
    names = {
        "ece_width": "expected calibration error, bins of equal width",
        "ece_mass": "expected calibration error, bins of equal mass",
        "brier": "Brier score",
        "log_loss": "negative log-likelihood in nats",
    }
    if before is None:
        header: tuple[str, ...] = ("lower is better", "no temperature")
        rows: list[tuple[object, ...]] = [
            (text, getattr(after, name)) for name, text in names.items()
        ]
    else:
        header = ("lower is better", "before temperature", "after")
        rows = [(text, getattr(before, name), getattr(after, name)) for name, text in names.items()]
    return Section(
        "Are the probabilities probabilities?",
        found.uncertainty.sentence,
        header=header,
        rows=rows,
        figures=pictures("reliability"),
    )


def uncertainty(found: Evaluation, pictures: Pictures) -> Section:
    """Return whether the sure answers are the right ones."""
    unsure = found.uncertainty
    means = [
        f"{value:.2f} bits" if value is not None else "none"
        for value in (unsure.entropy_right, unsure.entropy_wrong)
    ]
    text = (
        f"Entropy of right answers: {means[0]} on average; of wrong ones: {means[1]}. The area "
        f"under the risk-coverage curve is {unsure.aurc}; at best it could be "
        f"{unsure.aurc_best:.3f}, with every right answer surer than every wrong one."
    )
    return Section(
        "Does it know when it may be wrong?", text, figures=pictures("entropy", "risk_coverage")
    )


def prevalence(found: Evaluation, pictures: Pictures) -> Section:
    """Return what *fake* is worth where fakes are rare."""
    shown = pictures("prevalence")
    text = "Nothing was called fake, so the verdict “fake” has no predictive value here."
    if shown:
        text = (
            "How often the verdict “fake” is right depends on how many fakes there are among what "
            "is checked. The band joins the ends of both rates' intervals."
        )
    return Section("What a verdict “fake” is worth", text, figures=shown)
