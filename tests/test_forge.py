"""Forging as a person does it: real photographs in, a whole data set out."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from src import CheckFailed, InputError
from src.data import folders, pixels
from src.forge import forge

SAMPLE = Path(__file__).resolve().parent.parent / "dataset" / "train" / "real"
FACES = 14
FACELESS = "sky.png"


def fill(folder: Path, numbers: range) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"{number}.jpg").write_bytes((SAMPLE / f"{number:04d}.jpg").read_bytes())


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Fourteen faces, two of them of one person, and a picture of no face; do not change it."""
    folder = tmp_path_factory.mktemp("holidays")
    fill(folder, range(10))
    fill(folder / "anna", range(10, FACES))
    Image.new("RGB", (120, 90), (90, 140, 220)).save(folder / FACELESS)
    (folder / "groups.csv").write_text("path,group\n3.jpg,bob\nanna/11.jpg,bob\n")
    return folder


@pytest.fixture(scope="module")
def forged(photographs, tmp_path_factory):
    """What two pairs a photograph make; do not change it."""
    output = tmp_path_factory.mktemp("forged") / "set"
    return output, forge(photographs, output, per_image=2, seed=3)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_set_is_complete_and_scan_reads_it(forged):
    output, made = forged
    samples = folders.scan([output])
    assert len(samples) == 4 * FACES
    assert sum(made.pairs.values()) == 2 * FACES
    for split, pairs in made.pairs.items():
        labels = [sample.label for sample in samples if sample.split == split]
        assert sorted(labels) == [0] * pairs + [1] * pairs
    names = {(s.split, s.path.relative_to(output).parts[2:]) for s in samples if s.label}
    assert names == {
        (s.split, s.path.relative_to(output).parts[2:]) for s in samples if not s.label
    }
    assert {s.source for s in samples} == {"set", "set/anna"}


def test_a_photographs_pairs_are_one_group_and_groups_of_the_input_stay_together(forged):
    samples = folders.scan([forged[0]])
    groups: dict[str, list[folders.Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.group, []).append(sample)
    assert sorted(map(len, groups.values())) == [4] * (FACES - 2) + [8]
    assert all(len({sample.split for sample in group}) == 1 for group in groups.values())
    (bob,) = (group for name, group in groups.items() if name.endswith("bob"))
    assert {sample.path.stem for sample in bob} == {"3-1", "3-2", "11-1", "11-2"}


def test_every_fake_has_its_mask_and_its_parameters(forged):
    output, _ = forged
    fakes = {path.relative_to(output) for path in output.glob("*/fake/**/*.jpg")}
    masks = {path.relative_to(output / "masks") for path in output.glob("masks/**/*.png")}
    assert {path.with_suffix(".png") for path in fakes} == masks
    drawn = {Path(row["path"]): row for row in rows(output / "parameters.csv")}
    assert drawn.keys() == fakes
    for path in fakes:
        fake, real = (pixels.read(output / p).astype(int) for p in (path, drawn[path]["real"]))
        mask = np.asarray(Image.open(output / "masks" / path.with_suffix(".png")))
        assert mask.shape == fake.shape[:2] == real.shape[:2]
        assert mask.max() == 255 and mask.min() == 0
        # JPEG spreads a change over blocks of 16 pixels, not further.
        far = np.asarray(Image.fromarray(mask).resize((7, 7), Image.Resampling.BOX)) == 0
        far = np.kron(far, np.ones((16, 16)))[: mask.shape[0], : mask.shape[1]].astype(bool)
        assert np.abs(fake - real)[far & (mask == 0)].mean() < 1
        assert np.abs(fake - real)[mask > 128].max() > 3
        assert drawn[path]["photograph"].endswith(".jpg")
    assert len({row["zoom"] for row in drawn.values()}) == len(fakes)


def test_both_classes_look_alike_to_one_who_sees_only_the_container(forged):
    facts = set()
    for path in forged[0].glob("*/real/**/*.jpg"):
        fake = Path(str(path).replace("/real/", "/fake/"))
        with Image.open(path) as one, Image.open(fake) as other:
            facts |= {
                (str(p.quantization), get_sampling(p), p.mode, *p.info.keys()) for p in (one, other)
            }
            assert one.size == other.size
    ((_, sampling, *_),) = facts
    assert sampling == 0, "as `deepfake faces` writes them: without chroma subsampling"


def test_what_shows_no_face_is_listed_and_left_out(forged, photographs):
    output, made = forged
    assert made.no_face == [photographs / FACELESS]
    assert rows(output / "no_face.csv") == [{"path": FACELESS}]
    assert not list(output.rglob("sky*"))


def test_the_photographs_stay_as_they_were(photographs, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in photographs.rglob("*")}
    forge(photographs, tmp_path / "set")
    assert {path: path.stat().st_mtime_ns for path in photographs.rglob("*")} == before
    for place in (photographs, photographs / "set", photographs.parent):
        with pytest.raises(InputError, match="only read|exists already"):
            forge(photographs, place)
        with pytest.raises(InputError, match="only read"):
            forge(photographs, place, overwrite=True)


def test_the_same_bytes_again_from_another_process(forged, photographs, tmp_path, python):
    result = python(
        "-m", "src.forge", photographs, "--output", tmp_path / "set", "--per_image=2", "--seed=3"
    )
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path / "set") == contents(forged[0])
    forge(photographs, tmp_path / "other", per_image=2, seed=4)
    assert contents(tmp_path / "other") != contents(forged[0])


def test_a_photographs_pairs_depend_on_no_other_and_not_on_its_name(forged, tmp_path):
    fill(tmp_path / "alone" / "real", range(5, 6))
    renamed = tmp_path / "alone" / "real" / "5.jpg"
    renamed.rename(renamed.with_name("me.jpg"))
    forge(tmp_path / "alone", tmp_path / "set", per_image=2, seed=3)
    alone, many = contents(tmp_path / "set"), contents(forged[0])
    for name in ("real/me-1.jpg", "real/me-2.jpg", "fake/me-1.jpg", "fake/me-2.jpg"):
        (one,) = (data for path, data in alone.items() if path.endswith(name))
        (other,) = (d for p, d in many.items() if p.endswith(name.replace("me", "5")))
        assert one == other


def test_a_data_sets_real_images_keep_their_splits(tmp_path):
    for split, numbers in {"train": range(4), "val": range(4, 6), "test": range(6, 8)}.items():
        fill(tmp_path / "faces" / split / "real", numbers)
        fill(tmp_path / "faces" / split / "fake", numbers)
    made = forge(tmp_path / "faces", tmp_path / "set", format="png")
    assert made.pairs == {"train": 4, "validation": 2, "test": 2}
    files = {path for path in contents(tmp_path / "set") if path.endswith("5.png")}
    assert files == {
        "validation/real/5.png",
        "validation/fake/5.png",
        "masks/validation/fake/5.png",
    }
    with Image.open(tmp_path / "set" / "test" / "fake" / "6.png") as picture:
        assert picture.format == "PNG"


def test_photographs_that_differ_in_their_suffix_alone_both_count(tmp_path):
    fill(tmp_path / "faces", range(2))
    Image.open(tmp_path / "faces" / "0.jpg").save(tmp_path / "faces" / "0.png")
    made = forge(tmp_path / "faces", tmp_path / "set")
    assert sum(made.pairs.values()) == 3
    assert len(folders.scan([tmp_path / "set"])) == 6


def test_photographs_that_differ_in_case_alone_have_names_for_every_file_system(tmp_path):
    fill(tmp_path / "faces" / "real", range(1))
    picture = (tmp_path / "faces" / "real" / "0.jpg").rename(tmp_path / "faces" / "real" / "a.jpg")
    Image.open(picture).save(picture.with_name("A.png"))
    forge(tmp_path / "faces", tmp_path / "set")
    names = [path.relative_to(tmp_path / "set") for path in (tmp_path / "set").rglob("*.jpg")]
    assert len({str(name).lower() for name in names}) == len(names) == 4


def test_an_existing_set_is_replaced_only_when_asked(photographs, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="--overwrite"):
        forge(photographs, tmp_path / "set")
    assert (tmp_path / "set" / "thesis.txt").exists()
    forge(photographs, tmp_path / "set", overwrite=True)
    assert not (tmp_path / "set" / "thesis.txt").exists()


def test_an_unknown_format_is_told_before_anything_is_read(photographs, tmp_path):
    with pytest.raises(InputError, match="expected one of jpeg, png, got 'jpg'"):
        forge(photographs, tmp_path / "forged", format="jpg")
    assert not (tmp_path / "forged").exists()


def test_without_any_face_there_is_an_error_and_no_folder(tmp_path):
    (tmp_path / "sky").mkdir()
    for shade in range(3):
        Image.new("RGB", (90, 90), (80 * shade, 90, 90)).save(tmp_path / "sky" / f"{shade}.png")
    with pytest.raises(InputError, match="no face was found in any of the 3 photographs"):
        forge(tmp_path / "sky", tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["sky"]


def test_unreadable_photographs_are_named_and_too_many_of_them_stop_it(tmp_path):
    fill(tmp_path / "faces", range(20))
    (tmp_path / "faces" / "broken.jpg").write_bytes(b"no picture")
    made = forge(tmp_path / "faces", tmp_path / "set")
    assert [item.path.name for item in made.skipped] == ["broken.jpg"]
    assert rows(tmp_path / "set" / "skipped.csv")[0]["path"].endswith("broken.jpg")
    (tmp_path / "faces" / "empty.jpg").write_bytes(b"")
    with pytest.raises(CheckFailed, match="2 of 22 images cannot be read"):
        forge(tmp_path / "faces", tmp_path / "other")


def test_counts_are_told_to_people_and_machines(run, photographs, tmp_path):
    told = run("forge", photographs, "--output", tmp_path / "set")
    assert told.exit_code == 0
    assert "1 without a face" in told.stdout
    told = run("forge", photographs, "--output", tmp_path / "set", "--overwrite", "--json")
    counts = json.loads(told.stdout)
    assert counts["no_face"] == 1
    assert sum(counts["pairs"].values()) == FACES
