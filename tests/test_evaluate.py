import csv
import json
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from src.evaluate import FILES


@pytest.fixture
def evaluate(run, bundle_folder, test_set, tmp_path):
    """Return a function that runs `deepfake evaluate`, and writes into `tmp_path / "out"`."""

    def call(*options, data=test_set):
        return run(
            "evaluate",
            *("--data-dir", data),
            *("--model", bundle_folder),
            *("--output", tmp_path / "out"),
            *options,
        )

    return call


def test_evaluation_writes_numbers_that_follow_from_its_predictions(
    evaluate, test_set, detector, tmp_path
):
    result = evaluate()
    assert result.exit_code == 0, result.stderr
    out = tmp_path / "out"
    assert sorted(os.listdir(out)) == sorted(FILES)
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["path", "label", "p_fake", "logit"]
    assert len(rows) == 1 + 12 + 9
    for path, label, p_fake, logit in rows[1:]:
        assert label == str(int("/fake/" in path))
        assert float(p_fake) == pytest.approx(1 / (1 + np.exp(-float(logit))), abs=1e-9)
    one = detector.predict(rows[5][0])
    assert float(rows[5][3]) == pytest.approx(one.logit, abs=1e-4)
    facts = json.loads((out / "metrics.json").read_text())
    labels, p_fake = [int(row[1]) for row in rows[1:]], [float(row[2]) for row in rows[1:]]
    auc = roc_auc_score(labels, p_fake)
    assert facts["auc"]["value"] == pytest.approx(auc, abs=1e-12)
    assert facts["auc"]["low"] <= auc <= facts["auc"]["high"]
    assert (facts["images"], facts["real"], facts["fake"], facts["unreadable"]) == (21, 12, 9, 0)
    for name in ("roc.png", "confusion.png"):
        Image.open(out / name).verify()
    last = [line for line in result.stdout.splitlines() if "AUC" in line][-1]
    assert re.match(r"test AUC (0\.\d{3}|1\.000)\b", last)
    assert f"{auc:.3f}" in last


def test_json_prints_the_file_and_nothing_else(evaluate, tmp_path):
    result = evaluate("--json")
    assert result.stdout == (tmp_path / "out" / "metrics.json").read_text()
    json.loads(result.stdout)


@pytest.mark.parametrize("name", FILES)
def test_earlier_results_are_kept_unless_asked(evaluate, tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("precious")
    refused = evaluate()
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert (tmp_path / "out" / name).read_text() == "precious"
    assert os.listdir(tmp_path / "out") == [name]


def test_overwrite(evaluate, tmp_path):
    assert evaluate().exit_code == 0
    assert evaluate().exit_code == 2
    assert evaluate("--overwrite", "--limit-per-class", 4).exit_code == 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["images"] == 8


def test_one_class_alone_exits_2(evaluate, test_set, tmp_path):
    shutil.copytree(test_set, tmp_path / "data")
    for path in (tmp_path / "data/test/fake").iterdir():
        path.unlink()
    result = evaluate(data=tmp_path / "data")
    assert result.exit_code == 2
    assert "no fake images" in result.stderr
    assert not (tmp_path / "out").exists()


def test_split_that_is_not_there(evaluate):
    result = evaluate("--split", "train")
    assert result.exit_code == 2
    assert "train split" in result.stderr


def test_one_bad_file_in_many_is_counted_and_the_rest_measured(evaluate, test_set, tmp_path):
    shutil.copytree(test_set, tmp_path / "data")
    (tmp_path / "data/test/real/03.png").write_text("no image")
    result = evaluate(data=tmp_path / "data")
    assert result.exit_code == 0, result.stderr
    facts = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (facts["images"], facts["unreadable"]) == (20, 1)
    text = (tmp_path / "out" / "predictions.csv").read_text()
    assert "03.png,0" not in text
    assert "04.png,0" in text


def test_many_bad_files_exit_1_and_write_nothing(evaluate, test_set, tmp_path):
    shutil.copytree(test_set, tmp_path / "data")
    for name in ("03.png", "05.png"):
        (tmp_path / "data/test/real" / name).write_text("no image")
    result = evaluate(data=tmp_path / "data")
    assert result.exit_code == 1
    assert "2 of 21" in result.stderr
    assert not (tmp_path / "out").exists()


def test_missing_model(run, test_set, tmp_path):
    result = run("evaluate", "--data-dir", test_set, "--model", tmp_path, "--output", tmp_path)
    assert result.exit_code == 2
    assert "deepfake train" in result.stderr
    assert os.listdir(tmp_path) == []
