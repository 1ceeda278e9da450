"""Where the evidence lies, on maps whose evidence was put there."""

import numpy as np
import pytest

from src import InputError
from src.explaining import regions
from src.explaining.regions import REGIONS, concentration, locate

# A face that fills a 200-px view: the eyes 60 px apart.
LANDMARKS = np.float32([[70, 80], [130, 80], [100, 115], [76, 149], [124, 149]])
VIEW = (0, 0, 200, 200)
WHERE = {
    "eyes": (70, 78),
    "nose": (100, 112),
    "mouth": (100, 149),
    "forehead": (100, 45),
    "cheeks and jaw": (60, 120),
    "hair and background": (8, 8),
}


def at(x, y, value=1.0, side=20):
    evidence = np.zeros((side, side), np.float32)
    evidence[int(y * side / 200), int(x * side / 200)] = value
    return evidence


@pytest.mark.parametrize("region", REGIONS)
def test_evidence_is_found_in_the_region_where_it_was_put(region):
    found = locate(at(*WHERE[region]), VIEW, LANDMARKS, fake=True)
    assert found.strongest == region
    assert found.shares[region] > 0.7
    assert sum(found.shares.values()) == pytest.approx(1)
    assert sum(found.areas.values()) == pytest.approx(1)


def test_evidence_for_real_is_what_is_negative():
    evidence = at(*WHERE["mouth"]) - at(*WHERE["eyes"])
    assert locate(evidence, VIEW, LANDMARKS, fake=True).strongest == "mouth"
    assert locate(evidence, VIEW, LANDMARKS, fake=False).strongest == "eyes"


def test_the_regions_follow_the_face_and_the_view():
    turn = np.array([[0, -1], [1, 0]])
    turned = (LANDMARKS - 100) @ turn.T + 100
    x, y = np.array(turn @ (np.array(WHERE["mouth"]) - 100)) + 100
    assert locate(at(x, y), VIEW, turned, fake=True).strongest == "mouth"
    shifted = locate(
        at(*WHERE["mouth"]), (300, 40, 200, 200), LANDMARKS + np.float32([300, 40]), fake=True
    )
    assert shifted.strongest == "mouth"


def test_even_evidence_lies_as_the_areas_do_and_is_not_concentrated():
    even = locate(np.ones((10, 10), np.float32), VIEW, LANDMARKS, fake=True)
    assert even.shares == pytest.approx(even.areas)
    assert concentration(np.ones((10, 10)), fake=True) == pytest.approx(0.5)
    assert concentration(at(100, 149), fake=True) == pytest.approx(1 / 400)
    assert concentration(at(100, 149, -1), fake=False) == pytest.approx(1 / 400)


def test_a_region_is_named_by_its_evidence_for_its_area_and_not_for_being_large():
    # Most of the evidence lies outside, but less than the area does.
    evidence = np.ones((20, 20), np.float32) + at(*WHERE["mouth"], 40) + at(*WHERE["eyes"], 25)
    found = locate(evidence, VIEW, LANDMARKS, fake=True)
    assert max(found.shares, key=found.shares.__getitem__) == "hair and background"
    assert found.strongest == "mouth"


def test_no_region_is_named_where_the_evidence_is_spread():
    assert locate(np.ones((10, 10)), VIEW, LANDMARKS, fake=True).strongest is None
    slightly = np.ones((20, 20)) + at(*WHERE["mouth"], 2)
    assert locate(slightly, VIEW, LANDMARKS, fake=True).strongest is None


@pytest.mark.parametrize("side", [3, 5, 6])
def test_a_coarse_map_tells_only_the_face_from_what_lies_around_it(side):
    found = locate(at(*WHERE["mouth"], side=side), VIEW, LANDMARKS, fake=True)
    assert found.coarse and set(found.shares) == set(found.areas) == {"face", "hair and background"}
    assert found.strongest == "face"
    corner = locate(at(*WHERE["hair and background"], side=side), VIEW, LANDMARKS, fake=True)
    assert corner.strongest == "hair and background"
    assert not locate(np.ones((7, 7)), VIEW, LANDMARKS, fake=True).coarse


@pytest.mark.parametrize("region", REGIONS)
def test_the_box_of_a_region_lies_around_it(region):
    found = locate(np.ones((10, 10)), VIEW, LANDMARKS, fake=True)
    left, top, width, height = found.boxes[region]
    x, y = WHERE[region]
    assert left <= x <= left + width and top <= y <= top + height
    assert width * height < 40_000 or region == "hair and background"
    shifted = LANDMARKS + np.float32([300, 40])
    moved = locate(np.ones((10, 10)), (300, 40, 200, 200), shifted, fake=True)
    assert moved.boxes[region] == (left + 300, top + 40, width, height)


def test_no_evidence_lies_nowhere():
    found = locate(np.full((5, 5), -1, np.float32), VIEW, LANDMARKS, fake=True)
    assert found.shares == {}
    assert concentration(np.full((5, 5), -1), fake=True) is None


def test_landmarks_that_are_no_face_are_refused():
    with pytest.raises(InputError, match="landmarks"):
        locate(np.ones((5, 5)), VIEW, np.zeros((5, 2)), fake=True)


def test_every_point_belongs_to_one_region():
    x, y = np.meshgrid(np.linspace(-3, 3, 50), np.linspace(-3, 3, 50))
    assert set(np.unique(regions._label(x, y))) == set(range(len(REGIONS)))
