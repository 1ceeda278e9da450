"""The weights that a training run starts from."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from src import InputError
from src.detector import network

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
# A download in which nothing arrives for so long is given up.
STALL_SECONDS = 30.0


def initial_weights(wanted: str, backbone: str) -> tuple[Path | None, dict[str, Any]]:
    """Find the weights to start from.

    Args:
        wanted: `auto` (ImageNet where they can be had, else random with a warning), `imagenet`,
            `none` or the path of a file.
        backbone: key of `network.BACKBONES`.

    Returns:
        The file (None: random weights), and what the card says of it.

    Raises:
        InputError: `imagenet` cannot be had, or there is no such file.
    """
    if wanted == "none":
        return None, {"kind": "random"}
    if wanted not in ("auto", "imagenet"):
        path = Path(wanted)
        if not path.is_file():
            raise InputError(f"--weights {path}: no such file; give auto, imagenet, none or a file")
        return path, _facts("file", path)
    try:
        path = imagenet_weights(backbone)
    except InputError as error:
        if wanted == "imagenet":
            raise
        _warn(error)
        return None, {"kind": "random"}
    return path, _facts("imagenet", path)


def _facts(kind: str, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"kind": kind, "name": path.name, "sha256": digest}


def _warn(error: InputError) -> None:
    rule = "=" * 78
    log.warning(
        "%s\nWARNING: NO PRETRAINED WEIGHTS. Training starts from RANDOM weights: expect a much\n"
        "weaker detector for the same time.\n%s\n%s",
        rule,
        error,
        rule,
    )


def imagenet_weights(name: str) -> Path:
    """Return the file with the ImageNet weights, out of Keras' cache or downloaded into it.

    Raises:
        InputError: not cached and not to be had; the message says where to put the file.
    """
    import keras

    spec = network.backbone(name)
    cached = _keras_home() / "models" / spec.weights_url.rsplit("/", 1)[1]
    if cached.is_file():
        return cached
    advice = f"fetch {spec.weights_url} yourself and put it at {cached}, or give --weights PATH"
    if spec.module != network.APPLICATIONS:
        raise InputError(f"no ImageNet weights for {name}: Keras has none to download; {advice}")
    if not _answers(spec.weights_url):
        raise InputError(
            f"no ImageNet weights for {name}: {cached} does not exist and the download server "
            f"cannot be reached; {advice}"
        )
    constructor = getattr(keras.applications, spec.constructor)
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        # Keras' own constructor downloads the file and checks its hash.
        constructor(include_top=False, weights="imagenet")
        # Keras goes elsewhere where it cannot write, and this tells where.
        return Path(keras.utils.get_file(cached.name, spec.weights_url, cache_subdir="models"))
    except Exception as error:
        # Keras makes a plain Exception of a download that fails; any other is not ours to explain.
        if not isinstance(error, (OSError, ValueError)) and type(error) is not Exception:
            raise
        raise InputError(f"the download of the ImageNet weights failed ({error}); {advice}") from (
            error
        )
    finally:
        socket.setdefaulttimeout(patience)


def _keras_home() -> Path:
    """Return the folder in which Keras keeps what it downloads."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))


def _answers(url: str) -> bool:
    """Tell whether a connection to `url` stands within `CONNECT_SECONDS`.

    A thread of its own, because a name server that never answers ignores socket timeouts.
    """
    reached = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=CONNECT_SECONDS):
                reached.set()
        except (urllib.error.URLError, OSError):
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    return reached.is_set()
