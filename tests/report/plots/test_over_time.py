import numpy as np

from src.report import plots
from src.report.plots import Line
from src.report.plots.over_time import MOST
from tests.report.plots.drawn import labelled, texts, texts_fit, title, written

ROW = {"loss": 0.5, "auc": 0.7, "val_loss": 0.6}


def history(*phases):
    return [
        ROW | {"epoch": n, "phase": phase, "val_auc": 0.6 + 0.1 * (n == 2)}
        for n, phase in enumerate(phases, 1)
    ]


def test_curves_mark_the_phases_and_the_epoch_that_was_kept(tmp_path):
    figure = plots.training_curves(history("warm-up", "warm-up", "fine-tune"))
    assert [axes.get_xlabel() for axes in figure.axes] == ["Epoch", "Epoch"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["Loss (nats)", "AUC"]
    for axes in figure.axes:
        assert [text.get_text() for text in axes.texts] == ["fine-tune"]
        kept = next(line for line in axes.lines if line.get_label() == "kept")
        assert list(kept.get_xdata()) == [2]
    assert texts_fit(figure)
    written(figure, tmp_path / "curves.png")


def test_curves_of_a_single_epoch(tmp_path):
    figure = plots.training_curves(history("scratch"))
    written(figure, tmp_path / "curves.png")
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]


def line(number=1, times=(0.0, 0.5, 1.0), word="fake", stretches=(), p_fake=0.9):
    stretches = stretches or [(times[0], times[-1])]
    named = f"person {number}: {word}"
    return Line(named, word, p_fake, times, [0.9] * len(times), stretches, [(0.5, 1.0)])


def test_each_person_has_a_row_with_its_verdict(tmp_path):
    figure = plots.timeline([line(1), line(2, word="real", p_fake=0.2)], 10.0)
    assert [title(axes) for axes in figure.axes] == [
        "person 1: fake; shaded: half of what speaks for fake",
        "person 2: real; shaded: half of what speaks for real",
    ]
    assert labelled(figure.axes[-1])
    assert figure.axes[0].get_xlim() == (0, 10)
    assert texts_fit(figure)
    written(figure, tmp_path / "a.png")


def test_the_line_breaks_where_the_person_was_away():
    figure = plots.timeline([line(times=(0, 0.5, 4.0, 4.5), stretches=[(0, 0.5), (4.0, 4.5)])], 5.0)
    drawn = [one for one in figure.axes[0].lines if one.get_marker() == "o"]
    assert [np.asarray(one.get_xdata()).tolist() for one in drawn] == [[0, 0.5], [4.0, 4.5]]


def test_a_film_of_one_frame_is_shown_on_a_second():
    figure = plots.timeline([Line("person 1: real", "real", 0.4, [0.0], [0.4], [(0.0, 0.0)])], 0.0)
    assert figure.axes[0].get_xlim() == (0, 1)
    assert title(figure.axes[0]) == "person 1: real"
    assert texts_fit(figure)


def test_of_many_persons_the_longest_seen_are_shown():
    many = [line(n, times=np.arange(1 + n % 12) / 2) for n in range(1, 15)]
    figure = plots.timeline(many, 10.0)
    assert len(figure.axes) == MOST
    assert "of 14 persons" in figure.get_supxlabel()
    assert texts_fit(figure)


def test_without_a_person_it_says_so(tmp_path):
    figure = plots.timeline([], 0.2)
    assert texts(figure.axes[0]) == ["no face was found"]
    written(figure, tmp_path / "a.png")
