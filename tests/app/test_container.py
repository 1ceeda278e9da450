"""The steps of the Dockerfile, in a clean virtual environment instead of a container."""

import json
import os
import re
import shlex
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image
from redness import encoded

ROOT = Path(__file__).resolve().parents[2]
LINES = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8")).splitlines()
INSIDE = "/opt/deepfake"
PORT = 8765


def steps(word: str) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in LINES if line.startswith(f"{word} ")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return the virtual environment that the build stage makes."""
    work, place = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("opt") / "deepfake"
    for step in steps("COPY"):
        *sources, target = step.split()
        for source in sources if not step.startswith("--from") else ():
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, work / target)
            else:
                shutil.copy(ROOT / source, work / target)
    for step in steps("RUN"):
        if "useradd" not in step:
            subprocess.run(step.replace(INSIDE, str(place)), shell=True, cwd=work, check=True)
    return place


@pytest.fixture(scope="module")
def exported(bundle_folder, make_picture, tmp_path_factory):
    from src.export import export

    images = tmp_path_factory.mktemp("images")
    for label, name in enumerate(("real", "fake")):
        folder = images / "validation" / name
        folder.mkdir(parents=True)
        for seed in range(20):
            Image.fromarray(make_picture(100 * label + seed)).save(folder / f"{seed:02}.png")
    own = shutil.copytree(bundle_folder, tmp_path_factory.mktemp("exported") / "detector")
    export(own, "openvino", [images])
    return own


@pytest.mark.slow
def test_what_the_container_holds_judges_without_tensorflow(
    installed, exported, make_picture, tmp_path
):
    assert not list(installed.glob("lib/python*/site-packages/tensorflow"))
    named = dict(part.split("=", 1) for step in steps("ENV") for part in shlex.split(step))
    paths = {"PATH": f"{installed / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    settings = {"DEEPFAKE_SERVE_MODEL": str(exported), "DEEPFAKE_SERVE_PORT": str(PORT)}
    (command,) = (json.loads(step) for step in steps("CMD"))
    with subprocess.Popen(command, cwd=tmp_path, env=named | paths | settings) as started:
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ready").close()
                    break
                except urllib.error.URLError:
                    assert started.poll() is None
                    time.sleep(0.1)
            body = (
                b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
                + encoded(make_picture(5))
                + b"\r\n--b--\r\n"
            )
            asked = urllib.request.Request(
                f"http://127.0.0.1:{PORT}/report",
                body,
                {"Content-Type": "multipart/form-data; boundary=b"},
            )
            with urllib.request.urlopen(asked) as report:
                assert "openvino in float32" in report.read().decode()
        finally:
            started.terminate()
