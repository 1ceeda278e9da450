"""The baseline: Xception in plain PyTorch, with our head, trained and explained the usual fast way.

Channels-last, bfloat16 autocast, `torch.compile`, fused Adam, Grad-CAM by automatic differentiation
of the head alone. It is layer for layer the network of `src.detector.network` (Chollet 2017,
arXiv 1610.02357, as in `keras.applications`), so that weights copied from there give the same
logits.

Loads PyTorch and Keras: import it where the baseline runs.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException
from torch.nn import functional

from src.detector.network import HIDDEN_UNITS
from src.training.phases import FINE_TUNE
from src.training.settings import SCRATCH

log = logging.getLogger(__name__)

# The convolutions among the last 40 Keras layers; a separable one counts twice.
LAST_CONVOLUTIONS = 23

Step = Callable[[], object]


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch norm with the constants of Keras."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def separable(inside: int, outside: int) -> nn.Sequential:
    """Return a depthwise 3×3 and a pointwise convolution, and their batch norm."""
    return nn.Sequential(
        nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False),
        nn.Conv2d(inside, outside, 1, bias=False),
        batch_norm(outside),
    )


class Pool(nn.Module):
    """A 3×3 maximum with stride 2 that pads as Keras' `same` does: an even side at its end only."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(x, 3, 2, padding=x.shape[-1] % 2, ceil_mode=True)


class Block(nn.Module):
    """Separable convolutions beside a shortcut; between two sizes both sides halve the map.

    Args:
        channels: of the input and after each convolution.
        starts_active: a ReLU comes before the first convolution too.
        halves: pool, with a convolution in the shortcut.
    """

    def __init__(self, *channels: int, starts_active: bool = True, halves: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside in itertools.pairwise(channels):
            layers += [nn.ReLU(), separable(inside, outside)]
        self.body = nn.Sequential(
            *layers[0 if starts_active else 1 :], *([Pool()] if halves else [])
        )
        first, last = channels[0], channels[-1]
        self.shortcut = (
            nn.Sequential(nn.Conv2d(first, last, 1, stride=2, bias=False), batch_norm(last))
            if halves
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


class Scaling(nn.Module):
    """Brings 0..255 of any type to -1..1."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float() / 127.5 - 1.0


class Xception(nn.Module):
    """From `(N, 3, S, S)` uint8 RGB to `(N, 1)` logits, in two halves.

    Attributes:
        features: to the last activation map `(N, 2048, h, w)`.
        head: from there to the logit.
    """

    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Scaling(),
            *(nn.Conv2d(3, 32, 3, stride=2, bias=False), batch_norm(32), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3, bias=False), batch_norm(64), nn.ReLU()),
            Block(64, 128, 128, starts_active=False),
            Block(128, 256, 256),
            Block(256, 728, 728),
            *(Block(728, 728, 728, 728, halves=False) for _ in range(8)),
            Block(728, 728, 1024),
            *(separable(1024, 1536), nn.ReLU()),
            *(separable(1536, 2048), nn.ReLU()),
        )
        self.head = nn.Sequential(
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            *(nn.Linear(2048, HIDDEN_UNITS), nn.ReLU()),
            *(nn.Dropout(dropout), nn.Linear(HIDDEN_UNITS, 1)),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images))


def set_trainable(model: Xception, phase: str) -> None:
    """Freeze and unfreeze as `src.training.phases.set_trainable` does for the same phase."""
    model.train(phase == SCRATCH).requires_grad_(phase == SCRATCH)
    model.head.train().requires_grad_(True)
    if phase == FINE_TUNE:
        convolutions = [m for m in model.features.modules() if isinstance(m, nn.Conv2d)]
        for convolution in convolutions[-LAST_CONVOLUTIONS:]:
            convolution.requires_grad_(True)


def train_step(
    phase: str, images: np.ndarray, labels: np.ndarray, device: str, *, compiled: bool
) -> Step:
    """Return a step of training on one batch that stays on the device.

    Args:
        phase: the name of a phase of ours.
        images: `(N, S, S, 3)` uint8 RGB.
        labels: `(N, 1)` float32.
        device: `cuda` or `cpu`.
        compiled: use `torch.compile`.
    """
    model = Xception().to(device, memory_format=torch.channels_last)
    set_trainable(model, phase)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, fused=device == "cuda")
    x, y = _on_device(images, device), torch.from_numpy(labels).to(device)
    call = torch.compile(model) if compiled else model

    def step() -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16):
            logit = call(x)
        loss = functional.binary_cross_entropy_with_logits(logit.float(), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    return step


def explain_step(images: np.ndarray, device: str, *, compiled: bool) -> Step:
    """Return a call that gives one batch's logits and heatmaps, see `explain`."""
    model = Xception().to(device, memory_format=torch.channels_last).eval()
    x = _on_device(images, device)
    features: nn.Module = model.features
    head: nn.Module = model.head
    if compiled:
        features, head = torch.compile(features), torch.compile(head)

    def step() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast(device, torch.bfloat16):
            return explain(features, head, x)

    return step


def explain(
    features: nn.Module, head: nn.Module, images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits `(N,)` and signed Grad-CAM maps `(N, h, w)` at the last activation.

    Only the head is differentiated, with respect to that activation; the rest keeps no graph.
    """
    with torch.no_grad():
        activation = features(images)
    activation.requires_grad_()
    logit = head(activation)[:, 0]
    (gradient,) = torch.autograd.grad(logit.sum(), activation)
    with torch.no_grad():
        weights = gradient.mean((2, 3), keepdim=True)
        return logit.detach(), (weights * activation).sum(1)


def warmed(make: Callable[..., Step], *, compiled: bool) -> tuple[Step, bool]:
    """Make a step and run it once; without `torch.compile` where that fails.

    Args:
        make: takes `compiled`; the arguments before it stand already.
        compiled: try `torch.compile`.

    Returns:
        The step, and whether it is compiled.
    """
    # Otherwise the eighth network would quietly run uncompiled.
    torch._dynamo.reset()
    torch.cuda.empty_cache()
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    if compiled:
        step = make(compiled=True)
        try:
            step()
        except TorchDynamoException as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            log.warning("torch.compile failed, PyTorch runs eagerly: %s", reason)
        else:
            return step, True
    step = make(compiled=False)
    step()
    return step, False


def wait(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def _on_device(images: np.ndarray, device: str) -> torch.Tensor:
    """Bring images to the device as `(N, 3, S, S)`, which in memory is channels-last."""
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
