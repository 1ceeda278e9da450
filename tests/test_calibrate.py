"""Calibrating a bundle on a person's own images."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from src.detector import bundle
from src.detector.card import read_card


@pytest.fixture
def own(bundle_folder, tmp_path):
    """Return a bundle that may be changed."""
    return shutil.copytree(bundle_folder, tmp_path / "detector")


@pytest.fixture(scope="module")
def images(tmp_path_factory, make_picture):
    """Return 120 real and 30 fake images without splits."""
    root = tmp_path_factory.mktemp("own") / "mine"
    for label, (name, count) in enumerate({"real": 120, "fake": 30}.items()):
        folder = root / name
        folder.mkdir(parents=True)
        for seed in range(count):
            Image.fromarray(make_picture(1000 * label + seed)).save(folder / f"{seed:03}.png")
    return root


def test_it_makes_a_promise_that_predict_keeps(run, own, images):
    result = run("calibrate", "--data-dir", images, "--model", own, "--split", "all")
    assert result.exit_code == 0, result.stderr
    assert "at most 1.0% of real faces are called fake;" in result.stdout
    assert "at most 5.0% of fakes are called real;" in result.stdout
    assert "rests on 120 real faces of mine" in result.stdout
    detector = bundle.load(own)
    found = detector.calibration
    assert (found.false_fake.count, found.false_real.count) == (120, 30)
    paths = sorted((images / "real").iterdir())
    judged = list(detector.predict_files(paths))
    assert sum(one.verdict == "fake" for one in judged) <= 1
    logits = sorted(one.logit for one in judged)
    np.testing.assert_allclose(found.scores["real"]["mine"], logits, atol=1e-4)
    for one in judged:
        scaled = one.logit / found.temperature
        assert one.p_fake == pytest.approx(1 / (1 + np.exp(-scaled)), abs=1e-9)
    words = {one.verdict for one in judged}
    assert "inconclusive" in words, "random weights cannot be sure of everything"
    assert all((one.reasons == ("between_thresholds",)) == (one.verdict == "inconclusive")
               for one in judged)  # fmt: skip


def test_it_learns_anew_from_where_on_a_face_is_unfamiliar(run, familiar_bundle, images, tmp_path):
    own = shutil.copytree(familiar_bundle, tmp_path / "own")
    call = ["calibrate", "--data-dir", images, "--model", own, "--split", "all"]
    result = run(*call)
    assert result.exit_code == 0, result.stderr
    assert "99% of 150 calibration faces lie below it" in result.stdout
    judged = list(bundle.load(own).predict_files(sorted(images.glob("*/*.png"))))
    threshold = read_card(own).calibration["unfamiliar"]["threshold"]
    # The 150th of 150: nothing that calibrated is unfamiliar.
    assert max(one.unfamiliarity for one in judged) == pytest.approx(threshold, rel=1e-4)
    path = tmp_path / "red.png"
    Image.new("RGB", (48, 40), "red").save(path)
    (red,) = bundle.load(own).predict_files([path])
    assert red.unfamiliarity > threshold
    assert (red.verdict, red.reasons) == ("inconclusive", ("unfamiliar",))
    for name in ("real", "fake"):
        shutil.copytree(images / name, tmp_path / "mixed" / name)
        shutil.copy(path, tmp_path / "mixed" / name / "red.png")
    call[2] = tmp_path / "mixed"
    assert run(*call, "--overwrite").exit_code == 0
    assert read_card(own).calibration["unfamiliar"]["threshold"] > threshold


def test_files_with_thresholds_of_the_earlier_promise_are_not_used(run, own, images):
    """In int8 a file has its own; the others take those of the card."""
    files = {"model-int8.onnx": 64 * "0"}
    known = {"onnx-int8": {"calibration": {"temperature": 1.0}, "files": files}}
    known["onnx"] = {"calibration": None, "files": {"model.onnx": 64 * "0"}}
    card = json.loads((own / "card.json").read_text())
    (own / "card.json").write_text(json.dumps(card | {"exports": known}))
    result = run("calibrate", "--data-dir", images, "--model", own, "--split", "all", "--overwrite")
    assert result.exit_code == 0, result.stderr
    assert list(read_card(own).exports) == ["onnx"]


def test_too_few_images_say_how_many_are_needed(run, own, test_set):
    result = run("calibrate", "--data-dir", test_set, "--model", own, "--split", "test", "--json")
    assert result.exit_code == 0, result.stderr
    written = json.loads(result.stdout)
    assert written["false_fake"]["rate"] == pytest.approx(1 / 13)
    assert read_card(own).calibration == written
    again = run("calibrate", "--data-dir", test_set, "--model", own, "--split", "test")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    replaced = run(
        "calibrate", "--data-dir", test_set, "--model", own, "--split", "test", "--overwrite"
    )
    assert "for which 99 real faces of one source are needed; the largest has 12" in replaced.stdout


def test_one_class_is_not_enough(run, own, images, tmp_path):
    data = tmp_path / "half"
    shutil.copytree(images / "real", data / "test" / "real")
    before = (own / "card.json").read_text()
    result = run("calibrate", "--data-dir", data, "--model", own, "--split", "test")
    assert result.exit_code == 2
    assert "120 real and 0 fake" in result.stderr
    assert (own / "card.json").read_text() == before


def test_of_fewer_images_it_finds_the_part_that_the_training_found(
    run, own, tmp_path, make_picture
):
    from dataclasses import replace

    from src.calibrate import set_apart
    from src.data import folders
    from src.detector.card import CARD_FILE

    for label, name in enumerate(("real", "fake")):
        folder = tmp_path / "data" / "validation" / name
        folder.mkdir(parents=True)
        for number in range(30):
            picture = make_picture(9000 + 100 * label + number)
            Image.fromarray(picture).save(folder / f"{number:02}.png")
    card = replace(read_card(own), training={"limit_per_class": 12, "fraction": None, "seed": 5})
    (own / CARD_FILE).write_text(card.to_json())
    result = run("calibrate", "--data-dir", tmp_path / "data", "--model", own, "--json")
    assert result.exit_code == 0, result.stderr
    scores = json.loads(result.stdout)["scores"]
    assert {name: len(found["data"]) for name, found in scores.items()} == {"real": 6, "fake": 6}
    samples = folders.scan([tmp_path / "data"], seed=5, limit_per_class=12)
    rates = {"max_false_fake": 0.01, "max_false_real": 0.05, "seed": 5}
    apart = [
        s.path for s in set_apart(samples, **rates) if s.split == "calibration" and not s.label
    ]
    logits = sorted(one.logit for one in bundle.load(own).predict_files(apart))
    np.testing.assert_allclose(scores["real"]["data"], logits, atol=1e-4)
