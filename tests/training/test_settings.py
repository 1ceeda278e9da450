"""What decides a training run."""

import re
from dataclasses import fields, replace

import pytest

from src import InputError
from src.detector import network
from src.training.settings import Settings


@pytest.mark.parametrize(("backbone", "side"), [("xception", 299), ("resnext50", 224)])
def test_a_backbone_has_a_size_of_its_own_where_none_is_asked_for(backbone, side):
    settings = Settings((), backbone=backbone)
    assert settings.image_size == settings.encoded_size == side
    assert replace(settings, seed=3).image_size == side
    assert Settings((), backbone=backbone, image_size=96).image_size == 96


def test_the_help_knows_these_sizes():
    (setting,) = [one for one in fields(Settings) if one.name == "image_size"]
    said = setting.metadata["help"]
    usual = int(re.search(r"default: (\d+)", said)[1])
    others = {name: int(side) for name, side in re.findall(r"for (\w+) (\d+)", said)}
    known = {name: spec.image_size for name, spec in network.BACKBONES.items()}
    assert known == dict.fromkeys(known, usual) | others


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"equalize_size": 256}, "is for --equalize"),
        ({"image_size": 70}, "--image-size 70: xception needs at least 71"),
        ({"views": 1, "schedule": "scratch"}, "--views needs a frozen backbone"),
    ],
)
def test_what_cannot_be_or_would_do_nothing_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        Settings((), **given)
