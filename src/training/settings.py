"""What decides a training run, and how each of it is asked for on the command line."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import click

from src import InputError
from src.auditing.findings import MAX_SHORTCUT_AUC
from src.data import augment
from src.detector import network, temporal
from src.detector.calibration import MAX_FALSE_FAKE, MAX_FALSE_REAL
from src.detector.framing import FACES
from src.training import precision, weights

TWO_PHASE, SCRATCH = "two-phase", "scratch"
# Training takes one face an image.
ONE_FACE = tuple(name for name in FACES if name != "all")

_COUNT, _COUNT_OR_NONE = click.IntRange(1), click.IntRange(0)
_POSITIVE = click.FloatRange(0, min_open=True)
_SHARE = click.FloatRange(0, 1, min_open=True)
_RATE = click.FloatRange(0, 1, min_open=True, max_open=True)


class Crop(click.ParamType):
    """`SIDE:EPOCHS`, two whole numbers."""

    name = "SIDE:EPOCHS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        side, _, epochs = str(value).partition(":")
        if not (side.isdecimal() and epochs.isdecimal()):
            self.fail(f"expected SIDE:EPOCHS such as 96:10, got {value!r}", param, ctx)
        return int(side), int(epochs)


def _setting(default: Any, kind: Any, help: str, **option: Any) -> Any:
    """Declare a setting with its type on the command line, and what is said of it there."""
    return field(default=default, metadata={"type": kind, "help": help} | option)


@dataclass(frozen=True)
class Settings:
    """What decides a training run; with what was decided in it, `config.json` in the bundle.

    Every setting is an option of `deepfake train`; what it says there is said here.
    """

    data_dirs: tuple[str, ...] = field(
        metadata={"name": "--data-dir", "multiple": True, "required": True,
                  "help": "Folder with images; repeatable."}
    )  # fmt: skip
    backbone: str = _setting(
        "xception", str, f"Network under the head: {', '.join(network.BACKBONES)}."
    )
    image_size: int = _setting(
        None, _COUNT, "Side of the square input in pixels.  [default: 299; for resnext50 224]"
    )
    weights: str = _setting("auto", str, f"To start from: {weights.CHOICES}.")
    schedule: str | None = _setting(
        None,
        click.Choice([TWO_PHASE, SCRATCH]),
        "Frozen and then the last layers, or the whole network.  [default: two-phase where "
        "weights were loaded, else scratch]",
    )
    warmup_epochs: int = _setting(
        5, _COUNT_OR_NONE, "Frozen epochs; from scratch, epochs with a rising learning rate."
    )
    finetune_epochs: int = _setting(10, _COUNT_OR_NONE, "Epochs after those.")
    unfreeze_layers: int = _setting(
        40, _COUNT_OR_NONE, "Backbone layers trained in phase 2, counted from the head."
    )
    batch_size: int = _setting(32, _COUNT, "Images a step.")
    learning_rate: float = _setting(
        1e-3, _POSITIVE, "Of the warm-up, and the highest from scratch."
    )
    finetune_learning_rate: float = _setting(1e-4, _POSITIVE, "Of phase 2.")
    dropout: float = _setting(
        0.5, click.FloatRange(0, 1, max_open=True), "Share of hidden units dropped."
    )
    augment: str = _setting("full", click.Choice(augment.LEVELS), "How images are varied.")
    crops: tuple[tuple[int, int], ...] = _setting(
        (),
        Crop(),
        "SIDE:EPOCHS of the first epochs from scratch: random squares of that side in pixels at "
        "full scale, in less time; the others see whole images. Repeatable.",
        name="--crop",
        multiple=True,
    )
    balance: bool = _setting(
        False, None, "Show the images of smaller sources several times an epoch."
    )
    self_blend: float = _setting(
        0.0,
        click.FloatRange(0, 1),
        "Give real faces self-blended fakes, anew in every epoch: this share of them; all where "
        "no share is given.",
        is_flag=False,
        flag_value=1.0,
    )
    views: int = _setting(
        0,
        _COUNT_OR_NONE,
        "Warm up on features of N views of every image, computed once; 0: fresh every epoch.",
    )
    patience: int = _setting(
        5, _COUNT, "Epochs without a better validation AUC after which a phase ends."
    )
    precision: str = _setting("auto", click.Choice(precision.PRECISIONS), "To compute in.")
    faces: str = _setting(
        "auto",
        click.Choice(ONE_FACE),
        "auto: images framed otherwise than most are cropped to their largest face.",
    )
    framing: float | None = _setting(
        None, _SHARE, "Share of the frame that the face fills.  [default: measured]"
    )
    limit_per_class: int | None = _setting(None, _COUNT, "Images of a class in each split.")
    fraction: float | None = _setting(None, _SHARE, "Share of the images used.")
    seed: int = _setting(0, _COUNT_OR_NONE, "Of everything random.")
    deterministic: bool = _setting(False, None, "To the last bit, and slower; on TensorFlow.")
    equalize: bool = _setting(
        False, None, "Learn from images that are re-encoded alike; the audit judges those."
    )
    equalize_size: int | None = _setting(
        None,
        _COUNT,
        "Side in pixels at which they are re-encoded, before they are scaled to the network's: a "
        "larger one leaves finer traces.  [default: --image-size]",
    )
    max_shortcut_auc: float = _setting(
        MAX_SHORTCUT_AUC,
        click.FloatRange(0.5, 1),
        "Stop where the files alone tell the classes better than this.",
    )
    allow_shortcut: bool = _setting(False, None, "Go on where the files tell the classes.")
    max_false_fake: float = _setting(
        MAX_FALSE_FAKE, _RATE, "Share of real faces that may be called fake."
    )
    max_false_real: float = _setting(
        MAX_FALSE_REAL, _RATE, "Share of fakes that may be called real."
    )
    temporal: str | None = _setting(
        None,
        click.Choice(temporal.KINDS),
        "Learn what follows from the frames of a video in their order, with this head, on top of "
        "the trained network.",
    )
    clip_frames: int = _setting(16, _COUNT, "Frames of a clip that the temporal head sees.")
    temporal_epochs: int = _setting(30, _COUNT, "Epochs of the temporal head, at most.")
    half_weights: bool = _setting(
        False, None, "Round the best epoch's kernels to float16 before all else: half the file."
    )

    def __post_init__(self) -> None:
        spec = network.backbone(self.backbone)
        if self.image_size is None:
            object.__setattr__(self, "image_size", spec.image_size)
        if self.image_size < spec.smallest:
            raise InputError(
                f"--image-size {self.image_size}: {self.backbone} needs at least {spec.smallest}"
            )
        if self.warmup_epochs + self.finetune_epochs < 1:
            raise InputError("nothing to train: give at least one warm-up or fine-tune epoch")
        if self.faces not in ONE_FACE:
            raise InputError(
                f"--faces {self.faces}: training takes one face an image; give one of "
                f"{', '.join(ONE_FACE)}, or cut out every face first with "
                "`deepfake faces --faces all`"
            )
        if self.framing is not None and (self.faces == "off" or not 0 < self.framing <= 1):
            raise InputError(
                f"--framing {self.framing}: expected more than 0 and at most 1, and not --faces off"
            )
        self._check_crops(spec.smallest)
        if self.equalize_size and not self.equalize:
            raise InputError(f"--equalize-size {self.equalize_size} is for --equalize: give both")
        self.require_possible(self.schedule)

    def require_possible(self, schedule: str | None) -> None:
        """Refuse what a schedule cannot do; None is one that is still to be decided."""
        if self.views and schedule == SCRATCH:
            raise InputError(
                "--views needs a frozen backbone, and from scratch none is: leave it out, or give "
                "--weights or --schedule two-phase"
            )

    @property
    def encoded_size(self) -> int:
        """Side in pixels at which images are equalised."""
        return self.equalize_size or self.image_size

    @property
    def sampling(self) -> dict[str, Any]:
        """What decides which images are used, by the names that finding has for it."""
        return {name: getattr(self, name) for name in ("seed", "limit_per_class", "fraction")}

    @property
    def calibrating(self) -> dict[str, Any]:
        """What decides a calibration, by the names that calibrating has for it."""
        names = "max_false_fake", "max_false_real", "batch_size", "seed"
        return {name: getattr(self, name) for name in names}

    def _check_crops(self, smallest: int) -> None:
        if not self.crops:
            return
        if self.schedule != SCRATCH:
            raise InputError("--crop is for training from random weights: give --schedule scratch")
        for side, epochs in self.crops:
            if not smallest <= side < self.image_size or epochs < 1:
                raise InputError(
                    f"--crop {side}:{epochs}: expected a side of {smallest} to "
                    f"{self.image_size - 1} pixels and at least one epoch"
                )
        if sum(epochs for _, epochs in self.crops) > self.warmup_epochs + self.finetune_epochs:
            raise InputError("--crop: more epochs of crops than epochs in all")


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for every setting to a click command."""
    for setting in reversed(fields(Settings)):
        chosen = dict(setting.metadata)
        name = chosen.pop("name", f"--{setting.name.replace('_', '-')}")
        if setting.type is bool:
            chosen["is_flag"] = True
        if not chosen.get("multiple"):
            chosen["default"] = setting.default
        command = click.option(name, setting.name, **chosen)(command)
    return command
