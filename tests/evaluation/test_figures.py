"""What the dashboard says first: the key numbers, and what harms the detector the most."""

from dataclasses import replace

import answers
import numpy as np

from src.evaluation import figures
from src.evaluation.mistakes import Part
from src.evaluation.promise import Kept
from src.evaluation.results import Evaluation, Result
from src.evaluation.robustness import UNCHANGED, Row
from src.intervals import Estimate, share
from src.report import metrics, uncertainty, verdicts
from tests.report.plots.drawn import line, title

AUC = Estimate(0.9652, 0.95, 0.98)


def said(real, fake):
    """Count verdicts out of those of each class."""
    labels = np.repeat([0, 1], [sum(real.values()), sum(fake.values())])
    words = [
        word for counts in (real, fake) for word, count in counts.items() for _ in range(count)
    ]
    return verdicts.count(labels, words)


def kept(rate, promised):
    return Kept(promised, promised, rate, rate.low > promised)


def test_headlines_set_what_happened_against_what_was_promised():
    counts = said(
        {"fake": 30, "inconclusive": 20, "real": 250}, {"fake": 240, "inconclusive": 45, "real": 15}
    )
    promises = {
        "false_fake": kept(counts.false_fake, 0.01),
        "false_real": kept(counts.false_real, 0.05),
    }
    auc, alarms, misses, unsure = figures.headlines(AUC, counts, promises)
    assert auc == ("0.965", "AUC\n[0.950, 0.980]", False)
    assert alarms == ("10.0%", "reals called fake (30 of 300)\npromised: at most 1.0%", True)
    assert misses == ("5.0%", "fakes called real (15 of 300)\npromised: at most 5.0%", False)
    assert unsure == ("10.8%", "inconclusive (65 of 600)", False)


def test_a_promise_is_not_broken_by_chance():
    counts = said({"fake": 4, "real": 296}, {"fake": 1})
    promise = {"false_fake": kept(share(4, 300), 0.01)}
    assert figures.headlines(AUC, counts, promise)[1] == (
        "1.3%",
        "reals called fake (4 of 300)\npromised: at most 1.0%",
        False,
    )
    assert figures.headlines(AUC, counts, {})[1][1] == "reals called fake (4 of 300)"


def test_the_worst_changes_come_first_and_no_change_is_none():
    counts = said({"fake": 1, "real": 9}, {"fake": 10})
    rows = [
        Row(name, 20, Estimate(auc, 0, 1), 0.9, counts, ())
        for name, auc in {
            UNCHANGED: 0.1,
            **{f"change {n}": 0.9 - 0.04 * n for n in range(9)},
        }.items()
    ]
    shown = figures.worst(rows)
    assert shown["rows"] == [f"change {n}" for n in (8, 7, 6, 5, 4, 3)]
    assert shown["title"] == "Worst of 9 changes"
    np.testing.assert_allclose(shown["values"][0], [0.58, 0.1, 0.0])
    assert figures.worst(rows[:1]) is None


def test_the_dashboard_shows_calibrated_probabilities_after_temperature(make_card):
    labels = np.arange(300) % 2
    judged = answers.judged(labels, np.random.default_rng(0).normal(4.0 * labels - 2, 2))
    raw, tempered = judged.p_fake, 1 / (1 + np.exp(-judged.logits / 4))
    said = [replace(one, p_fake=p) for one, p in zip(judged.predictions, tempered, strict=True)]
    judged = replace(judged, predictions=said)
    result = Result(
        "all",
        judged,
        verdicts.count(labels, judged.words),
        metrics=metrics.measure(labels, tempered),
        untempered=metrics.measure(labels, raw),
        uncertainty=uncertainty.measure(labels, tempered),
    )
    parts = [Part("source", "set", share(30, 300))]
    found = Evaluation(make_card(), ("keras", "float32"), "test", result, [result], parts=parts)
    dashboard = figures.draw(found)["dashboard"]
    (axes,) = [axes for axes in dashboard.axes if "Calibration error" in title(axes)]
    before, after = (line(axes, name)[:, 0] for name in ("before temperature", "after"))
    assert 0 < before.min() < 0.05 < after.min() < after.max() < 0.95 < before.max() < 1
    assert f"AUC {result.metrics.auc}" in " ".join(title(axes) for axes in dashboard.axes)
