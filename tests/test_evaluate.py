"""Measuring a detector as a person does it: what is written, kept, required and refused."""

import csv
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.metrics import roc_auc_score

from src import evaluate as verb
from src.cli import main
from src.detector.card import read_card
from src.detector.detector import Detector
from src.evaluate import COLUMNS, FILES
from src.evaluation.figures import NAMES

SCHEMA = Path(__file__).parent.parent / "src/evaluation/metrics.schema.json"


def valid(folder):
    """Return `metrics.json` of a folder after holding it against its schema."""
    written = json.loads((folder / "metrics.json").read_text())
    jsonschema.validate(written, json.loads(SCHEMA.read_text()))
    return written


@pytest.fixture
def evaluate(run, bundle_folder, test_set, tmp_path):
    """Return a function that runs `deepfake evaluate --quick` into `tmp_path / "out"`."""

    def call(*options, data=test_set, model=bundle_folder):
        return run(
            "evaluate",
            "--quick",
            *("--data-dir", data),
            *("--model", model),
            *("--output", tmp_path / "out"),
            *options,
        )

    return call


@pytest.fixture(scope="module")
def calibrated(familiar_bundle, tmp_path_factory, make_picture):
    """Return a calibrated, familiar bundle, and 30 real and 30 fake pictures with masks."""
    root = tmp_path_factory.mktemp("calibrated")
    own = shutil.copytree(familiar_bundle, root / "detector")
    for label, name in enumerate(("real", "fake")):
        for split, count in {"validation": 40, "test": 30}.items():
            (root / "data" / split / name).mkdir(parents=True)
            for number in range(count):
                picture = make_picture(5000 * label + number + 1000 * (split == "test"))
                path = root / "data" / split / name / f"{number:02}.png"
                Image.fromarray(picture).save(path)
                if (split, name) == ("test", "fake"):
                    mask = np.zeros(picture.shape[:2], np.uint8)
                    mask[10:30, 10:30] = 255
                    place = root / "data" / "masks" / split / name / f"{number:02}.png"
                    place.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(mask).save(place)
    result = CliRunner().invoke(
        main,
        f"calibrate --data-dir {root / 'data'} --model {own} --split validation".split(),
    )
    assert result.exit_code == 0, result.output
    return own, root / "data"


@pytest.fixture(scope="module")
def whole(calibrated, tmp_path_factory):
    """Return the folder of a whole evaluation, and what it printed."""
    own, data = calibrated
    # One mask less is no reason to lose an evaluation.
    (data / "masks/test/fake/07.png").write_text("no image")
    output = tmp_path_factory.mktemp("whole") / "out"
    call = ["evaluate", "--data-dir", str(data), "--model", str(own), "--output", str(output)]
    result = CliRunner().invoke(main, call)
    assert result.exit_code == 0, result.output
    return output, result.stdout


def test_evaluation_writes_numbers_that_follow_from_its_predictions(
    evaluate, test_set, detector, tmp_path
):
    result = evaluate()
    assert result.exit_code == 0, result.stderr
    out = tmp_path / "out"
    assert set(os.listdir(out)) < set(FILES)
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 12 + 9
    for row in rows:
        assert row["label"] == str(int("/fake/" in row["path"]))
        assert float(row["p_fake"]) == pytest.approx(1 / (1 + np.exp(-float(row["logit"]))))
        assert row["verdict"] == ("fake" if float(row["p_fake"]) >= 0.5 else "real")
    one = detector.predict(rows[4]["path"])
    assert float(rows[4]["logit"]) == pytest.approx(one.logit, abs=1e-4)
    facts = valid(out)
    labels, p_fake = [int(row["label"]) for row in rows], [float(row["p_fake"]) for row in rows]
    auc = roc_auc_score(labels, p_fake)
    assert facts["auc"]["value"] == pytest.approx(auc, abs=1e-12)
    assert facts["auc"]["low"] <= auc <= facts["auc"]["high"]
    assert (facts["images"], facts["real"], facts["fake"], facts["unreadable"]) == (21, 12, 9, 0)
    assert facts["sets"] == [
        {name: facts[name] for name in facts["sets"][0]} | {"name": test_set.name}
    ]
    assert facts["promise"]["this_set"] == {}
    assert facts["robustness"] == facts["attacks"] == []
    assert facts["explanations"] is None
    for name in ("roc.png", "confusion.png", "dashboard.png"):
        Image.open(out / name).verify()
    last = [line for line in result.stdout.splitlines() if "AUC" in line][-1]
    assert re.match(r"test AUC (0\.\d{3}|1\.000)\b", last)
    assert f"{auc:.3f}" in last


def test_a_whole_evaluation_measures_what_a_quick_one_leaves_out(whole):
    output, _ = whole
    facts = valid(output)
    changes = [row["name"] for row in facts["robustness"]]
    assert changes[:2] == ["unchanged", "jpeg 90"]
    assert "social media twice" in changes
    assert [row["name"] for row in facts["attacks"]] == [
        *("unchanged", "fgsm 1", "fgsm 2", "fgsm 4", "pgd 1", "pgd 2", "pgd 4")
    ]
    assert facts["robustness"][0]["auc"]["value"] == pytest.approx(facts["auc"]["value"])
    accuracy = {row["name"]: row["accuracy"] for row in facts["attacks"]}
    assert accuracy["pgd 4"] < accuracy["unchanged"]
    checks = {check["name"]: check["passed"] for check in facts["explanations"]["checks"]}
    assert set(checks) == {"deletion", "insertion", "randomisation", "pointing", "inside"}
    assert facts["explanations"]["localisation"]["pointing"]["images"] == 29
    assert not (checks["pointing"] or checks["inside"]), "random weights know nothing of masks"
    assert set(facts["promise"]["divisions"]) == {"false_fake", "false_real"}
    kept = facts["promise"]["this_set"]["false_fake"]
    assert kept["realised"]["total"] == 30
    assert kept["promised"] == pytest.approx(1 / 41)


def test_the_report_stands_alone_and_says_what_the_numbers_say(whole, calibrated):
    output, _ = whole
    text = (output / "report.html").read_text()
    facts = valid(output)
    assert not re.search(r"(src|href)=.(?!data:)", text), "nothing is fetched from elsewhere"
    assert "width=device-width" in text
    figures = {path.stem for path in output.glob("*.png")}
    # The bundle has no training curves.
    assert figures == set(NAMES) - {"curves"}
    for name in figures:
        assert f'alt="{name}"' in text, f"{name} is drawn and not shown"
    assert f"{facts['auc']['value']:.3f} [" in text
    assert facts["uncertainty"]["sentence"] in text
    assert "On average over calibration sets at most 2.4% of real faces are called fake" in text
    assert "It rests on 40 real faces of data and holds for faces like them." in text
    for check in facts["explanations"]["checks"]:
        assert check["sentence"].split(":")[0].split("'")[0] in text
    assert "Do not read it as showing where a picture was changed" in text
    mistakes = facts["confusion"][0][1] + facts["confusion"][1][0]
    assert len(re.findall(r"<figcaption>(?:real|fake), p_fake", text)) == (
        min(12, mistakes) + min(12, facts["images"] - mistakes) + 12
    )


def test_what_is_printed_is_what_is_written(whole):
    output, printed = whole
    facts = valid(output)
    said = facts["verdicts"]["inconclusive"]
    assert f"without a verdict {said['hits']} of 60" in printed
    assert printed.splitlines()[-1] == f"written to {output}"


def test_several_sets_have_a_row_each_and_one_over_all(evaluate, calibrated, test_set, tmp_path):
    _, data = calibrated
    only_real = tmp_path / "photographs"
    shutil.copytree(test_set / "test" / "real", only_real / "test" / "real")
    result = evaluate("--data-dir", only_real, data=data)
    assert result.exit_code == 0, result.stderr
    facts = valid(tmp_path / "out")
    assert [(one["name"], one["real"], one["fake"]) for one in facts["sets"]] == [
        ("data", 30, 30),
        ("photographs", 12, 0),
    ]
    assert (facts["real"], facts["fake"]) == (42, 30)
    assert "auc" not in facts["sets"][1]
    alarms = facts["sets"][1]["verdicts"]["false_fake"]
    assert (alarms["total"], facts["sets"][1]["verdicts"]["false_real"]) == (12, None)
    assert "photographs: AUC one class" in result.stdout
    assert "<td>photographs</td>" in (tmp_path / "out" / "report.html").read_text()


def test_sets_of_one_name_are_called_as_their_images_are(bundle_folder, test_set, tmp_path):
    data = [shutil.copytree(test_set, tmp_path / name / "faces") for name in ("a", "b")]
    found = verb.evaluate(data, bundle_folder, quick=True)
    assert [one.name for one in found.sets] == ["a/faces", "b/faces"]
    for one in found.sets:
        assert {sample.source for sample in one.judged.samples} == {one.name}


def test_a_data_folder_in_another_has_its_images_to_itself(bundle_folder, test_set, tmp_path):
    outer = shutil.copytree(test_set, tmp_path / "data")
    inner = shutil.copytree(test_set, outer / "extra")
    (inner / "test/fake/03.png").write_text("no image")
    found = verb.evaluate([outer, inner], bundle_folder, quick=True)
    counts = [(len(one.judged.samples), len(one.judged.failures)) for one in found.sets]
    assert counts == [(21, 0), (20, 1)]


def test_a_set_without_images_of_the_split_is_told(bundle_folder, test_set, tmp_path, caplog):
    other = tmp_path / "other"
    for split in ("train", "validation"):
        shutil.copytree(test_set / "test", other / split)
    found = verb.evaluate([test_set, other], bundle_folder, quick=True)
    assert [one.name for one in found.sets] == [test_set.name]
    assert f"{other}: has no row" in caplog.text


def test_images_are_judged_re_encoded_once_whatever_the_sets(
    bundle_folder, calibrated, test_set, tmp_path, monkeypatch
):
    own, seen = shutil.copytree(bundle_folder, tmp_path / "own"), []
    card = replace(read_card(own), data={"equalized": {"size": 40, "quality": 90}})
    (own / "card.json").write_text(card.to_json())
    known = Detector.predict_files

    def remembered(self, paths, batch_size=32, *rest, **how):
        if "scale" in how:
            seen.append((len(paths), batch_size))
        return known(self, paths, batch_size, *rest, **how)

    monkeypatch.setattr(Detector, "predict_files", remembered)
    found = verb.evaluate([test_set, calibrated[1]], own, batch_size=11, quick=True)
    assert seen == [(81, 11)]
    assert [one.equalized.images for one in found.sets] == [21, 60]
    alone = verb.evaluate([test_set], own, quick=True).whole
    assert found.sets[0].equalized.brier.value == pytest.approx(alone.equalized.brier.value)


def test_why_there_is_no_verdict_is_counted(evaluate, calibrated, tmp_path):
    own, data = calibrated
    copied = shutil.copytree(data, tmp_path / "data")
    for colour in ("red", "blue", "magenta"):
        plain = Image.new("RGB", (48, 40), colour)
        plain.save(copied / "test" / "fake" / f"plain-{colour}.png")
    assert evaluate(data=copied, model=own).exit_code == 0
    out = tmp_path / "out"
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    reasons = valid(out)["reasons"]
    assert set(reasons) == {code for row in rows for code in row["reasons"].split()}
    for code, counts in reasons.items():
        for label, name in enumerate(("real", "fake")):
            named = [row for row in rows if row["label"] == str(label)]
            assert counts[name] == sum(code in row["reasons"].split() for row in named)
    plain = [row for row in rows if "plain-" in row["path"]]
    assert all("unfamiliar" in row["reasons"] for row in plain)
    others = [row for row in rows if "unfamiliar" not in row["reasons"]]
    distances = [float(row["unfamiliarity"]) for row in others]
    assert max(distances) < min(float(row["unfamiliarity"]) for row in plain)
    said = f"{reasons['unfamiliar']['fake']} fake images are unfamiliar: What the detector sees"
    assert said in (out / "report.html").read_text()


def test_frames_of_one_video_are_one_to_the_promise(evaluate, calibrated, tmp_path):
    own, data = calibrated
    copied = shutil.copytree(data, tmp_path / "data")
    lines = [
        f"{split}/{name}/{i:02}.png,{split}{name}{i // 5}"
        for split, count in {"test": 30, "validation": 40}.items()
        for name in ("real", "fake")
        for i in range(count)
    ]
    (copied / "groups.csv").write_text("path,group\n" + "\n".join(lines))
    result = evaluate(data=copied, model=own)
    assert result.exit_code == 0, result.stderr
    facts = valid(tmp_path / "out")
    assert (facts["images"], facts["groups"]) == (60, 12)
    assert facts["promise"]["this_set"]["false_fake"]["realised"]["total"] == 6
    assert facts["verdicts"]["false_real"]["total"] == 6
    assert sum(facts["verdicts"]["table"]["fake"].values()) == 30


@pytest.mark.parametrize(
    ("goal", "code"),
    [("auc=0", 0), ("auc=1", 1), ("brier=1", 0), ("brier=0", 1), ("false-fake=1", 0)],
)
def test_a_requirement_that_is_not_met_exits_1_with_everything_written(
    evaluate, tmp_path, goal, code
):
    result = evaluate("--require", goal)
    assert result.exit_code == code
    assert ("required is" in result.stderr) == bool(code)
    valid(tmp_path / "out")


@pytest.mark.parametrize("goal", ["auk=1", "auc", "auc=high", "auc=nan", "images=4", "auc=95"])
def test_a_requirement_that_means_nothing_is_told_before_the_work(evaluate, tmp_path, goal):
    result = evaluate("--require", goal)
    assert result.exit_code == 2
    assert "--require" in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_card_is_left_alone_unless_asked(evaluate, calibrated, tmp_path):
    own = shutil.copytree(calibrated[0], tmp_path / "own")
    before = (own / "card.json").read_text()
    assert evaluate(data=calibrated[1], model=own).exit_code == 0
    assert (own / "card.json").read_text() == before
    assert evaluate("--update-card", "--overwrite", data=calibrated[1], model=own).exit_code == 0
    card, facts = read_card(own), valid(tmp_path / "out")
    assert card.metrics["test"]["auc"] == facts["auc"]
    assert card.metrics["test"]["sets"] == ["data"]
    assert card.metrics["test"]["engine"] == facts["detector"]["engine"] == "keras"
    assert card.metrics["test"]["precision"] == "float32"
    other = evaluate("--update-card", "--faces", "off", "--overwrite", model=own)
    assert other.exit_code == 2 and "--faces auto" in other.stderr
    other = evaluate("--update-card", "--split", "validation", "--overwrite", model=own)
    assert other.exit_code == 2 and "--split test" in other.stderr
    assert read_card(own) == card
    assert card.calibration == json.loads(before)["calibration"]


def test_json_prints_the_file_and_nothing_else(evaluate, tmp_path):
    result = evaluate("--json")
    assert result.stdout == (tmp_path / "out" / "metrics.json").read_text()
    json.loads(result.stdout)


@pytest.mark.parametrize("name", ["metrics.json", "report.html", "roc.png", "attacks.png"])
def test_earlier_results_are_kept_unless_asked(evaluate, tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("precious")
    refused = evaluate()
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert (tmp_path / "out" / name).read_text() == "precious"
    assert os.listdir(tmp_path / "out") == [name]


def test_an_output_that_is_no_folder_is_told_before_the_work(evaluate, tmp_path):
    (tmp_path / "out").write_text("precious")
    result = evaluate(data=tmp_path / "nothing")
    assert result.exit_code == 2
    assert "--output" in result.stderr and "is a file" in result.stderr


@pytest.mark.parametrize("rows", ["epoch,phase\n1,warm-up\n", "epoch,phase,loss\n1", "\0"])
def test_curves_that_cannot_be_read_cost_no_evaluation(evaluate, bundle_folder, tmp_path, rows):
    own = shutil.copytree(bundle_folder, tmp_path / "own")
    (own / "history.csv").write_text(rows)
    result = evaluate("--limit-per-class", 4, model=own)
    assert result.exit_code == 0, result.stderr
    assert not (tmp_path / "out" / "curves.png").exists()


def test_overwrite(evaluate, tmp_path):
    assert evaluate().exit_code == 0
    for name in ("attacks.png", "roc.png", "holiday.png"):
        (tmp_path / "out" / name).write_bytes(b"of another detector")
    assert evaluate().exit_code == 2
    assert evaluate("--overwrite", "--limit-per-class", 4).exit_code == 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["images"] == 8
    assert not (tmp_path / "out" / "attacks.png").exists()
    Image.open(tmp_path / "out" / "roc.png").verify()
    assert (tmp_path / "out" / "holiday.png").exists()


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
