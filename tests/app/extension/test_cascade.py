"""The cascade in JavaScript finds what Python's finds in the same pixels."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import people
import pytest
import vectors

from src.data import pixels
from src.data.faces import save_networks

pytestmark = pytest.mark.skipif(
    not (vectors.EXTENSION / "node_modules").is_dir(), reason="needs `npm ci` in app/extension"
)


def pictures() -> dict[str, np.ndarray]:
    astronaut = people.astronaut()
    several = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    several[380:490, 20:130] = people.head(110)
    large = np.full((1201, 1503, 3), 90, np.uint8)
    large[400:800, 300:700] = people.head(400)
    found = {
        "astronaut": astronaut,
        "several": several,
        "large": large,
        "odd sides": astronaut[3:, 7:],
        "cut by the border": astronaut[80:, 190:],
        "thumbnail": people.head(64),
        "nobody": astronaut[300:, :200],
        "tiny": astronaut[:9, :9],
    }
    for number, path in enumerate(people.drawn(40)):
        found[f"drawn {number}"] = pixels.read(path)
    return found


def test_the_faces_are_those_of_python(tmp_path: Path) -> None:
    save_networks(tmp_path)
    cases = []
    for name, picture in pictures().items():
        (tmp_path / f"{name}.rgb").write_bytes(np.ascontiguousarray(picture).tobytes())
        faces = [
            {"box": face.box, "score": face.score, "landmarks": face.landmarks.tolist()}
            for face in people.finder().find(np.ascontiguousarray(picture))
        ]
        height, width = picture.shape[:2]
        cases.append({"name": name, "width": width, "height": height, "faces": faces})
    assert sum(len(case["faces"]) for case in cases) > len(cases) / 2
    (tmp_path / "faces.json").write_text(json.dumps(cases), encoding="utf-8")
    done = subprocess.run(
        [*vectors.VITEST, "tests/faces.test.js"],
        cwd=vectors.EXTENSION,
        env=os.environ | {"FACES": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
