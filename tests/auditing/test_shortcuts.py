"""The small models that look for shortcuts, on facts that are made up."""

import numpy as np

from src.auditing import shortcuts


def test_a_class_that_one_group_holds_is_judged_however_many_the_others_are(monkeypatch):
    """Of that many images some whole groups would be chosen, and this one not be among them."""
    monkeypatch.setattr(shortcuts, "MAX_IMAGES", 60)
    labels = np.repeat([1, 0], [100, 12])
    groups = [*(f"{number:03}" for number in range(100)), *["050 film"] * 12]
    statistics = np.zeros((112, 6), np.float32)
    statistics[:, 2] = labels
    found = shortcuts.in_content(statistics, labels, groups, groups)
    assert found.strongest == "brightness" and found.auc.value == 1
