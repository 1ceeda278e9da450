"""An evaluation as a page: what came out, what stands behind it, what it does not tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from src.data.equalize import encode
from src.evaluation.results import Evaluation, Result
from src.evaluation.robustness import Row
from src.evaluation.sight import Shown
from src.intervals import Share
from src.report import page
from src.report.page import Picture, Section
from src.report.verdicts import CLASSES, WORDS

# Side of a small picture in pixels.
THUMBNAIL = 160
_WHO = {"false_fake": ("real faces", "fake"), "false_real": ("fakes", "real")}


def render(found: Evaluation, figures: Mapping[str, bytes]) -> str:
    """Return the page as HTML with everything inside.

    Args:
        found: what it shows.
        figures: the PNG files of `figures.draw`, by name.
    """

    def pictures(*names: str) -> list[Picture]:
        return [Picture(figures[name], "", name) for name in names if name in figures]

    sections = [
        Section("At a glance", figures=pictures("dashboard")),
        _sets(found),
        _verdicts(found, pictures),
        _promises(found),
        _ranking(found, pictures),
        _calibration(found, pictures),
        _uncertainty(found, pictures),
        _prevalence(found, pictures),
        _mistakes(found, pictures),
        *_robustness(found, pictures),
        *_explanations(found, pictures),
        *_training(found, pictures),
        _limits(),
    ]
    return page.render(f"Evaluation of {found.card.name}", lead(found), sections)


_Pictures = Callable[..., list[Picture]]


def lead(found: Evaluation) -> str:
    """Say in two sentences what came out."""
    whole = found.whole
    assert whole.metrics is not None, "an evaluation has both classes"
    said = (
        f"On {whole.metrics.real} real and {whole.metrics.fake} fake images of the {found.split} "
        f"split the AUC is {whole.metrics.auc}."
    )
    if found.card.calibration is None:
        return f"{said} The detector is not calibrated: it promises no error rate."
    silent = whole.verdicts.inconclusive
    result = {
        "bad": "broken on these images",
        "warning": "not broken on these images as they are, but after some changes of them",
        "good": "not broken on these images",
    }[_mark(found)]
    return (
        f"{said} It gives no verdict on {silent.value if silent else 0:.1%}; its promised error "
        f"rates are {result}."
    )


def _sets(found: Evaluation) -> Section:
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


def _verdicts(found: Evaluation, pictures: _Pictures) -> Section:
    said = found.whole.verdicts
    text = f"Without a verdict: {_share(said.inconclusive)}. Right among those with one: " + (
        f"{_share(said.accuracy_decided)}."
    )
    rows = [(name, *(said.table[name][word] for word in WORDS)) for name in CLASSES]
    return Section(
        "Verdicts",
        text,
        header=("images that are", *(f"called {word}" for word in WORDS)),
        rows=rows,
        figures=pictures("verdicts", "scores"),
    )


def _promises(found: Evaluation) -> Section:
    title = "The promise, checked"
    if found.card.calibration is None:
        return Section(
            title, "Nothing is promised until `deepfake calibrate` has been run.", "warning"
        )
    said = [kept.sentence(*_WHO[name]) for name, kept in found.kept.items() if kept]
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
        _mark(found),
        header=("rate", "promised", "mean ± standard error", "9 of 10 lie in", "mean kept"),
        rows=rows,
    )


def _mark(found: Evaluation) -> str:
    if any(kept.broken for kept in found.kept.values() if kept):
        return "bad"
    return "warning" if any(row.broken for row in found.robustness) else "good"


def _under_changes(rows: Sequence[Row]) -> Iterator[str]:
    """Say under which changes of the images the promises are broken."""
    for name, (who, called) in _WHO.items():
        changes = [row.name for row in rows if name in row.broken]
        if changes:
            yield f"Too many {who} are called {called} after: {', '.join(changes)}."
    if rows and not any(row.broken for row in rows):
        yield "No change of the images that was tried breaks it beyond doubt."


def _ranking(found: Evaluation, pictures: _Pictures) -> Section:
    measured = found.whole.metrics
    assert measured is not None, "an evaluation has both classes"
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


def _calibration(found: Evaluation, pictures: _Pictures) -> Section:
    after, before, unsure = found.whole.metrics, found.whole.untempered, found.whole.uncertainty
    assert after is not None, "an evaluation has both classes"
    assert unsure is not None, "an evaluation has both classes"
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
        unsure.sentence,
        header=header,
        rows=rows,
        figures=pictures("reliability"),
    )


def _uncertainty(found: Evaluation, pictures: _Pictures) -> Section:
    unsure = found.whole.uncertainty
    assert unsure is not None, "an evaluation has both classes"
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


def _prevalence(found: Evaluation, pictures: _Pictures) -> Section:
    text = (
        "How often the verdict “fake” is right depends on how many fakes there are among what is "
        "checked. The band joins the ends of both rates' intervals."
    )
    if "prevalence" not in [picture.alt for picture in pictures("prevalence")]:
        text = "Nothing was called fake, so the verdict “fake” has no predictive value here."
    return Section("What a verdict “fake” is worth", text, figures=pictures("prevalence"))


def _mistakes(found: Evaluation, pictures: _Pictures) -> Section:
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


def _robustness(found: Evaluation, pictures: _Pictures) -> Iterator[Section]:
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


def _explanations(found: Evaluation, pictures: _Pictures) -> Iterator[Section]:
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


def _training(found: Evaluation, pictures: _Pictures) -> Iterator[Section]:
    drawn = pictures("curves")
    if drawn:
        text = (
            f"{found.card.training.get('epochs', '?')} epochs; the validation AUC chose epoch "
            f"{found.card.training.get('best_epoch', '?')} and is no estimate of the error."
        )
        yield Section("How it was trained", text, figures=drawn)


def _limits() -> Section:
    return Section(
        "What this does not tell",
        "All numbers hold for pictures like these: the same sources, generators, cameras and "
        "compressions. For any other they are a guess. A verdict “real” says that nothing was "
        "found that this detector has learnt to find.",
        "warning",
    )
