"""From folders of videos to a detector that judges persons over time."""

import json
import shutil
from functools import partial
from pathlib import Path

import films
import jsonschema
import numpy as np
import pytest

from src.detector import load, temporal
from src.train import train
from src.training.settings import Settings

SCHEMA = Path(__file__).parent.parent / "src/detector/card.schema.json"
VIDEOS = {"train": 4, "validation": 5}  # of each class


def film(seed, fake):
    """Film a person who comes closer; a fake flickers."""
    for number in range(6):
        frame = films.composed((seed, 20 + 6 * number, 20, 150 + number)).astype(int)
        if fake:
            frame += 24 if number % 2 else -24
        yield frame.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root, seed = tmp_path_factory.mktemp("films") / "mine", 0
    for split, count in VIDEOS.items():
        for number in range(2 * count):
            seed += 1
            place = root / split / ("real", "fake")[number % 2] / f"{seed}.mp4"
            films.write(place, film(seed, number % 2), rate=4)
    return root


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Return a bundle that was trained on the videos; do not change it."""
    settings = Settings(
        (str(data),), backbone="tiny", image_size=32, weights="none", warmup_epochs=1,
        finetune_epochs=1, batch_size=8, augment="light", temporal="lstm", clip_frames=2,
        temporal_epochs=2,
    )  # fmt: skip
    output = tmp_path_factory.mktemp("trained") / "detector"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(temporal, "build", partial(temporal.build, units=8))
        return train(settings, output, export=False)


def test_the_bundle_holds_frame_network_and_head_and_its_card_says_both(trained, data):
    written = json.loads((trained / "card.json").read_text())
    jsonschema.validate(written, json.loads(SCHEMA.read_text()))
    assert written["data"]["sources"] == ["mine"]
    # Twice the frames of a clip of each video, but for those without a face.
    assert set(written["data"]["counts"]["train"].values()) <= {14, 15, 16}
    assert written["training"]["temporal"] == "lstm"
    assert written["training"]["data_dirs"] == ["mine"]
    said = written["temporal"]
    assert (said["kind"], said["frames"], said["training"]["epochs"]) == ("lstm", 2, 2)
    # Videos and not frames were divided: of the five to validate with, three calibrate.
    assert said["clips"] == {
        "train": {"real": 4, "fake": 4},
        "validation": {"real": 2, "fake": 2},
    }
    found = written["tracks"]["calibration"]
    assert [len(found["scores"][name]["mine"]) for name in ("real", "fake")] == [3, 3]
    assert set(written["files"]) >= {"model.keras", "temporal.keras", "familiarity.npz"}
    assert len((trained / "temporal.csv").read_text().splitlines()) == 3
    assert not trained.with_name("detector.partial").exists()


@pytest.mark.slow
def test_videos_are_calibrated_on_and_judged_by_the_same_score(trained, data, run, tmp_path):
    own = shutil.copytree(trained, tmp_path / "own")
    call = ["calibrate", "--video", "--data-dir", data, "--model", own, "--json"]
    assert run(*call).exit_code == 2, "it is calibrated on video already"
    stills = json.loads((own / "card.json").read_text())["calibration"]
    said = run(*call, "--overwrite")
    assert said.exit_code == 0, said.stderr
    card = json.loads((own / "card.json").read_text())
    assert card["calibration"] == stills
    assert card["tracks"]["sampled"] == "2 a second, even"
    assert card["tracks"]["calibration"] == json.loads(said.stdout)
    scores = json.loads(said.stdout)["scores"]
    assert [len(scores[name]["mine"]) for name in ("real", "fake")] == [3, 3]
    # Each of the scores is that which `deepfake video` has for the same person.
    found = []
    for path in sorted((data / "validation" / "real").iterdir()):
        result = run("video", path, "--output", tmp_path / "out", "--model", own, "--no-annotate")
        assert "calibrated on video" in result.stderr and "otherwise" not in result.stderr
        (track,) = json.loads((tmp_path / "out" / f"{path.stem}.json").read_text())["tracks"]
        found.append(track["p_fake"])
    temperature = card["tracks"]["calibration"]["temperature"]
    wanted = 1 / (1 + np.exp(-np.array(scores["real"]["mine"]) / temperature))
    apart = np.abs(np.array(found)[:, None] - wanted).min(axis=0)
    assert apart.max() < 1e-4
    other = run("video", path, "--output", tmp_path / "o", "--model", own, "--no-annotate",
                "--frames", 1)  # fmt: skip
    assert "these were sampled otherwise (1 in all, even)" in other.stderr


def test_a_still_is_judged_without_the_head(trained, photos):
    detector = load(trained)
    detector._load_head = None
    assert detector.predict(photos[0]).verdict in ("real", "fake", "inconclusive")


def test_videos_and_images_are_not_calibrated_on_together(trained, data, test_set, run):
    result = run("calibrate", "--video", "--data-dir", data, "--data-dir", test_set,
                 "--model", trained, "--overwrite")  # fmt: skip
    assert result.exit_code == 2 and "not both" in result.stderr


def test_stills_are_no_persons_over_time(trained, test_set, run):
    result = run("calibrate", "--video", "--data-dir", test_set, "--split", "all",
                 "--model", trained, "--overwrite")  # fmt: skip
    assert result.exit_code == 2 and "found 0 real and 0 fake among 21 files" in result.stderr
