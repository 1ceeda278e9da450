"""The starter's model card: Markdown, out of measured numbers and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.starter.recipe import UNSEEN
from src.detector.verdict import shown

TEMPLATE = Path(__file__).with_name("MODEL_CARD.md.jinja")
# What the starter is meant to reach at least: AUC by test set, and the loss of AUC by a change.
LEAST = {"gan256": 0.90, "dfdc224": 0.80, "sd21_768": 0.95, UNSEEN: 0.75}
MOST_LOST = {"JPEG 70": 0.05, "half size": 0.05, "half size, then JPEG 70": 0.05}
# By so much a source of one class must pass the transferred baseline, where that leaves room.
MARGIN = 0.1
NOTHING = "–"

Numbers = Mapping[str, Any]


def render(
    answers: Numbers,
    yardstick: Sequence[Numbers],
    left_out: Sequence[Numbers | None],
    ablations: Sequence[Numbers | None],
    example: Numbers | None,
) -> str:
    """Return the model card.

    Args:
        answers: of `answers.measure`.
        yardstick: of `yardstick.measure`, an entry a source.
        left_out: of `left_out.measure`; None for a source with which that was not done.
        ablations: of `ablations.measure`, in the same way.
        example: of `example.measure`; None where that was not done.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters |= {"estimate": estimate, "rate": rate, "percent": percent, "shown": shown}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    card = template.render(
        answers=answers,
        detector=answers["detector"],
        sets={one["name"]: one for one in answers["sets"]},
        ranking=list(_ranking(answers)),
        promised=[one for one in answers["sets"] if one["promises"]],
        reasons=list(_reasons(answers)),
        faces=[one for one in answers["sets"] if one["faces"]],
        yardstick=yardstick,
        left_out=[one for one in left_out if one is not None],
        ablations=[one for one in ablations if one is not None],
        missing=sum(one is None for one in left_out),
        untried=sum(one is None for one in ablations),
        example=example,
        unseen=UNSEEN,
        most_lost=MOST_LOST,
    )
    return card.rstrip() + "\n"


def estimate(found: Numbers | None) -> str:
    """Write a number with its interval."""
    if found is None:
        return NOTHING
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def rate(found: Numbers | None) -> str:
    """Write a share with its interval."""
    if found is None:
        return NOTHING
    return f"{found['value']:.1%} [{found['low']:.1%}, {found['high']:.1%}]"


def percent(value: float) -> str:
    """Write a rate that has no interval."""
    return f"{value:.1%}"


def _ranking(answers: Numbers) -> Iterator[dict[str, Any]]:
    """Yield a row a test set with an AUC: what it is, what it reaches, and what was aimed at."""
    for one in answers["sets"]:
        if one["auc"] is not None:
            yield _against(one, one["name"])
    for one in answers["together"]:
        frame = one["frame"]
        said = f"{frame['framing']:.2f} of the frame, {frame['size']} px, {frame['name']}"
        yield _against(one, f"{one['name']} fakes, reals of the other sources ({said})")


def _against(one: Numbers, title: str) -> dict[str, Any]:
    goal, reached, baseline = LEAST.get(one["name"], 0.0), one["auc"]["value"], one["baseline"]
    enough = reached >= goal
    if "frame" in one and baseline and baseline["value"] <= 1 - MARGIN:
        enough = enough and reached >= baseline["value"] + MARGIN
    return {**one, "title": title, "goal": goal, "reached": enough}


def _reasons(answers: Numbers) -> Iterator[dict[str, Any]]:
    """Yield a row for each reason that is given at all on a set of images, and for that set."""
    for one in (*answers["sets"], *answers["elsewhere"]):
        for name, found in one["reasons"].items():
            if any(found[kind] and found[kind]["hits"] for kind in ("real", "fake")):
                said = one["verdicts"]
                now = {wrong: said[wrong] for wrong in ("false_fake", "false_real")}
                yield {"set": one["name"], "reason": name, **found, "now": now}
