import errno
import json
import os
from pathlib import Path

import pytest

from src.cli import VERBS

HEAVY = ("numpy", "PIL", "keras", "tensorflow", "matplotlib", "sklearn", "cv2")


def test_help_is_instant_and_lists_every_verb(python):
    program = (
        "import json, sys\n"
        "from src.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    )
    result = python("-c", program)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == []
    for verb, sentence in VERBS.items():
        assert verb in result.stdout
        assert sentence in result.stdout


def test_listed_sentence_is_the_verbs_own(run):
    for verb, sentence in VERBS.items():
        result = run(verb, "--help")
        assert result.exit_code == 0
        first = " ".join(result.stdout.split("\n\n")[1].split())
        assert first.split()[0] == sentence.split()[0]
        assert "[default:" in result.stdout


def test_unknown_verb_exits_2_and_names_it(run):
    result = run("predcit", "x.jpg")
    assert result.exit_code == 2
    assert "predcit" in result.stderr


def test_unknown_option_exits_2(run):
    result = run("predict", "--modle", "x", "x.jpg")
    assert result.exit_code == 2
    assert "--modle" in result.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_runs_as_a_module_too(verb, python):
    home = "app" if verb == "serve" else "src"
    result = python("-m", f"{home}.{verb}", "--help")
    assert result.returncode == 0, result.stderr
    assert f"python -m {home}.{verb}" in result.stdout


def test_underscores_and_dashes_are_the_same(run, tmp_path):
    answers = [
        run("evaluate", option, tmp_path / "nowhere", "--model", tmp_path)
        for option in ("--data-dir", "--data_dir")
    ]
    answers.append(run("evaluate", f"--data_dir={tmp_path / 'nowhere'}", "--model", tmp_path))
    assert {answer.exit_code for answer in answers} == {2}
    assert len({answer.stderr for answer in answers}) == 1
    assert "no such folder" in answers[0].stderr


def test_underscores_in_values_are_left_alone(run, tmp_path):
    result = run("predict", "my_photo.jpg", "--model", tmp_path / "my_model")
    assert str(tmp_path / "my_model") in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "photo.jpg", "--model", "nowhere"),
        ("gradcam", "photo.jpg", "--model", "nowhere"),
        ("evaluate", "--data-dir", "nowhere", "--model", "nowhere"),
    ],
)
def test_input_error_is_one_line_on_stderr(arguments, python, tmp_path):
    root = Path(__file__).resolve().parent.parent
    result = python("-m", "src.cli", *arguments, cwd=tmp_path, PYTHONPATH=str(root))
    assert result.returncode == 2
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("Error: ")
    assert result.stdout == ""
    assert os.listdir(tmp_path) == []


def test_failed_check_exits_1(run, monkeypatch):
    from src import CheckFailed, predict

    def fail(*_args, **_options):
        raise CheckFailed("half of it is missing")

    monkeypatch.setattr(predict, "predict", fail)
    result = run("predict", "photo.jpg", "--model", "mine")
    assert result.exit_code == 1
    assert result.stderr == "Error: half of it is missing\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line(run, monkeypatch, number):
    from src import predict

    def fail(*_args, **_options):
        raise OSError(number, os.strerror(number), "answers.parquet")

    monkeypatch.setattr(predict, "predict", fail)
    result = run("predict", "photo.jpg", "--model", "models/starter")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        f"Error: {os.strerror(number)}: answers.parquet; make room and call it again"
    )
