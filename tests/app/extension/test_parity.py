"""The extension says of files of all kinds what Python says."""

import made
import numpy as np
import pytest

from app.extension.browser import some_pictures
from app.extension.parity import compare, worst_overlap
from src import InputError
from src.data.faces import Face, crop_box
from src.detector import bundle

pytestmark = pytest.mark.xdist_group("browser")


def test_made_files_have_the_same_score_faces_and_verdict(browser, framed_bundle, tmp_path):
    paths = []
    for name, content in made.files().items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(content)
    assert len(paths) >= 40
    pairs = list(compare(bundle.load(framed_bundle, "keras"), browser, paths))
    assert [f"{pair.path}: {pair.fault}" for pair in pairs if pair.fault] == []
    assert [pair.path for pair in pairs if pair.reasons[0] != pair.reasons[1]] == []
    assert {reason for pair in pairs for reason in pair.reasons[0]} >= {"no_face", "unfamiliar"}
    assert sum(pair.faces[0] > 0 for pair in pairs) >= 40


def test_the_same_pictures_are_taken_for_the_same_seed(tmp_path):
    with pytest.raises(InputError, match="no pictures"):
        some_pictures(tmp_path, 3, 0)
    for number in range(9):
        (tmp_path / f"{number}.JPG").touch()
    (tmp_path / "notes.txt").touch()
    first = some_pictures(tmp_path, 3, 0)
    assert first == some_pictures(tmp_path, 3, 0) != some_pictures(tmp_path, 3, 1)
    assert len(set(first)) == 3
    assert len(some_pictures(tmp_path, 200, 0)) == 9


def test_two_faces_that_change_places_are_compared_with_themselves():
    one, other = (0.0, 0.0, 40.0, 40.0), (100.0, 0.0, 40.0, 40.0)
    assert worst_overlap([one, other], [other, one]) == 1
    assert worst_overlap([one, other], [one, one]) == 0
    assert worst_overlap([], []) == 1


def test_a_rectangle_of_the_visitors_own_is_framed_like_a_face(browser):
    box = (100.0, 80.0, 60.0, 70.0)
    answer = browser.check(made.files()["plain.png"], box=list(box))["answer"]
    face = Face(box, 1.0, np.zeros((5, 2)))
    assert [tuple(found["region"]) for found in answer["faces"]] == [
        crop_box((360, 360), face, 0.5)
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "no_file"),
        (b"no picture", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
        (b"II*\0" + bytes(100), "format"),
        (made.files()["plain.png"][:3000], "undecodable"),
    ],
)
def test_what_cannot_be_read_has_a_code(browser, content, code):
    assert browser.check(content)["problem"]["code"] == code
