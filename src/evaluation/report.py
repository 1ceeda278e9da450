"""An evaluation as a page: what came out, what stands behind it, what it does not tell."""

from collections.abc import Iterator, Mapping

from src.evaluation import about_answers, about_trials
from src.evaluation.about_answers import Pictures, mark
from src.evaluation.results import Evaluation
from src.report import page
from src.report.page import Picture, Section


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
        about_answers.sets(found),
        about_answers.verdicts(found, pictures),
        about_answers.promises(found),
        about_answers.ranking(found, pictures),
        about_answers.calibration(found, pictures),
        about_answers.uncertainty(found, pictures),
        about_answers.prevalence(found, pictures),
        about_trials.mistakes(found, pictures),
        *about_trials.robustness(found, pictures),
        *about_trials.explanations(found, pictures),
        *_training(found, pictures),
        _limits(),
    ]
    return page.render(f"Evaluation of {found.card.name}", lead(found), sections)


def lead(found: Evaluation) -> str:
    """Say in two sentences what came out."""
    whole = found.whole
    said = (
        f"On {found.metrics.real} real and {found.metrics.fake} fake images of the {found.split} "
        f"split the AUC is {found.metrics.auc}."
    )
    if found.card.calibration is None:
        return f"{said} The detector is not calibrated: it promises no error rate."
    silent = whole.verdicts.inconclusive
    result = {
        "bad": "broken on these images",
        "warning": "not broken on these images as they are, but after some changes of them",
        "good": "not broken on these images",
    }[mark(found)]
    return (
        f"{said} It gives no verdict on {silent.value if silent else 0:.1%}; its promised error "
        f"rates are {result}."
    )


def _training(found: Evaluation, pictures: Pictures) -> Iterator[Section]:
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
