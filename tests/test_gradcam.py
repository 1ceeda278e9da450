import os

import numpy as np
import pytest
import tiny
from PIL import Image

from src import gradcam
from src.detector import evidence
from src.detector.framing import View
from src.detector.prediction import Judgement, Output, Part
from src.detector.verdict import Verdict
from src.gradcam import Heatmaps, explain


@pytest.fixture
def draw(run, bundle_folder, monkeypatch, tmp_path):
    """Return a function that runs `deepfake gradcam` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        return run("gradcam", *arguments, "--model", bundle_folder)

    return call


def heatmaps(signed, p_fake=0.9):
    image = np.zeros((8, 8, 3), np.uint8)
    output = Output(0.0, p_fake, evidence=np.asarray(signed, np.float32))
    part = Part(View((0, 0, 8, 8)), output, Verdict("fake"))
    return Heatmaps(image, Judgement((part,), part.verdict))


def test_heat_for_each_target():
    both = heatmaps([[2.0, -1.0], [0.0, 1.0]])
    np.testing.assert_array_equal(both.heats("fake")[0], [[1, 0], [0, 0.5]])
    np.testing.assert_array_equal(both.heats("real")[0], [[0, 1], [0, 0]])
    np.testing.assert_array_equal(both.heats("verdict")[0], both.heats("fake")[0])
    real = heatmaps([[2.0, -1.0], [0.0, 1.0]], p_fake=0.1)
    np.testing.assert_array_equal(real.heats("verdict")[0], real.heats("real")[0])


def test_evidence_without_a_positive_part_gives_no_heat_and_no_nan():
    for signed in ([[-1.0, -2.0]], [[0.0, 0.0]]):
        heat = heatmaps(signed).heats("fake")[0]
        assert heat.dtype == np.float32
        np.testing.assert_array_equal(heat, 0)
        gradcam.overlay(heatmaps(signed), "x.png")


def test_what_is_drawn_is_the_detectors_own_answer(detector, photos):
    for path in photos[:2]:
        explained, judged = explain(path, detector), detector.predict(path)
        assert explained.p_fake == pytest.approx(judged.p_fake, abs=1e-6)
        assert explained.verdict == judged.verdict
        assert explained.image.shape == np.asarray(Image.open(path)).shape


def test_layer_by_autodiff(detector, photos, monkeypatch):
    exact = explain(photos[0], detector)
    branch = explain(photos[0], detector, tiny.BRANCH_LAYER)
    assert branch.judgement.parts[0].output.evidence.shape == (15, 15)
    assert branch.p_fake == exact.p_fake
    # Its own layer needs no differentiation.
    monkeypatch.setattr(evidence, "grad_cam", None)
    explain(photos[0], detector, "last_act")


def test_picture_lands_in_figures(draw, photos, tmp_path):
    result = draw(photos[0])
    assert result.exit_code == 0
    assert os.listdir(tmp_path) == ["figures"]
    assert os.listdir(tmp_path / "figures") == ["a_gradcam.png"]
    assert "figures/a_gradcam.png" in result.stdout
    assert "p_fake 0." in result.stdout


def test_existing_picture_is_kept_unless_asked(draw, photos, tmp_path):
    place = tmp_path / "mine.png"
    place.write_text("precious")
    refused = draw(photos[0], "--output", place)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert place.read_text() == "precious"
    assert draw(photos[0], "--output", place, "--overwrite").exit_code == 0
    Image.open(place).verify()


def test_several_images_go_to_a_folder(draw, photos, tmp_path):
    (tmp_path / "out.d").mkdir()
    for folder in ("out", "out.d"):
        assert draw(*photos[:2], "--output", tmp_path / folder).exit_code == 0
        assert sorted(os.listdir(tmp_path / folder)) == ["a_gradcam.png", "b_gradcam.png"]


def test_two_images_never_share_a_picture(draw, photos, tmp_path):
    twin = tmp_path / "a.jpg"
    Image.open(photos[0]).save(twin)
    refused = draw(photos[0], twin)
    assert refused.exit_code == 2
    assert "figures/a_gradcam.png" in refused.stderr
    assert draw(photos[0], photos[1], "--output", "one.png").exit_code == 2
    assert draw(photos[0], "--output", "one.jpg").exit_code == 2
    assert os.listdir(tmp_path) == ["a.jpg"]


def test_targets_give_different_pictures(draw, photos, tmp_path):
    pictures = {}
    for target in ("fake", "real", "verdict"):
        place = tmp_path / f"{target}.png"
        assert draw(photos[0], "--output", place, "--target", target).exit_code == 0
        pictures[target] = np.asarray(Image.open(place))
    assert not np.array_equal(pictures["fake"], pictures["real"])
    assert any(np.array_equal(pictures["verdict"], pictures[t]) for t in ("fake", "real"))
    assert draw(photos[0], "--target", "both").exit_code == 2


@pytest.mark.parametrize("layer", ["last_conv", tiny.BRANCH_LAYER])
def test_layer_option(draw, photos, layer):
    assert draw(photos[0], "--layer", layer).exit_code == 0


def test_unknown_layer(draw, photos, tmp_path):
    result = draw(photos[0], "--layer", "block99")
    assert result.exit_code == 2
    assert "block99" in result.stderr
    assert "last_act" in result.stderr
    assert os.listdir(tmp_path) == []


def test_bad_image_and_missing_model(draw, run, photos, tmp_path):
    (tmp_path / "bad.png").write_text("no image")
    bad = draw("bad.png")
    assert (bad.exit_code, bad.stderr.count("bad.png")) == (2, 1)
    missing = run("gradcam", photos[0], "--model", tmp_path)
    assert missing.exit_code == 2
    assert "deepfake train" in missing.stderr
    assert os.listdir(tmp_path) == ["bad.png"]
    assert draw("bad.png", photos[0]).exit_code == 2
    assert os.listdir(tmp_path / "figures") == ["a_gradcam.png"]


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3)])
def test_extreme_sizes(draw, size, tmp_path):
    Image.new("RGB", size, "teal").save("x.png")
    assert draw("x.png").exit_code == 0
    width, height = Image.open(tmp_path / "figures" / "x_gradcam.png").size
    assert width > size[0]
    assert height > size[1]


def test_file_name_that_looks_like_a_formula(draw, photos, tmp_path):
    name = r"cost $\frac{ 5$ _{.png"
    (tmp_path / name).write_bytes(photos[0].read_bytes())
    assert draw(name).exit_code == 0


def test_title_has_the_probability():
    figure = gradcam.overlay(heatmaps([[1.0]], p_fake=0.8765), "face.jpg")
    assert " ".join(figure.texts[0].get_text().split()) == "face.jpg: fake, p_fake 0.876"
    assert "evidence for fake" in [axes.get_ylabel() for axes in figure.axes]
