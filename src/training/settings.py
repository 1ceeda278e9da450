"""What decides a training run."""

from __future__ import annotations

from dataclasses import dataclass

from src import InputError
from src.auditing.findings import MAX_SHORTCUT_AUC
from src.detector import network
from src.detector.calibration import MAX_FALSE_FAKE, MAX_FALSE_REAL

TWO_PHASE, SCRATCH = "two-phase", "scratch"


@dataclass(frozen=True)
class Settings:
    """What decides a training run; `config.json` in the bundle.

    Attributes:
        data_dirs: folders with the images.
        backbone: key of `network.BACKBONES`.
        image_size: side of the square input in pixels.
        weights: `auto`, `imagenet`, `starter`, `none` or a path.
        schedule: `two-phase` or `scratch`; None takes two-phase where weights were loaded.
        warmup_epochs: frozen epochs; from scratch, epochs with a rising learning rate.
        finetune_epochs: epochs after those.
        unfreeze_layers: backbone layers trained in phase 2, counted from the head.
        batch_size: images a step.
        learning_rate: of the warm-up, and the highest from scratch.
        finetune_learning_rate: of phase 2.
        dropout: share of hidden units dropped, in [0, 1).
        augment: one of `augment.LEVELS`.
        crops: side in pixels and number of epochs, of the first epochs from scratch: they see
            random squares of that side at full scale, in less time; the others see whole images.
        balance: show the images of smaller sources several times an epoch.
        self_blend: give each real image with a face a self-blended fake, anew in every epoch.
        views: 0 runs the frozen backbone in every warm-up epoch; N computes its features once for
            each of N views of every image (the plain one and N - 1 augmented ones).
        patience: epochs without a better validation AUC after which a phase ends.
        precision: `auto`, `float32`, `bfloat16` or `float16`.
        faces: `auto` frames every image alike around its largest face, `off` takes it whole.
        framing: share of the frame that the face fills; None measures the training images.
        limit_per_class: at most so many images of a class in each split.
        fraction: share of the images used.
        seed: of everything random.
        deterministic: use operations that always agree, at some cost in speed.
        equalize: learn from images that are re-encoded alike; the audit's gate judges those.
        max_shortcut_auc: above this, what the files alone give away stops the run.
        allow_shortcut: go on past that gate.
        max_false_fake: share of real faces that the thresholds may call fake.
        max_false_real: share of fakes that they may call real.
        half_weights: round the kernels of the best epoch to float16 before anything is measured,
            and store them so.
    """

    data_dirs: tuple[str, ...]
    backbone: str = "xception"
    image_size: int = 299
    weights: str = "auto"
    schedule: str | None = None
    warmup_epochs: int = 5
    finetune_epochs: int = 10
    unfreeze_layers: int = 40
    batch_size: int = 32
    learning_rate: float = 1e-3
    finetune_learning_rate: float = 1e-4
    dropout: float = 0.5
    augment: str = "full"
    crops: tuple[tuple[int, int], ...] = ()
    balance: bool = False
    self_blend: bool = False
    views: int = 0
    patience: int = 5
    precision: str = "auto"
    faces: str = "auto"
    framing: float | None = None
    limit_per_class: int | None = None
    fraction: float | None = None
    seed: int = 0
    deterministic: bool = False
    equalize: bool = False
    max_shortcut_auc: float = MAX_SHORTCUT_AUC
    allow_shortcut: bool = False
    max_false_fake: float = MAX_FALSE_FAKE
    max_false_real: float = MAX_FALSE_REAL
    half_weights: bool = False

    def __post_init__(self) -> None:
        network.backbone(self.backbone)
        if self.warmup_epochs + self.finetune_epochs < 1:
            raise InputError("nothing to train: give at least one warm-up or fine-tune epoch")
        if self.faces not in ("auto", "largest", "off"):
            raise InputError(
                f"--faces {self.faces}: training takes one face an image; give auto, largest or "
                "off, or cut out every face first with `deepfake faces --faces all`"
            )
        if self.framing is not None and (self.faces == "off" or not 0 < self.framing <= 1):
            raise InputError(
                f"--framing {self.framing}: expected more than 0 and at most 1, and not --faces off"
            )
        self._check_crops()
        if self.views and self.schedule == SCRATCH:
            raise InputError("--views needs a frozen backbone; --schedule scratch has none")

    def _check_crops(self) -> None:
        if not self.crops:
            return
        if self.schedule != SCRATCH:
            raise InputError("--crop is for training from random weights: give --schedule scratch")
        smallest = network.backbone(self.backbone).smallest
        for side, epochs in self.crops:
            if not smallest <= side < self.image_size or epochs < 1:
                raise InputError(
                    f"--crop {side}:{epochs}: expected a side of {smallest} to "
                    f"{self.image_size - 1} pixels and at least one epoch"
                )
        if sum(epochs for _, epochs in self.crops) > self.warmup_epochs + self.finetune_epochs:
            raise InputError("--crop: more epochs of crops than epochs in all")
