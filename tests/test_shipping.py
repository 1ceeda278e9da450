"""What git carries: the starter and nothing else of models/, and no diffs of binary files."""

import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
SAMPLE = 8192  # bytes, in which git itself looks for the NUL that makes a file binary

pytestmark = pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="needs git's own folder")


def git(*arguments, stdin: str | None = None) -> str:
    result = subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, input=stdin, capture_output=True, text=True
    )
    assert result.returncode in (0, 1), result.stderr
    return result.stdout


def test_every_binary_file_is_marked_as_one():
    names = [name for name in git("ls-files", "-z").split("\0") if (REPOSITORY / name).is_file()]
    binary = []
    for name in names:
        with (REPOSITORY / name).open("rb") as file:
            if b"\0" in file.read(SAMPLE):
                binary.append(name)
    assert binary
    answers = git("check-attr", "-z", "--stdin", "binary", stdin="\0".join(binary)).split("\0")
    marked = dict(zip(answers[0::3], answers[2::3], strict=False))
    assert not [name for name in binary if marked[name] != "set"]


def test_of_models_only_the_starter_is_kept():
    files = {"model.keras", "model-float16.onnx", "card.json", "MODEL_CARD.md", "faces/pnet.onnx"}
    made = {"openvino/model.bin", "openvino-int8/model.xml", "model.onnx", "saved_model/a.pb"}
    kept = [f"models/starter/{name}" for name in files]
    left = [f"models/starter/{name}" for name in made]
    left += ["models/detector/model.keras", "models/mine/card.json", "models/starter.partial/x"]
    ignored = git("check-ignore", "--no-index", "--stdin", stdin="\n".join(kept + left))
    assert set(ignored.splitlines()) == set(left)
