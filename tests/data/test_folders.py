"""Layouts as people have them, names as people write them."""

import logging
from pathlib import Path

import pytest

from src import InputError
from src.data import folders
from tests.data.layouts import LAYOUT, counts, fill, splits_of


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        ("real", "fake"),
        ("Real", "FAKE"),
        ("0_real", "1_fake"),
        ("authentic", "ai"),
        ("RealFaces", "FakeFaces"),
        ("original_sequences", "manipulated_sequences"),
        ("Celeb-real", "Celeb-synthesis"),
        ("pristine", "AI-generated"),
        ("human", "AIGenerated"),
        ("nature", "face_swap"),
        ("bona-fide", "deepfakes"),
        ("training_real", "training_fake"),
        ("genuine2", "stylegan3 fakes"),
    ],
)
def test_class_folders_are_matched_by_meaning_whatever_their_order(tmp_path, real, fake):
    fill(tmp_path, {real: 4, fake: 4})
    samples = folders.scan([tmp_path])
    assert len(samples) == 8
    assert all(sample.label == (sample.path.parent.name == fake) for sample in samples)


@pytest.mark.parametrize(
    ("name", "split"),
    [("valid", "validation"), ("val", "validation"), ("Dev", "validation"), ("testing", "test"),
     ("Validation", "validation"), ("eval", "test"), ("TEST", "test"), ("02_test_set", "test")],
)  # fmt: skip
def test_split_folders_are_matched_by_meaning(tmp_path, name, split):
    fill(tmp_path, {"Train/real": 1, "Train/fake": 1, f"{name}/real": 1, f"{name}/fake": 1})
    in_folder = {s.split for s in folders.scan([tmp_path]) if name in s.path.parts}
    assert in_folder == {split}


def test_given_splits_are_kept(tmp_path):
    fill(tmp_path, LAYOUT | {"valid/real": 2, "valid/fake": 2})
    assert counts(folders.scan([tmp_path])) == {
        ("train", "real"): 6, ("train", "fake"): 6, ("validation", "real"): 2,
        ("validation", "fake"): 2, ("test", "real"): 3, ("test", "fake"): 3,
    }  # fmt: skip


def test_split_words_in_class_folders_split_only_side_by_side(tmp_path):
    both = {"train_real": 5, "train_fake": 5, "test_real": 2, "test_fake": 2, "val_fake": 1}
    fill(tmp_path / "both", both)
    fill(tmp_path / "one", {"training_real": 40, "training_fake": 40})
    assert counts(folders.scan([tmp_path / "both"]))["test", "real"] == 2
    assert set(splits_of(folders.scan([tmp_path / "one"])).values()) == set(folders.SPLITS)


@pytest.mark.parametrize("given", ["", "real_vs_fake", "real_vs_fake/real-vs-fake"])
def test_wrapper_folders_are_stepped_through(tmp_path, given):
    inner = fill(tmp_path / "archive" / "real_vs_fake" / "real-vs-fake", LAYOUT)
    (tmp_path / "archive" / "train.csv").write_text("id,label\n")
    samples = folders.scan([tmp_path / "archive" / given])
    assert counts(samples) == counts(folders.scan([inner]))
    assert {s.source for s in samples} == {Path("archive", given).name}


@pytest.mark.parametrize("wrapper", ["deepfake-dataset", "Human Faces", "FakeOrNot", "images"])
@pytest.mark.parametrize("split", ["", "train/"])
def test_a_wrapper_named_after_a_class_does_not_name_its_images(tmp_path, wrapper, split):
    fill(tmp_path / wrapper, {f"{split}real": 2, f"{split}fake": 2})
    assert sorted(sample.label for sample in folders.scan([tmp_path])) == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["not_fake", "fake"], "not_fake = not fake"),
        (["real", "non-real"], "non-real = not real"),
        (["fake_or_real", "fake"], "fake_or_real = real or fake"),
        (["real_and_fake_1", "real_and_fake_2"], "real_and_fake_1 = real or fake"),
        (["cats", "dogs"], "cats = nothing, dogs = nothing"),
        (["train", "test"], "test = test, train = train"),
        (["test_real", "train_real", "fake"], "fake = fake, test_real = test real"),
    ],
)
def test_unclear_names_are_refused_with_what_was_understood(tmp_path, names, said):
    fill(tmp_path, dict.fromkeys(names, 2))
    with pytest.raises(InputError, match=said) as caught:
        folders.scan([tmp_path])
    assert f"Expected {tmp_path.name}/real and {tmp_path.name}/fake" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_single_negated_folder_is_no_wrapper(tmp_path):
    fill(tmp_path, {"not_fake": 3})
    with pytest.raises(InputError, match="not_fake = not fake"):
        folders.scan([tmp_path])


def test_two_layouts_at_once_are_refused(tmp_path):
    fill(tmp_path, LAYOUT | {"real": 1})
    with pytest.raises(InputError, match="real = real"):
        folders.scan([tmp_path])


def test_folders_without_meaning_are_ignored_and_logged(tmp_path, caplog):
    fill(tmp_path, {"real": 3, "fake": 3, "masks": 3, "test": 3})
    with caplog.at_level(logging.INFO, logger="src.data.layout"):
        assert len(folders.scan([tmp_path])) == 6
    assert "masks is ignored" in caplog.text
    assert "test is ignored" in caplog.text


def test_missing_empty_and_repeated_folders_are_refused(tmp_path):
    fill(tmp_path / "set", {"real": 1, "fake": 1})
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow" / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "set")
    for given, message in [
        (["gone"], "gone: there is no such folder"),
        (["set/real/0000.jpg"], "this is a file"),
        (["empty"], "there are none"),
        (["hollow"], "no images"),
        (["a" * 300], "cannot be looked at"),
        (["set", "set/../set"], "given more than once"),
        (["set", "link"], "given more than once"),
        ([], "no data folder"),
    ]:
        with pytest.raises(InputError, match=message):
            folders.scan([tmp_path / name for name in given])


def test_a_folder_of_one_class_is_fine_until_both_are_required(tmp_path):
    real = fill(tmp_path / "real_only", {"train/real": 2, "valid/real": 2})
    fake = fill(tmp_path / "fake_only", {"train/fake": 2, "valid/fake": 2, "test/fake": 2})
    with pytest.raises(InputError, match="train split has no fake"):
        folders.require_both_classes(folders.scan([real]), ["train"])
    samples = folders.scan([real, fake])
    folders.require_both_classes(samples, ["train", "validation"])
    with pytest.raises(InputError, match="test split has no real"):
        folders.require_both_classes(samples, folders.SPLITS)


def test_sources_name_the_data_folder_and_the_first_folder_below_the_class(tmp_path):
    fill(tmp_path / "set", {"real": 1, "fake/stylegan": 1, "fake/sd/v2/deep": 1})
    sources = {sample.source for sample in folders.scan([tmp_path / "set"])}
    assert sources == {"set", "set/stylegan", "set/sd"}


def test_data_folders_of_one_name_stay_apart(tmp_path):
    given = [
        fill(tmp_path / path, {"train/real": 1, "train/fake": 1, "test/real": 1, "test/fake": 1})
        for path in ("a/faces", "b/faces", "other")
    ]
    samples = folders.scan(given)
    assert {sample.source for sample in samples} == {"a/faces", "b/faces", "other"}
    assert len({sample.group for sample in samples}) == len(samples) == 12


def test_relative_data_folder(tmp_path, monkeypatch):
    fill(tmp_path / "set", {"real": 2, "fake": 2})
    monkeypatch.chdir(tmp_path / "set")
    samples = folders.scan(["."])
    assert {sample.source for sample in samples} == {"set"}
    assert all(sample.path.exists() for sample in samples)


def test_a_groups_table_beside_a_wrapper_is_not_passed_over(tmp_path):
    fill(tmp_path / "archive" / "real-vs-fake", LAYOUT)
    (tmp_path / "archive" / "groups.csv").write_text("path,group\n")
    with pytest.raises(InputError, match=r"expected in .*real-vs-fake"):
        folders.scan([tmp_path / "archive"])


def test_images_are_found_below_sorted_and_without_hidden_leftovers(tmp_path):
    for name in ["b.JPG", "a/z.png", "a/c.heic", "notes.txt", ".hidden.jpg", ".cache/x.jpg",
                 "__MACOSX/b.jpg", "a/._z.png", "jpg", "a/photo.jpg.part"]:  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in folders.images(tmp_path)]
    assert names == ["a/c.heic", "a/z.png", "b.JPG"]
    with pytest.raises(InputError, match="no such folder"):
        folders.images(tmp_path / "gone")


def test_links_are_followed_but_not_in_circles(tmp_path):
    fill(tmp_path, {"elsewhere": 3})
    (tmp_path / "set" / "fake").mkdir(parents=True)
    (tmp_path / "set" / "real").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "set")
    assert len(folders.images(tmp_path / "set")) == 3
    assert len(folders.scan([tmp_path / "set"])) == 3
    (tmp_path / "round").mkdir()
    (tmp_path / "round" / "again").symlink_to(tmp_path / "round")
    (tmp_path / "round" / "itself").symlink_to(tmp_path / "round" / "itself")
    assert folders.images(tmp_path / "round") == []
    with pytest.raises(InputError):
        folders.scan([tmp_path / "round"])


def test_photographs_of_no_class_are_real_and_get_a_split(tmp_path):
    fill(tmp_path, {"": 40, "anna": 40})
    (tmp_path / "groups.csv").write_text("path,group\n0000.jpg,one\nanna/0001.jpg,one\n")
    samples = folders.scan_real(tmp_path)
    assert {sample.label for sample in samples} == {0}
    assert {sample.split for sample in samples} == set(folders.SPLITS)
    assert len({sample.group for sample in samples}) == 79
    assert samples == folders.scan_real(tmp_path)
    assert samples != folders.scan_real(tmp_path, seed=1)


def test_only_the_real_images_of_a_data_set_are_taken_as_real(tmp_path):
    fill(tmp_path, LAYOUT)
    assert counts(folders.scan_real(tmp_path)) == {
        key: count for key, count in counts(folders.scan([tmp_path])).items() if key[1] == "real"
    }


@pytest.mark.parametrize("layout", [{"fakes": 3}, {"train/fake": 3}, {"not real": 3, "other": 1}])
def test_fakes_are_not_taken_as_real(tmp_path, layout):
    fill(tmp_path, layout)
    with pytest.raises(InputError):
        folders.scan_real(tmp_path)
    with pytest.raises(InputError):
        folders.scan_real(tmp_path / next(iter(layout)))
