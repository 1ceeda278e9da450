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
from redness import encoded

ROOT = Path(__file__).resolve().parents[2]
LINES = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8")).splitlines()
INSIDE = "/opt/deepfake"
PORT = 8765


def steps(word: str, lines: list[str] = LINES) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return the virtual environment that the build stage makes."""
    work, place = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("opt") / "deepfake"
    build = LINES[: max(number for number, line in enumerate(LINES) if line.startswith("FROM "))]
    for step in steps("COPY", build):
        *sources, target = step.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, work / target)
            else:
                shutil.copy(ROOT / source, work / target)
    for step in steps("RUN", build):
        subprocess.run(step.replace(INSIDE, str(place)), shell=True, cwd=work, check=True)
    return place


@pytest.mark.slow
def test_what_the_container_holds_judges_without_tensorflow(installed, make_picture, tmp_path):
    assert not list(installed.glob("lib/python*/site-packages/tensorflow"))
    named = dict(part.split("=", 1) for step in steps("ENV") for part in shlex.split(step))
    paths = {"PATH": f"{installed / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    (held,) = (step.split() for step in steps("COPY") if step.startswith("models/"))
    assert named["DEEPFAKE_SERVE_MODEL"] == held[1]
    settings = {"DEEPFAKE_SERVE_MODEL": str(ROOT / held[0]), "DEEPFAKE_SERVE_PORT": str(PORT)}
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
                page = report.read().decode()
                assert "starter" in page
                assert "onnxruntime in float16" in page
        finally:
            started.terminate()
