"""What a person may require, and when it is met."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from src import InputError
from src.evaluation import requirements
from src.evaluation.requirements import parse
from src.report import metrics, verdicts

NAMES = (*requirements.METRICS, *requirements.VERDICTS)


@pytest.fixture(scope="module")
def measured():
    """Return `metrics.json` of a detector that is mostly right, as it is read from the file."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    p_fake = np.clip(0.5 + 0.25 * (2 * labels - 1) + rng.normal(0, 0.4, 60), 0, 1)
    words = np.select([p_fake > 0.7, p_fake < 0.4], ["fake", "real"], "inconclusive").tolist()
    numbers = asdict(metrics.measure(labels, p_fake))
    numbers["verdicts"] = asdict(verdicts.count(labels, words))
    return json.loads(json.dumps(numbers))


def value_of(measured, name):
    return (measured["verdicts"] if name in requirements.VERDICTS else measured)[name]["value"]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_can_be_required_and_its_direction_is_right(measured, name):
    value = value_of(measured, name)
    assert value > 0.01
    less, more = f"{name}={value - 0.01}", f"{name}={min(1.0, value + 0.01)}"
    # A better detector must never fail where a worse one passes.
    errors = ("error", "brier", "loss", "ece", "false", "inconclusive")
    met, missed = (more, less) if any(word in name for word in errors) else (less, more)
    assert parse(met).failure(measured) is None
    assert parse(f"{name}={value!r}").failure(measured) is None
    if value < 1:
        assert f"{name} is {value:.4f}, required is at" in parse(missed).failure(measured)


def test_the_names_that_a_person_would_look_for_are_there():
    wanted = {"auc", "accuracy", "equal_error_rate", "log_loss", "false_fake", "false_real"}
    assert wanted <= set(NAMES)
    assert not {"confusion", "table", "images", "youden_threshold"} & set(NAMES)


def test_the_sentence_says_what_was_wanted(measured):
    assert parse("auc=1").failure(measured).endswith("required is at least 1")
    assert parse("false-fake = 0").failure(measured).endswith("required is at most 0")


@pytest.mark.parametrize("name", ["accuracy_decided", "false_fake"])
def test_what_could_not_be_measured_is_not_met(name):
    silent = asdict(verdicts.count(np.ones(3, int), ["inconclusive"] * 3))
    for bound in (0, 1):
        failure = parse(f"{name}={bound}").failure({"verdicts": silent})
        assert failure.startswith(f"{name} is not known")


@pytest.mark.parametrize("text", ["speed=3", "=0.5", "", "images=10", "AUC=0.9"])
def test_an_unknown_name_is_answered_with_the_known_ones(text):
    with pytest.raises(InputError, match="expected NAME=NUMBER with one of auc, .*false_fake"):
        parse(text)


@pytest.mark.parametrize("bound", ["", "=", "=high", "=nan", "=inf", "=-inf", "=0,95", "=95%"])
def test_a_bound_is_a_number(bound):
    with pytest.raises(InputError, match="expected a number"):
        parse(f"auc{bound}")
