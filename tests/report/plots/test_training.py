from src.report import plots
from tests.report.plots.drawn import texts_fit, written

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
