"""The images on which an export is held against Keras."""

from dataclasses import replace

import pytest

from src import InputError
from src.data import folders
from src.exporting import sample


@pytest.mark.parametrize("used", [{"fraction": 0.5}, {"limit_per_class": 3}, {}])
def test_of_a_training_on_some_images_the_same_are_taken(make_card, test_set, used):
    card = make_card(training={"seed": 4, **used})
    found = sample.find(card, [test_set])
    assert found == folders.scan([test_set], seed=4, **used)
    assert (len(found) < 21) == bool(used)


def test_it_says_which_folders_of_the_trainings_names_were_taken(
    make_card, test_set, monkeypatch, caplog
):
    monkeypatch.chdir(test_set.parent)
    caplog.set_level("INFO")
    found = sample.find(make_card(training={"data_dirs": [test_set.name]}), [])
    assert len(found) == 21
    assert caplog.messages == [f"exports are checked on the images of {test_set.name}"]


@pytest.mark.parametrize(
    ("splits", "said"), [(["validation", "test"], "validation"), (["train", "test"], "test, train")]
)
def test_it_says_which_splits_were_taken(detector, test_set, splits, said):
    found = folders.scan([test_set])
    divided = [replace(one, split=splits[i % 2]) for i, one in enumerate(found)]
    images = sample.read(detector, divided, "validation", 24, seed=0)
    assert f"({said})" in images.said


def test_without_any_images_it_says_what_to_give(make_card, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sample, "DRAWN_SAMPLE", tmp_path / "nowhere")
    with pytest.raises(InputError, match="give --data-dir"):
        sample.find(make_card(training={"data_dirs": ["gone"]}), [])
