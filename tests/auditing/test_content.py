"""The model that is kept as JSON."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from src.auditing import content
from src.intervals import auc


def made(count: int = 400):
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    values = rng.normal(0, 1, (count, 6)).astype(np.float32)
    # Fakes lie on both sides of the reals: no line separates that.
    values[:, 2] += labels * rng.choice([-3, 3], count)
    values[:, 4] = 7
    return values, labels


def test_it_learns_curves_and_survives_json():
    values, labels = made()
    model = content.fit(values, labels)
    again = content.Baseline(**json.loads(json.dumps(asdict(model))))
    assert again == model
    assert auc(labels, again.logit(values)) > 0.9
    assert model.columns[2] == "brightness"


def test_nothing_is_extrapolated():
    values, labels = made()
    model = content.fit(values, labels)
    top = values.max(axis=0, keepdims=True)
    assert model.logit(top + 1000) == pytest.approx(model.logit(top))


def test_constant_columns_say_nothing():
    values, labels = made()
    model = content.fit(np.ones_like(values), labels)
    assert (model.logit(values) == 0).all()
