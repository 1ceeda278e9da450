"""Images beside what was said of them: nothing gets out of step, nothing unreadable is lost."""

import shutil

import answers
import numpy as np
import pytest

from src import CheckFailed
from src.data import folders
from src.evaluation.judged import judge


def test_answers_stand_beside_what_the_images_are(detector, test_set):
    samples = folders.scan([test_set])
    found = judge(detector, samples, batch_size=4)
    assert found.samples == samples and not found.failures
    assert found.paths == [str(sample.path) for sample in samples]
    assert found.labels.tolist() == ["fake" in sample.path.parts for sample in samples]
    assert (found.labels.sum(), len(found.labels)) == (9, 21)
    for number in (0, 8, 20):
        alone = detector.predict(samples[number].path)
        assert found.logits[number] == pytest.approx(alone.logit, abs=1e-4)
        assert found.p_fake[number] == pytest.approx(alone.p_fake, abs=1e-5)
        assert found.words[number] == alone.verdict


def test_an_unreadable_file_leaves_the_others_in_step(detector, test_set, tmp_path, caplog):
    root = shutil.copytree(test_set, tmp_path / "data")
    (root / "test/real/03.png").write_text("no image")
    samples = folders.scan([root])
    found = judge(detector, samples, batch_size=4)
    assert [failure.path for failure in found.failures] == [str(root / "test/real/03.png")]
    assert found.samples == [s for s in samples if s.path.name != "03.png" or s.label]
    assert [prediction.path for prediction in found.predictions] == found.paths
    assert "03.png" in caplog.text


def test_too_much_that_cannot_be_read_is_no_evaluation(detector, test_set, tmp_path):
    root = shutil.copytree(test_set, tmp_path / "data")
    for name in ("03.png", "04.png"):
        (root / "test/real" / name).write_text("no image")
    with pytest.raises(CheckFailed, match="2 of 21"):
        judge(detector, folders.scan([root]))


def test_a_part_keeps_what_belongs_together():
    whole = answers.judged([0, 0, 1, 1], [-1.0, 2.0, 3.0, -4.0], groups=list("aabc"), seed=7)
    part = whole.where(whole.labels == 1)
    assert (part.labels.tolist(), part.logits.tolist()) == ([1, 1], [3.0, -4.0])
    assert (part.groups, part.words, part.seed) == (["b", "c"], ["fake", "real"], 7)
    assert whole.has_both_classes() and not part.has_both_classes()


def test_nothing_is_still_something_to_count():
    nothing = answers.judged([0, 1], [0.0, 0.0]).where([False, False])
    assert nothing.labels.dtype == int and nothing.p_fake.shape == (0,)
    assert not nothing.has_both_classes() and not len(nothing.independent)


def frames(seed=0):
    """Return 10 real and 6 fake videos of 5 frames, and one image of each class in one group."""
    labels = np.append(np.repeat([0, 1], [50, 30]), [0, 1])
    groups = [*(f"video {i // 5}" for i in range(80)), "pair", "pair"]
    return answers.judged(labels, np.zeros(82), groups=groups, seed=seed)


def test_one_image_of_each_class_of_each_group_is_independent():
    found = frames()
    kept = [(found.groups[i], found.labels[i]) for i in found.independent]
    assert len(kept) == len(set(kept)) == 18
    assert frames(seed=1).independent.tolist() != found.independent.tolist()


@pytest.mark.parametrize(("per_class", "wanted"), [(4, [4, 4]), (100, [11, 7])])
def test_a_drawn_sample_has_its_size_and_one_image_a_group(per_class, wanted):
    found = frames(seed=3)
    drawn = found.draw(per_class)
    assert np.bincount(found.labels[drawn]).tolist() == wanted
    assert set(drawn) <= set(found.independent)
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    assert drawn.tolist() == frames(seed=3).draw(per_class).tolist()


def test_another_seed_draws_another_sample():
    assert len({tuple(frames(seed).draw(3)) for seed in range(10)}) > 5
