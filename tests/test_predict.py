import hashlib
import json
import math
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src import InputError
from src.detector import bundle, network, verdict
from src.detector.prediction import Failure
from src.predict import predict
from tests import people

KEYS = ["path", "sha256", "verdict", "p_fake", "logit", "reasons", "faces", "unfamiliarity"]


def rows(text: str) -> list[dict]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON number")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_json_lines_have_exactly_the_promised_keys(run, bundle_folder, photos):
    result = run("predict", *photos, "--model", bundle_folder, "--json")
    assert result.exit_code == 0
    found = rows(result.stdout)
    assert [row["path"] for row in found] == [str(path) for path in photos]
    for row, path in zip(found, photos, strict=True):
        assert list(row) == KEYS
        assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert row["p_fake"] == pytest.approx(1 / (1 + math.exp(-row["logit"])), abs=1e-9)
        assert row["verdict"] == ("fake" if row["p_fake"] >= 0.5 else "real")
        assert row["reasons"] == []
        assert row["faces"] == []
    assert {row["verdict"] for row in found} == {"fake", "real"}, "the test needs both answers"


def test_table_says_the_same_as_json(run, bundle_folder, photos):
    table = run("predict", *photos, "--model", bundle_folder)
    assert table.exit_code == 0
    header, *lines = table.stdout.splitlines()
    assert header.split() == ["verdict", "p_fake", "path"]
    found = rows(run("predict", *photos, "--model", bundle_folder, "--json").stdout)
    assert [line.split() for line in lines] == [
        [row["verdict"], verdict.shown(row["p_fake"]), row["path"]] for row in found
    ]


def test_people_are_told_what_is_promised(run, bundle_folder, test_set, photos, tmp_path):
    own = shutil.copytree(bundle_folder, tmp_path / "own")
    before = run("predict", photos[0], "--model", own)
    assert "no error rate is promised" in before.stderr
    assert run("calibrate", "--data-dir", test_set, "--model", own, "--split", "all").exit_code == 0
    after = run("predict", photos[0], "--model", own)
    assert "On average over calibration sets at most 7.7% of real faces are called" in after.stderr
    assert "with this one less than" in after.stderr
    assert "holds for faces like them" in after.stderr
    machine = run("predict", photos[0], "--model", own, "--json")
    assert "promise" not in machine.stderr


def test_careful_asks_again_and_says_where_the_answer_changes(run, bundle_folder, photos):
    def judged(*options):
        return rows(run("predict", *photos, "--model", bundle_folder, "--json", *options).stdout)

    plain, careful, many = judged(), judged("--careful"), judged("--stability", 40)
    assert careful == judged("--stability", 4)
    for before, after in zip(plain, many, strict=True):
        assert after["logit"] == pytest.approx(before["logit"], abs=1e-4)
        flips = after["reasons"] == ["unstable"]
        assert after["verdict"] == ("inconclusive" if flips else before["verdict"])
    assert any(row["reasons"] for row in many), "one of these random answers must be unstable"
    assert judged("--careful", "--stability", 0) == plain


def test_folders_are_searched_to_the_bottom(run, bundle_folder, photos):
    root = photos[0].parent
    result = run("predict", root, "--model", bundle_folder, "--json")
    assert sorted(row["path"] for row in rows(result.stdout)) == sorted(map(str, photos))


def test_dash_reads_paths_from_standard_input(run, bundle_folder, photos):
    listed = f"{photos[3]}\n\n{photos[1]}\n"
    result = run("predict", photos[0], "-", "--model", bundle_folder, "--json", stdin=listed)
    assert [row["path"] for row in rows(result.stdout)] == [str(photos[i]) for i in (0, 3, 1)]


@pytest.fixture
def bad_files(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "bomb.gif").write_bytes(b"GIF89a\xff\xff\xff\xff\x00\x00\x00;")
    whole = tmp_path / "whole.jpg"
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(whole)
    (tmp_path / "half.jpg").write_bytes(whole.read_bytes()[:350])
    whole.unlink()
    return [*sorted(tmp_path.iterdir()), tmp_path / "missing.jpg"]


@pytest.mark.parametrize("options", [(), ("--batch-size", 1)])
def test_bad_files_never_stop_the_rest(run, bundle_folder, photos, bad_files, options):
    mixed = [photos[0], *bad_files, photos[1]]
    result = run("predict", *mixed, "--model", bundle_folder, "--json", *options)
    assert result.exit_code == 2
    found = rows(result.stdout)
    assert [row["path"] for row in found] == [str(path) for path in mixed]
    for row in found[1:-1]:
        assert list(row) == ["path", "error"]
        assert row["path"] in row["error"]
    assert [list(found[i]) for i in (0, -1)] == [KEYS, KEYS]
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == len(bad_files)


@pytest.mark.parametrize("name", ["n" * 300 + ".jpg", "a\0b.jpg"])
def test_paths_that_cannot_exist_never_stop_the_rest(run, bundle_folder, photos, name):
    result = run("predict", "-", "--model", bundle_folder, stdin=f"{name}\n{photos[0]}\n")
    assert result.exit_code == 2
    assert str(photos[0]) in result.stdout


def test_bad_file_has_no_line_in_the_table(run, bundle_folder, photos, bad_files):
    result = run("predict", *bad_files, photos[0], "--model", bundle_folder)
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == 2
    assert str(bad_files[0]) in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8 exist on Linux")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_names_that_are_not_utf_8(run, bundle_folder, photos, tmp_path, options):
    odd, missing = tmp_path / os.fsdecode(b"caf\xe9.png"), tmp_path / os.fsdecode(b"\xff.png")
    odd.write_bytes(photos[0].read_bytes())
    result = run("predict", odd, missing, photos[1], "--model", bundle_folder, *options)
    assert result.exit_code == 2
    assert len(result.stdout_bytes.splitlines()) == 3
    if not options:
        assert os.fsencode(odd) in result.stdout_bytes


def test_missing_model_is_one_sentence_and_no_score(run, photos, tmp_path):
    for options in ((), ("--json",)):
        result = run("predict", photos[0], "--model", tmp_path / "none", *options)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1
        assert "deepfake train" in result.stderr
        assert str(tmp_path / "none") in result.stderr


def test_missing_model_is_said_before_the_first_result_is_asked_for(photos, tmp_path):
    with pytest.raises(InputError, match="no detector here"):
        predict(photos, tmp_path)


def test_folder_without_images(run, bundle_folder, tmp_path):
    result = run("predict", tmp_path, "--model", bundle_folder)
    assert result.exit_code == 2
    assert "no images" in result.stderr


def test_an_empty_path_is_not_the_current_folder(run, bundle_folder, photos, monkeypatch):
    """It comes of a variable that is not set."""
    monkeypatch.chdir(photos[0].parent)
    result = run("predict", "", "--model", bundle_folder)
    assert result.exit_code == 2
    assert "an empty path" in result.stderr and photos[0].name not in result.stdout


def test_batches_change_neither_scores_nor_order(bundle_folder, photos):
    wanted = [*photos, *reversed(photos)]
    alone = [next(iter(predict([path], bundle_folder))) for path in photos]
    alone += alone[::-1]
    for size in (3, 32):
        together = list(predict(wanted, bundle_folder, batch_size=size))
        assert [result.path for result in together] == [str(path) for path in wanted]
        assert [r.logit for r in together] == pytest.approx([r.logit for r in alone], abs=1e-5)


def test_results_come_in_order_around_failures(bundle_folder, photos, tmp_path):
    missing = tmp_path / "missing.png"
    wanted = [missing, photos[2], missing, missing, photos[0]]
    found = list(predict(wanted, bundle_folder, batch_size=2))
    assert [Path(result.path) for result in found] == wanted
    assert [isinstance(result, Failure) for result in found] == [True, False, True, True, False]


@pytest.fixture(scope="module")
def framed_bundle(tiny_model, make_card, tmp_path_factory):
    """Return a bundle whose card has a framing, so that it looks for faces."""
    folder = tmp_path_factory.mktemp("framed") / "detector"
    folder.mkdir()
    bundle.save(folder, network.probability(tiny_model), make_card(framing=0.6))
    return folder


def test_faces_of_a_photograph_are_judged_one_by_one(run, framed_bundle, tmp_path):
    image = np.concatenate([people.astronaut(), people.astronaut()], axis=1)
    Image.fromarray(image).save(tmp_path / "two.png")
    (row,) = rows(run("predict", tmp_path / "two.png", "--model", framed_bundle, "--json").stdout)
    assert len(row["faces"]) == 2
    keys = ["box", "score", "landmarks", "verdict", "p_fake", "logit", "reasons", "unfamiliarity"]
    assert all(list(face) == keys for face in row["faces"])
    assert row["p_fake"] == max(face["p_fake"] for face in row["faces"])
    table = run("predict", tmp_path / "two.png", "--model", framed_bundle).stdout.splitlines()
    assert [line.split()[2:4] for line in table[2:]] == [["face", "1:"], ["face", "2:"]]
    largest = run(
        "predict", tmp_path / "two.png", "--model", framed_bundle, "--faces", "largest", "--json"
    )
    assert len(rows(largest.stdout)[0]["faces"]) == 1


def test_a_picture_without_a_face_is_inconclusive_and_says_why(run, framed_bundle, photos):
    result = run("predict", photos[0], "--model", framed_bundle)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[0] == "inconclusive"
    assert "no_face" in result.stdout
    assert "No face was found" in result.stderr
    off = run("predict", photos[0], "--model", framed_bundle, "--faces", "off")
    assert "no_face" not in off.stdout + off.stderr


def test_a_detector_of_whole_images_cannot_cut_out_faces(run, bundle_folder, photos):
    result = run("predict", photos[0], "--model", bundle_folder, "--faces", "all")
    assert result.exit_code == 2
    assert "trained on whole images" in result.stderr
