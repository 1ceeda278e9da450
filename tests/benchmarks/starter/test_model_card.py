"""The model card: every number out of JSON, and what is missing said to be so."""

import re
from copy import deepcopy

import pytest

from benchmarks.starter import model_card


def estimate(value: float) -> dict:
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def share(hits: int, total: int) -> dict:
    return {"hits": hits, "total": total, "value": hits / total, "low": 0.0, "high": 0.5}


def one_set(name: str, auc: float | None, baseline: float = 0.6, **more) -> dict:
    none = auc is None
    kept = {"promised": 0.01, "bound": 0.02, "realised": share(2, 80), "broken": False}
    counts = {"fake": 2, "inconclusive": 8, "real": 70}
    return {
        "name": name,
        "images": 80 if none else 160,
        "real": 80,
        "fake": 0 if none else 80,
        "auc": None if none else estimate(auc),
        "baseline": None if none else estimate(baseline),
        "baseline_inside": None if none else estimate(0.65),
        "verdicts": {
            "false_fake": share(2, 80),
            "false_real": None if none else share(4, 80),
            "inconclusive": share(8, 80),
            "table": {"real": counts, "fake": counts},
        },
        "promises": {"false_fake": kept, "false_real": None if none else kept | {"promised": 0.05}},
        "reasons": {
            "unfamiliar": {
                "real": share(3, 80),
                "fake": None if none else share(9, 80),
                "false_fake": share(5, 80),
                "false_real": None if none else share(6, 80),
            },
            "unstable": {
                "real": share(0, 80),
                "fake": None,
                "false_fake": None,
                "false_real": None,
            },
        },
        "faces": [{"by": "width", "name": "90 to 120", "wrong": share(7, 40)}],
        **more,
    }


@pytest.fixture
def answers() -> dict:
    frame = {"name": "as in training", "framing": 0.75, "size": 256, "enlarge": True}
    left_out = {"no_face": 17, "too_small": 0}
    changed = {"name": "JPEG 70", "images": 160, "auc": estimate(0.87), "loss": estimate(0.044)}
    return {
        "detector": {
            "name": "starter",
            "created": "2031",
            "backbone": "xception",
            "parameters": 21386281,
            "image_size": 256,
            "framing": 0.75,
            "training": {"epochs": 12, "best_epoch": 11, "seconds": 36000.0, "equalize": True},
            "counts": {"train": {"real": 8150, "fake": 6150}},
            "self_blends": {"train": 8001},
            "promises": ["At most 1 % are called fake."],
            "engine": "onnxruntime, float16",
        },
        "stages": [
            {
                **{"backbone": "xception", "image_size": 96, "sources": ["gan256", "dfdc224"]},
                **{"trains": "whole network", "epochs": 12, "best_epoch": 9, "auc": 0.79},
                "seconds": 5400.0,
            }
        ],
        "limit_per_class": None,
        "sets": [
            one_set("gan256", 0.914),
            one_set("dfdc224", 0.777),
            one_set("utk200", None),
            one_set("stylegan2_unsplash300", 0.801),
        ],
        "together": [one_set("sd21_768", 0.961, frame=frame, left_out=left_out)],
        "changes": {"gan256": [changed | {"verdicts": one_set("", 0.9)["verdicts"]}]},
        "elsewhere": [one_set("drawn sample", 0.5), one_set("photographs without faces", None)],
        "failures": [
            {
                "picture": "dataset/test/fake/0007.jpg",
                "label": "fake",
                "p_fake": 0.0213,
                "verdict": "inconclusive",
                "reasons": ["unfamiliar"],
            }
        ],
    }


def row(card: str, start: str) -> list[str]:
    """Return the cells of the first row that starts like that."""
    (line, *_) = (line for line in card.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_stage_of_the_training_is_told(answers):
    card = model_card.render(answers, [], [None] * 4, [None], None)
    assert row(card, "whole network") == [
        *("whole network", "xception", "96", "gan256, dfdc224", "12", "9", "0.790", "1.5")
    ]


def test_each_set_has_its_numbers_beside_both_baselines_and_the_goal(answers):
    card = model_card.render(answers, [], [None] * 4, [None], None)
    assert row(card, "gan256 | 80 | 80") == [
        *("gan256", "80", "80", "0.914 [0.904, 0.924]", "0.90", "yes"),
        *("*0.600 [0.590, 0.610]*", "*0.650 [0.640, 0.660]*"),
    ]
    assert row(card, "dfdc224 | 80 | 80")[5] == "**no**"
    assert row(card, "sd21_768 fakes")[3:6] == ["0.961 [0.951, 0.971]", "0.95", "yes"]
    assert "17 without a face" in card
    assert row(card, "gan256 | JPEG 70")[2:5] == [
        *("0.870 [0.860, 0.880]", "0.044 [0.034, 0.054]", "0.05")
    ]
    assert row(card, "gan256 | 90 to 120")[2:] == ["40", "17.5% [0.0%, 50.0%]"]


@pytest.mark.parametrize(("baseline", "reached"), [(0.86, "yes"), (0.88, "**no**"), (0.95, "yes")])
def test_fakes_alone_must_pass_the_baseline_too_where_there_is_room(answers, baseline, reached):
    answers["together"][0]["auc"] = estimate(0.97)
    answers["together"][0]["baseline"] = estimate(baseline)
    assert row(model_card.render(answers, [], [], [], None), "sd21_768 fakes")[5] == reached


def test_promises_are_held_against_what_happened_but_not_where_nothing_was_promised(answers):
    answers["sets"][2]["promises"]["false_fake"]["broken"] = True
    card = model_card.render(answers, [], [], [], None)
    assert "- At most 1 % are called fake." in card
    assert row(card, "gan256 | 2.5%")[2:4] == ["1.0%", "yes"]
    assert row(card, "utk200 | 2.5%")[2:4] == ["1.0%", "**no**"]
    assert row(card, "utk200 | 2.5%")[4] == "–"
    assert row(card, "stylegan2_unsplash300 | 2.5%")[2:4] == ["nothing", "–"]


def test_reasons_that_were_given_are_shown_with_what_they_keep_back(answers):
    card = model_card.render(answers, [], [], [], None)
    cells = row(card, "gan256 | `unfamiliar`")
    assert cells[2] == "3.8% [0.0%, 50.0%]"
    assert re.match(r"2\.5% .* → 6\.2% ", cells[4])
    assert re.match(r"5\.0% .* → 7\.5% ", cells[5])
    assert "`unstable`" not in card
    assert "| photographs without faces | `unfamiliar` |" in card


def test_failures_are_shown_by_drawn_pictures_alone(answers):
    card = model_card.render(answers, [], [], [], None)
    assert re.findall(r"!\[.*?\]\((.*?)\)", card) == ["../../dataset/test/fake/0007.jpg"]
    assert "| fake | 0.021 | inconclusive (`unfamiliar`) |" in card


def test_what_was_not_measured_is_said_to_be_so(answers):
    card = model_card.render(answers, [], [None] * 4, [None], None)
    for part in (
        *("### The yardstick", "### A source that it has not seen", "### What was tried"),
        "## Make it yours",
    ):
        text = card.split(part)[1].split("\n#")[0]
        assert "not measured" in text, part
    assert "deepfake train --data-dir MINE" in card
    assert "quick look" not in card


def test_what_was_measured_besides_is_shown(answers):
    measured = {"auc": estimate(0.71), "baseline": estimate(0.5), "baseline_inside": estimate(0.6)}
    other = {"source": "gan256", "epochs": 6, "validation": measured, "test": measured}
    tried = {"name": "no self-blends", "fraction": 0.125, "epochs": 3, "seconds": 600.0}
    tried["validation"] = {"gan256": measured, "sd21_768": {"auc": estimate(0.97)}}
    numbers = {
        "auc": estimate(0.8),
        "accuracy": estimate(0.7),
        "verdicts": answers["sets"][0]["verdicts"],
        "promised": {
            "false_fake": {"promised": 0.03, "bound": 0.09},
            "false_real": {"promised": 0.05, "bound": 0.087},
        },
    }
    after = deepcopy(numbers) | {"auc": estimate(0.95)}
    counts = {name: {"real": 10, "fake": 11} for name in ("train", "validation", "test")}
    card = model_card.render(
        answers,
        [{"source": "gan256", "images": 1500, "validation": estimate(0.8), "test": estimate(0.82)}],
        [other, None, None, None],
        [tried, None],
        {
            "set": "stylegan2_unsplash300",
            "counts": counts,
            "commands": ["deepfake train --weights STARTER/model.keras"],
            "seconds": 300.0,
            "before": numbers,
            "after": after,
        },
    )
    assert row(card, "gan256 | 1500")[2:] == [
        *("0.800 [0.790, 0.810]", "0.820 [0.810, 0.830]", "0.914 [0.904, 0.924]")
    ]
    assert row(card, "gan256 | 6 |")[3] == "0.710 [0.700, 0.720]"
    assert "3 of the runs were not done" in card
    assert row(card, "no self-blends")[1:] == ["0.710 [0.700, 0.720]", "0.970 [0.960, 0.980]"]
    assert "3 epochs on 12.5% of the images" in card
    assert "1 of these runs was not done" in card
    assert "deepfake train --weights models/starter/model.keras" in card
    assert row(card, "before")[1] == "0.800 [0.790, 0.810]"
    assert row(card, "after")[1] == "0.950 [0.940, 0.960]"
    assert "5.0 minutes of training" in card
    assert "at most 3.0% of real faces" in " ".join(card.split())


def test_a_quick_look_says_that_it_is_none_to_believe(answers):
    card = model_card.render(answers | {"limit_per_class": 30}, [], [], [], None)
    assert "at most 30 images" in card
