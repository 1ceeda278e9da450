"""The extension's JavaScript says what Python says."""

import shutil
import subprocess

import pytest
import vectors


def test_the_vectors_are_those_of_this_code():
    for name, content in vectors.vectors().items():
        kept = (vectors.FOLDER / name).read_text(encoding="utf-8")
        assert kept == content, f"{name}: run tests/app/extension/vectors.py again"


@pytest.mark.skipif(
    shutil.which("node") is None or not (vectors.EXTENSION / "node_modules").is_dir(),
    reason="needs Node, and `npm ci` in app/extension",
)
def test_the_modules_pass_their_own_tests():
    done = subprocess.run(
        vectors.VITEST,
        cwd=vectors.EXTENSION,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
