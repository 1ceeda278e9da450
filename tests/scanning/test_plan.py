import os

import pytest

from src import InputError
from src.scanning.plan import Plan, Settings, begin, choose_part_size, end

SETTINGS = Settings("c" * 64)
NAMES = ["b.jpg", "a.jpg", "b.jpg", "with\nline.png", os.fsdecode(b"caf\xe9.png"), "日本.webp", "z"]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "scan.parquet"


def judged(plan: Plan, *numbers: int) -> None:
    for number in numbers:
        plan.file(number).write_bytes(b"answers")


def test_parts_hold_the_list_in_order_whatever_the_names_and_how_often(folder):
    plan = begin(folder, iter(NAMES), SETTINGS, part_size=3)
    parts = [plan.paths(number) for number in range(plan.parts)]
    assert [len(part) for part in parts] == [3, 3, 1]
    assert [plan.count(number) for number in range(plan.parts)] == [3, 3, 1]
    assert [name for part in parts for name in part] == NAMES


def test_a_scan_goes_on_with_the_parts_that_it_had(folder):
    judged(begin(folder, NAMES, SETTINGS, part_size=3), 1)
    again = begin(folder, NAMES, SETTINGS, part_size=5)
    assert again.part_size == 3
    assert again.waiting() == [0, 2]


@pytest.mark.parametrize(
    ("names", "settings", "said"),
    [
        (NAMES[:-1], SETTINGS, "7 images, not 6 images"),
        (sorted(NAMES), SETTINGS, "the list of images"),
        (NAMES, Settings("d" * 64), "model whose card is cccccccc"),
        (NAMES, Settings("c" * 64, stability=4), "--stability 0, not --stability 4"),
    ],
)
def test_another_scan_is_refused_and_replaced_only_when_asked(folder, names, settings, said):
    judged(begin(folder, NAMES, SETTINGS, part_size=3), 0, 1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match=said):
        begin(folder, names, settings)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    anew = begin(folder, names, settings, overwrite=True)
    assert anew.waiting() == list(range(anew.parts))
    assert not list(folder.glob("part-*"))


def test_what_never_got_going_binds_nobody(folder):
    begin(folder, NAMES, Settings("c" * 64, engine="onnxruntime"))
    assert begin(folder, NAMES[:2], SETTINGS).images == 2


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_scan_is_never_touched(tmp_path, overwrite):
    photos = tmp_path / "photos.parquet"
    photos.mkdir()
    (photos / "part-of-it.jpg").write_text("mine")
    file = tmp_path / "file.parquet"
    file.write_text("mine")
    for place, said in ((photos, "part-of-it.jpg"), (file, "is a file"), (tmp_path, ".parquet")):
        with pytest.raises(InputError, match=said):
            begin(place, NAMES, SETTINGS, overwrite=overwrite)
    assert file.read_text() == (photos / "part-of-it.jpg").read_text() == "mine"
    assert len(list(photos.iterdir())) == 1


def test_facts_that_cannot_be_read_are_told(folder):
    begin(folder, NAMES, SETTINGS)
    (folder / "_scan.json").write_text("{")
    with pytest.raises(InputError, match="_scan.json"):
        begin(folder, NAMES, SETTINGS)


def test_an_empty_list_is_an_error_and_leaves_nothing_behind(folder):
    with pytest.raises(InputError, match="empty"):
        begin(folder, [], SETTINGS)
    assert list(folder.iterdir()) == []


def test_the_end_deletes_what_was_half_written_and_nothing_else(folder):
    judged(begin(folder, NAMES, SETTINGS), 0)
    for half in ("_images.jsonl", "_scan.json", "part-000000.parquet"):
        (folder / f".123.{half}").touch()
    (folder / ".mine").touch()
    end(folder)
    left = {path.name for path in folder.iterdir()}
    assert left == {".mine", "_images.jsonl", "_scan.json", "part-000000.parquet"}


@pytest.mark.parametrize(
    ("images", "stability", "size"),
    [(1, 0, 64), (2_000, 0, 125), (10**6, 0, 1024), (10**6, 3, 256), (2 * 10**7, 0, 2000)],
)
def test_parts_are_for_several_workers_and_not_too_many(images, stability, size):
    assert choose_part_size(images, stability) == size
