"""Crop whole sets: what is kept, what is listed, and what is never touched."""

import csv
import json
import re

import films
import numpy as np
import people
import pytest
from PIL import Image

from src import InputError, faces
from src.data import folders, pixels


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Return a data folder with faces, two faces, no face and a broken file."""
    root = tmp_path_factory.mktemp("set")
    two = np.concatenate([people.head(160), people.head(160)], axis=1)
    pictures = {
        "train/real/a.png": people.head(150),
        "train/real/a.jpg": people.head(170),
        "train/fake/swap/b.jpg": people.head(140),
        "train/fake/two.png": two,
        "test/real/nobody.png": np.full((90, 90, 3), 120, np.uint8),
        "test/fake/c.webp": people.head(130),
    }
    for name, picture in pictures.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(root / name)
    (root / "test/real/broken.jpg").write_bytes(b"no image")
    (root / "groups.csv").write_text(
        "path,group\ntrain/real/a.png,ann\ntrain/fake/swap/b.jpg,ann\n"
    )
    return root


def everything(root):
    return {p: p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_a_set_keeps_its_folders_and_groups_and_lists_what_gave_nothing(photos, tmp_path):
    before = everything(photos)
    result = faces.crop_set(photos, tmp_path / "out", people.finder())
    assert everything(photos) == before
    assert (result.files, result.crops, result.no_face, result.unreadable) == (7, 5, 1, 1)
    names = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.jpg")}
    assert names == {
        "train/real/a.png.jpg",
        "train/real/a.jpg.jpg",
        "train/fake/swap/b.jpg",
        "train/fake/two.jpg",
        "test/fake/c.jpg",
    }
    reasons = {row["path"]: row["reason"] for row in table(tmp_path / "out/no_face.csv")}
    assert reasons["test/real/nobody.png"] == faces.NO_FACE
    assert "not an image" in reasons["test/real/broken.jpg"]
    samples = {
        s.path.relative_to(tmp_path / "out").as_posix(): s for s in folders.scan([tmp_path / "out"])
    }
    assert samples["train/real/a.png.jpg"].group == samples["train/fake/swap/b.jpg"].group
    assert len({sample.group for sample in samples.values()}) == 4
    assert samples["train/fake/swap/b.jpg"].source == "out/swap"


def test_no_crop_takes_the_name_of_another(tmp_path):
    for name in ("real/a.jpg", "real/a.png", "real/a.jpg.png", "fake/b.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(people.head(120)).save(tmp_path / "in" / name)
    result = faces.crop_set(tmp_path / "in", tmp_path / "out", people.finder())
    assert result.crops == len(list((tmp_path / "out").rglob("*.jpg"))) == 4


def test_all_faces_of_an_image_are_one_group(photos, tmp_path):
    style = faces.Style(choice="all", size=64, file_format="png")
    result = faces.crop_set(photos, tmp_path / "out", people.finder(), style)
    assert result.crops == 6
    groups = {row["path"]: row["group"] for row in table(tmp_path / "out/groups.csv")}
    assert groups["train/fake/two_face0.png"] == groups["train/fake/two_face1.png"]
    for path in (tmp_path / "out").rglob("*.png"):
        assert pixels.read(path).shape == (64, 64, 3)


def test_crops_have_the_framing_and_one_encoder(photos, tmp_path):
    style = faces.Style(framing=0.5)
    faces.crop_set(photos, tmp_path / "out", people.finder(), style)
    headers = set()
    for path in (tmp_path / "out").rglob("*.jpg"):
        (face, *_) = people.finder().find(pixels.read(path))
        with Image.open(path) as picture:
            assert face.box[2] / picture.width == pytest.approx(0.5, abs=0.07)
            headers.add(json.dumps(picture.quantization))
            assert not picture.getexif()
    assert len(headers) == 1


def test_no_place_that_would_touch_the_input_is_written_to(photos, tmp_path):
    for output in (photos, photos / "out", photos.parent):
        with pytest.raises(InputError, match="apart from"):
            faces.crop_set(photos, output, people.finder(), overwrite=True)
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="--overwrite"):
        faces.crop_set(photos, tmp_path / "out", people.finder())
    faces.crop_set(photos, tmp_path / "out", people.finder(), overwrite=True)


def test_a_set_without_any_face_is_an_input_error_and_leaves_nothing(tmp_path):
    for name in ("real", "fake"):
        (tmp_path / "in" / name).mkdir(parents=True)
        Image.new("RGB", (80, 80)).save(tmp_path / "in" / name / "a.png")
    with pytest.raises(InputError, match="none of its 2 files"):
        faces.crop_set(tmp_path / "in", tmp_path / "out", people.finder())
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_pairs_become_groups(tmp_path):
    for name in ("train/real/a", "train/fake/b", "train/fake/c"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(people.head(120)).save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "in" / "pairs.csv").write_text("split,fake,original\ntrain,b.png,a.png\n")
    faces.crop_set(tmp_path / "in", tmp_path / "out", people.finder())
    rows = table(tmp_path / "out/groups.csv")
    assert [row["path"] for row in rows] == ["train/fake/b.jpg", "train/real/a.jpg"]
    assert len({row["group"] for row in rows}) == 1


def test_videos_become_a_data_folder(tmp_path, run):
    root = films.faceforensics(tmp_path / "ff")
    (root / "original_sequences/youtube/c23/videos/999.mp4").write_bytes(b"no video")
    before = everything(root)
    result = run("faces", "--videos", root, "--output", tmp_path / "out", "--frames", 3, "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert (answer["files"], answer["crops"], answer["unreadable"]) == (13, 36, 1)
    assert everything(root) == before
    samples = folders.scan([tmp_path / "out"])
    assert {sample.source for sample in samples} == {"out/youtube", "out/Deepfakes", "out/FaceSwap"}
    assert {sample.group for sample in samples} == {"out/000", "out/010"}
    splits = {(sample.group, sample.split) for sample in samples}
    assert len(splits) == 2, "no group straddles a split"
    names = {sample.path.name for sample in samples if "Deepfakes" in sample.path.parts}
    assert "000_003_00002_person0.jpg" in names and len(names) == 12


def test_two_persons_of_a_video_are_told_apart(tmp_path):
    def frame(number):
        image = np.full((200, 480, 3), 110, np.uint8)
        image[20:180, 4 * number : 160 + 4 * number] = people.head(160)
        image[60:180, 340 - 4 * number : 460 - 4 * number] = people.head(120)[:, ::-1]
        return image

    films.write(tmp_path / "in/real/talk.mp4", map(frame, range(12)))
    films.write(tmp_path / "in/fake/talk.mp4", map(frame, range(12)))
    for choice, crops in (("largest", 8), ("all", 16)):
        style = faces.Style(choice=choice)
        result = faces.crop_videos(
            tmp_path / "in", tmp_path / choice, people.finder(), style, frames=4
        )
        assert result.crops == crops
    sides = {0: set(), 1: set()}
    for path in (tmp_path / "all" / "real").glob("*.jpg"):
        sides[int(path.stem[-1])].add(pixels.read(path).shape[0])
    assert min(sides[0]) > max(sides[1]), "person 0 is the larger one in every frame"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"choice": "some"}, "faces: expected one of largest, all, got 'some'"),
        ({"framing": 1.2}, "framing: expected more than 0 and at most 1, got 1.2"),
        ({"file_format": "jpg"}, "format: expected one of jpeg, png, got 'jpg'"),
    ],
)
def test_a_style_that_there_is_not_is_told_before_anything_is_read(wrong, message):
    with pytest.raises(InputError, match=re.escape(message)):
        faces.Style(**wrong)


def test_options_of_videos_are_refused_where_there_are_none(photos, run, tmp_path):
    given = ("--frames", 3, "--compression", "c23")
    result = run("faces", "--data-dir", photos, "--output", tmp_path / "out", *given)
    assert result.exit_code == 2
    assert "--frames and --compression: of no effect without --videos" in result.stderr


@pytest.mark.parametrize("given", [[], ["--data-dir", "a", "--videos", "b"]])
def test_the_command_wants_images_or_videos(given, run, tmp_path):
    result = run("faces", *given, "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "either --data-dir" in result.stderr


def test_the_command_crops_images(photos, tmp_path, run):
    result = run("faces", "--data-dir", photos, "--output", tmp_path / "out", "--size", 48)
    assert result.exit_code == 0, result.stderr
    assert "5 crops of 7 files" in result.stdout
    assert "1 without a face, 1 unreadable" in result.stdout
    assert (
        run("faces", "--data-dir", photos, "--output", tmp_path / "o", "--framing", 0).exit_code
        == 2
    )
