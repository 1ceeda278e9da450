"""What Python says, for the extension's JavaScript to say the same: writes the vectors.

Run it as a script after a change of the verdict or of the scaling.
"""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from src.data import pixels
from src.data.faces import Face, crop_box
from src.detector.calibration import Calibration, Unfamiliar, calibrate, probability
from src.detector.framing import View
from src.detector.prediction import Output, Seen, put_together
from src.detector.verdict import REASONS, SEEN_ONCE, UNFAMILIAR, Verdict, decide_by_frames, together

EXTENSION = Path(__file__).resolve().parents[3] / "app/extension"
FOLDER = EXTENSION / "tests/vectors"
WHOLE = (0, 0, 96, 80)
# In `EXTENSION`. Its own limit is five seconds a test, too few where others use the processor.
VITEST = [
    "node",
    "node_modules/vitest/vitest.mjs",
    "run",
    "--testTimeout=60000",
    "--hookTimeout=60000",
]


def calibrations() -> dict[str, Calibration]:
    """Return calibrations by name: many images of one source, of two, and a gap between classes."""
    rng = np.random.default_rng(0)
    logits = np.concatenate([rng.normal(-2, 1.5, 700), rng.normal(2, 1.5, 120)]).round(3)
    labels = np.repeat([0, 1], [700, 120])
    names = ["one" if i % 7 else "two" for i in range(820)]
    found = calibrate(logits, labels, names, [str(i) for i in range(820)])
    steps = np.concatenate([np.arange(199.0), np.arange(39.0) + 150])
    counted = calibrate(
        steps, np.repeat([0, 1], [199, 39]), ["set"] * 238, [str(i) for i in range(238)]
    )
    strict = replace(found, smallest_side=64, unfamiliar=Unfamiliar(12.5, 0.99, 700))
    return {"drawn": found, "counted": counted, "strict": strict}


def verdicts() -> dict[str, Any]:
    """Return views and outputs with what is said of them."""
    known = calibrations()
    drawn = known["drawn"]
    cases: list[dict[str, Any]] = []

    def case(name: str, calibration: str, *faces: tuple[View, Output]) -> None:
        used = known.get(calibration)
        views, outputs = [view for view, _ in faces], [output for _, output in faces]
        temperature = used.temperature if used else 1.0
        outputs = [
            replace(o, p_fake=float(probability(np.float64(o.logit), temperature))) for o in outputs
        ]
        judgement = put_together(Seen(WHOLE[2:], views, []), outputs, used)
        said = judgement.prediction
        cases.append(
            {
                "name": name,
                "calibration": calibration,
                "views": [{"box": view.box, "reasons": view.reasons} for view in views],
                "outputs": [
                    {"logit": o.logit, "again": o.again, "unfamiliarity": o.unfamiliarity}
                    for o in outputs
                ],
                "expected": {
                    "verdict": said.verdict,
                    "reasons": said.reasons,
                    "p_fake": said.p_fake,
                    "logit": said.logit,
                    "parts": [asdict(part.verdict) for part in judgement.parts],
                    "rejected": used and used.rejected([o.logit for o in outputs]),
                },
            }
        )

    for name, calibration in known.items():
        for edge in ("t_fake", "t_real"):
            at = getattr(calibration, edge) * calibration.temperature
            for side, logit in (("at", at), ("above", at + 1e-6), ("below", at - 1e-6)):
                case(f"{name}: {side} {edge}", name, _face(logit))
    for logit in (0.0, -0.0, 1e-9, -1e-9, 800.0, -800.0):
        case(f"without calibration: {logit}", "none", _face(logit))
    case("without calibration: two", "none", _face(-1.0), _face(2.0))
    for reasons in (("no_face",), ("face_too_small",)):
        case(f"{reasons[0]}, uncalibrated", "none", _face(9.0, reasons=reasons))
        case(f"{reasons[0]}, calibrated", "strict", _face(9.0, reasons=reasons))
    for side in (63, 64):
        case(f"{side} pixels", "strict", _face(9.0, box=(3, 5, 200, side)))
    case("too small and no face", "strict", _face(9.0, ("no_face",), (0, 0, 9, 9)))
    for distance in (None, 12.5, np.nextafter(12.5, 13), 1e9):
        case(f"distance {distance}", "strict", _face(9.0, unfamiliarity=distance))
        case(f"distance {distance}, unknown", "drawn", _face(9.0, unfamiliarity=distance))
    case("too small and unfamiliar", "strict", _face(9.0, (), (0, 0, 9, 9), unfamiliarity=20.0))
    case("no face and unfamiliar", "strict", _face(9.0, ("no_face",), unfamiliarity=20.0))
    case("stable", "drawn", _face(9.0, again=(8.0, 7.0)))
    case("unstable", "drawn", _face(9.0, again=(8.0, -7.0)))
    between = (drawn.t_fake + drawn.t_real) / 2 * drawn.temperature
    case("unstable between", "drawn", _face(between, again=(9.0,)))
    case("unstable, unfamiliar anyway", "strict", _face(9.0, again=(-9.0,), unfamiliarity=20.0))

    for logits in (
        [0.0, 10.0], [0.0, 160.0], [500.0, 0.0], [197.5, 0.0], [197.5, 197.5], [500.0, 197.5],
        [500.0, 500.0], [500.0, 0.0, 0.0], [0.0] * 30, [160.0, 197.5], [198.0, 0.0], [198.5, 0.0],
    ):  # fmt: skip
        case(f"counted: {logits}", "counted", *map(_face, logits))
    # Scores of the calibration itself are ties.
    real = drawn.scores["real"]["one"]
    for count in (2, 3, 4, 5, 6, 7):
        for highest in (real[-1], real[-2], real[-5], real[-8], 50.0):
            others = [_face(-3.0)] * (count - 1)
            case(f"{count} faces, {highest:.2f}", "drawn", _face(highest), *others)
            case(f"{count} alike, {highest:.2f}", "drawn", *[_face(highest)] * count)
    case("reasons in order", "strict", _face(9.0, unfamiliarity=20.0), _face(between),
         _face(-9.0, (), (0, 0, 9, 9)))  # fmt: skip
    case("fake beside what cannot be judged", "strict", _face(50.0), _face(9.0, (), (0, 0, 9, 9)))
    # The most unusual face cannot be judged; the next stands out only once that one is set aside.
    tiny = _face(500.0, (), (0, 0, 9, 9))
    for logit in real[-12:]:
        case(f"set aside, {logit}", "strict", tiny, _face(logit))
        case(f"set aside, {logit}, three", "strict", tiny, _face(logit), _face(-3.0))
    case("too many, with reasons", "strict", _face(50.0), tiny, *[_face(-3.0)] * 9)
    case("among, with reasons", "strict", _face(real[-5]), _face(9.0, (), (0, 0, 9, 9)))
    rng = np.random.default_rng(1)
    for number in range(80):
        logits = rng.normal(0, 4, int(rng.integers(1, 7))).round(3).tolist()
        case(f"drawn {number}", ("drawn", "strict")[number % 2], *map(_face, logits))
    return {
        "calibrations": [{"name": n, **c.to_dict()} for n, c in known.items()],
        # How many frames of a video show somebody is not asked there.
        "reasons": [code for code in REASONS if code != SEEN_ONCE],
        "cases": cases,
        "persons": persons(known),
    }


def persons(known: dict[str, Calibration]) -> list[dict[str, Any]]:
    """Return p-values of persons in videos with what is said of them, alone and together."""
    values = (None, 0.0, 0.01, 0.0100001, 0.05, 0.0500001)
    cases = []
    for name in ("none", "drawn", "counted"):
        used = known.get(name)
        for logit, real, fake in itertools.product((-3.0, 3.0), values, values):
            reasons = (UNFAMILIAR,) if (real, fake) == (0.0, 0.0) and logit > 0 else ()
            said = decide_by_frames(logit, real, fake, used, reasons)
            # Beside a real one, so that Holm's procedure has a say.
            beside = Verdict("real")
            stands = used.stand_out([real, 1.0]) if used else [True, True]
            cases.append(
                {
                    "calibration": name,
                    "logit": logit,
                    "among_real": real,
                    "among_fake": fake,
                    "reasons": reasons,
                    "expected": asdict(said),
                    "beside": asdict(together([said, beside], stands)),
                    "among": used
                    and {kind: used.p_value(logit, 2, kind) for kind in ("real", "fake")},
                }
            )
    return cases


def patterned(width: int, height: int) -> np.ndarray:
    """Return a picture that JavaScript can make as well, `(height, width, 3)` uint8."""
    y, x, colour = np.indices((height, width, 3))
    return ((x * x + 3 * x * y + 5 * y + 40 * colour) // 7 % 256).astype(np.uint8)


def digests() -> list[dict[str, Any]]:
    """Return the SHA-256 of large scaled pictures: in small ones no last bit tips the scales."""
    return [
        {
            "width": width,
            "height": height,
            "size": size,
            "sha256": sha256(pixels.resize(patterned(width, height), size).tobytes()).hexdigest(),
        }
        for width, height, size in ((613, 407, 299), (407, 613, 128), (200, 150, 299))
    ]


def scaled() -> list[dict[str, Any]]:
    """Return pictures and what `pixels.resize` makes of them."""
    rng = np.random.default_rng(0)
    pictures = {
        "noise shrunk": (rng.integers(0, 256, (61, 47, 3)), 16),
        "noise shrunk a little": (rng.integers(0, 256, (35, 33, 3)), 32),
        "noise, high": (rng.integers(0, 256, (70, 20, 3)), 24),
        "noise enlarged": (rng.integers(0, 256, (5, 7, 3)), 24),
        "wide, enlarged one way": (rng.integers(0, 256, (9, 90, 3)), 20),
        "one side as it is": (rng.integers(0, 256, (40, 20, 3)), 20),
        "other side as it is": (rng.integers(0, 256, (20, 40, 3)), 20),
        "as it is": (rng.integers(0, 256, (12, 12, 3)), 12),
        "one pixel": (rng.integers(0, 256, (1, 1, 3)), 6),
        "one row": (rng.integers(0, 256, (1, 50, 3)), 8),
        "black and white": (255 * rng.integers(0, 2, (64, 64, 3)), 13),
        "chequered": (255 * np.indices((48, 48, 3)).sum(0) % 510 // 2 * 2 % 256, 20),
    }
    cases = []
    for name, (picture, size) in pictures.items():
        image = picture.astype(np.uint8)
        cases.append(
            {
                "name": name,
                "height": image.shape[0],
                "width": image.shape[1],
                "size": size,
                "image": _text(image),
                "expected": _text(pixels.resize(image, size)),
            }
        )
    return cases


def cut() -> list[dict[str, Any]]:
    """Return faces, framings and where they are cut out; halves and borders among them."""
    rng = np.random.default_rng(0)
    cases = []
    for number in range(60):
        rows, columns = (int(side) for side in rng.integers(20, 200, 2))
        box = tuple((rng.uniform(-20, 150, 4) * 2).round() / 2)
        box = (box[0], box[1], abs(box[2]) + 0.5, abs(box[3]) + 0.5)
        share = (1.0, 0.5, 0.45050763981192515, 0.75)[number % 4]
        found = crop_box((rows, columns, 3), Face(box, 1.0, np.zeros((5, 2))), share)
        cases.append(
            {"rows": rows, "columns": columns, "box": box, "share": share, "expected": found}
        )
    return cases


def vectors() -> dict[str, str]:
    """Return the content of every file by its name."""
    made = {
        "verdict.json": verdicts(),
        "resize.json": {"small": scaled(), "large": digests()},
        "crop.json": cut(),
    }
    return {name: _lines(value) + "\n" for name, value in made.items()}


def _lines(value: Any) -> str:
    """Return JSON with one case a line, so that a change shows which."""
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_lines(part)}" for key, part in value.items()]
        return "{\n" + ",\n".join(parts) + "\n}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(json.dumps(part) for part in value) + "\n]"
    return json.dumps(value)


def _face(
    logit: float,
    reasons: tuple[str, ...] = (),
    box: tuple[int, int, int, int] = WHOLE,
    again: tuple[float, ...] = (),
    unfamiliarity: float | None = None,
) -> tuple[View, Output]:
    face = None if "no_face" in reasons else Face(box, 1.0, np.zeros((5, 2)))
    return View(box, face, reasons), Output(float(logit), 0.5, again, unfamiliarity)


def _text(image: np.ndarray) -> str:
    return base64.b64encode(image.tobytes()).decode()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in vectors().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
