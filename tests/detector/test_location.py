"""Which bundle is used where nobody named one, and who may change it."""

import json
import logging
import shutil

import pytest

from src import InputError
from src.detector import load, locate, location
from src.detector.location import DEFAULT


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return an empty current folder; no starter ships."""
    monkeypatch.setattr(location, "STARTER", tmp_path / "sources" / "models" / "starter")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def starter(here, bundle_folder):
    return shutil.copytree(bundle_folder, location.STARTER)


def put(bundle_folder, **changes):
    """Put a bundle where `train` writes one."""
    shutil.copytree(bundle_folder, DEFAULT)
    path = DEFAULT / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def said(caplog):
    (record,) = [record for record in caplog.records if record.name == "src.detector.location"]
    return record.getMessage()


def test_own_detector_comes_first(starter, bundle_folder, caplog):
    put(bundle_folder, data={"drawn_sample": False})
    with caplog.at_level(logging.INFO, "src"):
        assert locate() == DEFAULT
        assert locate(changing=True) == DEFAULT
    assert {record.getMessage() for record in caplog.records} == {"using models/detector"}


def test_starter_where_there_is_no_other(starter, caplog):
    with caplog.at_level(logging.INFO, "src"):
        assert locate() == starter
    assert str(starter) in said(caplog)
    assert "no detector in models/detector" in said(caplog)


def test_starter_stands_beside_the_sources():
    assert location.STARTER.parts[-2:] == ("models", "starter")
    assert (location.STARTER.parents[1] / "src" / "detector").is_dir()


def test_detector_of_the_drawn_sample_is_used_only_by_name(starter, bundle_folder, caplog):
    put(bundle_folder, data={"drawn_sample": True})
    with caplog.at_level(logging.INFO, "src"):
        assert locate() == starter
    assert "drawn sample" in said(caplog)
    assert "--model models/detector" in said(caplog)
    assert locate("models/detector") == DEFAULT
    shutil.rmtree(starter)
    with pytest.raises(InputError, match=r"drawn sample.*--model models/detector.*deepfake train"):
        locate()


def test_earlier_layout_of_the_drawn_sample_counts_as_well(starter, bundle_folder):
    put(bundle_folder, data={"drawn_sample": True}, format=1)
    assert locate() == starter


def test_own_detector_that_cannot_be_read_is_not_passed_over(starter, bundle_folder):
    put(bundle_folder, format=1)
    with pytest.raises(InputError, match="format"):
        load()


def test_nothing_there_says_how_to_get_one(here):
    with pytest.raises(InputError, match=r"no detector.*no starter.*deepfake train.*--model"):
        load()


def test_a_named_bundle_is_taken_without_a_word(here, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "src"):
        assert locate(tmp_path / "mine") == tmp_path / "mine"
    assert not caplog.records


def test_starter_is_not_changed_unasked(starter):
    with pytest.raises(InputError, match=r"starter is not changed.*copy.*--model"):
        locate(changing=True)
    assert locate(starter, changing=True) == starter


@pytest.mark.parametrize(
    "arguments",
    [
        ("calibrate", "--split", "all", "--data-dir"),
        ("export", "--format", "onnx", "--data-dir"),
        ("evaluate", "--quick", "--update-card", "--data-dir"),
    ],
)
def test_verbs_that_write_into_a_bundle_need_its_name(arguments, run, starter, test_set):
    before = (starter / "card.json").read_bytes()
    result = run(*arguments, test_set)
    assert result.exit_code == 2
    assert "starter is not changed" in result.stderr
    assert (starter / "card.json").read_bytes() == before


def test_verbs_that_only_read_take_the_starter(run, starter, here, photos, test_set, caplog):
    with caplog.at_level(logging.INFO, "src"):
        judged = run("predict", photos[0], "--json")
        assert judged.exit_code == 0
        assert str(starter) in said(caplog)
        caplog.clear()
        drawn = run("gradcam", photos[0], "--output", here / "heat.png")
        assert drawn.exit_code == 0
        assert str(starter) in said(caplog)
        caplog.clear()
        measured = run("evaluate", "--data-dir", test_set, "--quick", "--output", here / "out")
        assert measured.exit_code == 0
        assert str(starter) in said(caplog)
    named = run("predict", photos[0], "--json", "--model", starter)
    assert named.stdout == judged.stdout


def test_what_is_used_is_said_on_stderr(python, tmp_path, bundle_folder, photos):
    """Under a real command line, whose log handler is not the tests'."""
    shutil.copytree(bundle_folder, tmp_path / "models" / "detector")
    program = (
        "import sys; from tests import tiny; tiny.register()\n"
        "from src.predict import command; command(sys.argv[1:])"
    )
    root = str(location.STARTER.parents[1])
    found = python(
        "-c", program, photos[0], "--json", cwd=tmp_path, PYTHONPATH=f"{root}:{root}/tests"
    )
    assert found.returncode == 0, found.stderr
    assert "using models/detector" in found.stderr.splitlines()
    assert json.loads(found.stdout)["path"] == str(photos[0])
