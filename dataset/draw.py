"""Draw the sample that ships with the repository: portraits, and portraits with a swapped face.

It exists to run the pipeline from end to end and says nothing about real deepfakes.
"""

import json
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dataset.portrait import Floats, Person, Pose, draw_backdrop, draw_portrait, floats
from src.cli import Verb
from src.data.dataset import DRAWN_SAMPLE_MARK
from src.files import refuse_existing, write_text

SIZE = 104  # pixels
COUNTS = {"train": 300, "validation": 60, "test": 80}  # per class
SEED = 2026
NOISE = (4.5, 10.0)  # grey levels
FOCUS = (0.2, 0.7)  # pixels
DONOR_SIZE = 48  # pixels
BALANCE = 1.05  # makes up for the edges that are lost when the donor's face is enlarged
JPEG: dict[str, Any] = {"format": "JPEG", "quality": 90, "subsampling": "4:2:0", "optimize": True}


def draw_sample(output: Path, seed: int = SEED) -> int:
    """Write `{train,validation,test}/{real,fake}/*.jpg` and a mask for every fake.

    Args:
        output: Folder to write to; files of the same name are replaced.
        seed: The same seed gives the same pictures.

    Returns:
        How many images were written.
    """
    for split, count in COUNTS.items():
        for number in range(count):
            real, _ = draw_picture(split, 0, number, seed)
            fake, mask = draw_picture(split, 1, number, seed)
            _save(real, output / split / "real" / f"{number:04d}.jpg", **JPEG)
            _save(fake, output / split / "fake" / f"{number:04d}.jpg", **JPEG)
            white = np.where(mask > 0.5, 255, 0)
            _save(white, output / "masks" / split / "fake" / f"{number:04d}.png", optimize=True)
    mark = {"drawn_by": "dataset/draw.py", "seed": seed}
    write_text(output / DRAWN_SAMPLE_MARK, json.dumps(mark) + "\n")
    return 2 * sum(COUNTS.values())


def draw_picture(split: str, label: int, number: int, seed: int = SEED) -> tuple[Floats, Floats]:
    """Draw one picture of the sample by its place in it.

    Args:
        split: A key of `COUNTS`.
        label: 1 fake, 0 real.
        number: Which of its class, from 0.
        seed: The same seed gives the same picture.

    Returns:
        The image, float32 (SIZE, SIZE, 3), RGB in [0, 255], and the mask of the swapped region,
        float32 (SIZE, SIZE) in [0, 1], empty for a real one.
    """
    rng = np.random.default_rng([seed, list(COUNTS).index(split), label, number])
    if label:
        return draw_fake(rng)
    return draw_real(rng), np.zeros((SIZE, SIZE), np.float32)


def draw_real(rng: np.random.Generator) -> Floats:
    """Photograph a made-up person; float32 (SIZE, SIZE, 3), RGB in [0, 255]."""
    return _photograph(rng, Pose.draw_lots(rng), SIZE, _draw_noise_level(rng))


def draw_fake(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Photograph a made-up person and put the face of another one on.

    The donor's face comes from a smaller photograph, so that it brings its own sensor noise,
    coarsened by enlarging. The photograph around it is as much noisier as the face is smoother:
    over the whole image, fakes are as sharp as real ones.

    Returns:
        The image, float32 (SIZE, SIZE, 3), RGB in [0, 255], and the mask of the swapped
        region, float32 (SIZE, SIZE) in [0, 1].
    """
    pose, donor_pose = Pose.draw_lots(rng), Pose.draw_lots(rng)
    mask = _draw_mask(rng, pose)
    level = _draw_noise_level(rng)
    target = _photograph(rng, pose, SIZE, BALANCE * level / float(np.sqrt(1 - mask.mean())))
    donor = _photograph(rng, donor_pose, DONOR_SIZE, level)
    face = _align(donor, donor_pose, pose)
    face = _match_colours(face, target, mask)
    return target + mask[..., None] * (face - target), mask


def _draw_noise_level(rng: np.random.Generator) -> float:
    """Return a noise level in grey levels, log-uniform over `NOISE`."""
    return float(np.exp(rng.uniform(*np.log(NOISE))))


def _photograph(rng: np.random.Generator, pose: Pose, size: int, level: float) -> Floats:
    """Draw somebody in that pose, seen by a sensor whose noise grows with the light."""
    picture = draw_portrait(Person.draw_lots(rng), pose, draw_backdrop(rng, size))
    picture = floats(cv2.GaussianBlur(picture, (0, 0), rng.uniform(*FOCUS)))
    grain = rng.normal(size=(size, size, 1)) + 0.4 * rng.normal(size=(size, size, 3))
    light = np.sqrt(0.4 + 0.6 * picture.mean(axis=-1, keepdims=True) / 128)
    return (picture + level * light * grain).astype(np.float32)


def _draw_mask(rng: np.random.Generator, pose: Pose) -> Floats:
    """Return a soft, slightly irregular mask over brows, eyes, nose and mouth."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    waves = sum(
        rng.normal(0, 0.025) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 6)
    )
    radius = rng.uniform(0.94, 1.04) * (1 + waves)
    outline = np.stack(
        [0.84 * radius * np.cos(angle), 0.26 + 0.92 * radius * np.sin(angle), np.ones(72)]
    )
    points = (pose.to_frame(SIZE) @ outline).T
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1.0, shift=4)
    return floats(cv2.GaussianBlur(mask, (0, 0), rng.uniform(1.0, 1.8)))


def _align(donor: Floats, donor_pose: Pose, pose: Pose) -> Floats:
    """Turn, move and enlarge the donor's photograph until its face lies over that of `pose`."""
    back = np.vstack([cv2.invertAffineTransform(donor_pose.to_frame(DONOR_SIZE)), [0, 0, 1]])
    return floats(
        cv2.warpAffine(
            donor,
            pose.to_frame(SIZE) @ back,
            (SIZE, SIZE),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
    )


def _match_colours(face: Floats, target: Floats, mask: Floats) -> Floats:
    """Give the face the target's mean and spread inside the mask, channel by channel.

    Equations 10 and 11 of Reinhard et al., "Color Transfer between Images" (2001), in RGB.
    """
    inside = mask > 0.5
    mean, spread = face[inside].mean(axis=0), face[inside].std(axis=0)
    gain = np.clip(target[inside].std(axis=0) / spread, 0.7, 1.4)
    return (face - mean) * gain + target[inside].mean(axis=0)


def _save(picture: NDArray[Any], path: Path, **options: Any) -> None:
    """Write a picture with values in [0, 255], and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, **options)


@click.command(cls=Verb)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(__file__).parent,
    help="Folder to write to.",
)
@click.option("--seed", type=click.IntRange(0), default=SEED, help="Seed of the pictures.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier sample.")
def command(output: Path, seed: int, overwrite: bool) -> None:
    """Draw the sample of portraits and face swaps."""
    refuse_existing(output / DRAWN_SAMPLE_MARK, overwrite)
    click.echo(f"{draw_sample(output, seed)} images in {output}")


if __name__ == "__main__":
    command()
