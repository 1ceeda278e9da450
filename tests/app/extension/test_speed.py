"""How long the extension takes is measured to the painted heatmap."""

import made
import people
import pytest
from PIL import Image

from app.extension.speed import in_words, measure

pytestmark = pytest.mark.xdist_group("browser")


def test_every_part_is_timed_and_they_add_up(browser, tmp_path):
    path = tmp_path / "face.jpg"
    path.write_bytes(made.encoded(Image.fromarray(people.astronaut()), "JPEG"))
    speed = measure(browser, [path, path], 0.5)
    parts = ["transport", "decoding", "faces", "framing", "network", "drawing"]
    assert list(speed.median) == [*parts, "total"]
    assert sum(speed.median[name] for name in parts) == pytest.approx(
        speed.median["total"], rel=0.1, abs=20
    )
    assert speed.slowest["total"] >= speed.median["total"] > 0
    assert (speed.pictures, speed.with_faces) == (2, 2)
    assert speed.load > 0
    assert "2 pictures, 2 with faces, by" in in_words(speed)
