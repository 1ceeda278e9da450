"""The weights that a training run starts from."""

import http.client
import logging
import os
import socket
import threading
import urllib.request
from pathlib import Path
from typing import Any

from src import InputError
from src.data.shard import Shard
from src.detector import location, network, residuals
from src.detector.card import MODEL_FILE, read_card
from src.files import sha256

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
# A download in which nothing arrives for so long is given up.
STALL_SECONDS = 30.0
CHOICES = "auto, imagenet, starter, none or a file"
OFFER = (
    "--weights starter begins with the detector that ships. It is not taken unasked: images like\n"
    "your test images, or of the same people, may be among those that it learnt from.\n"
)


def initial_weights(wanted: str, backbone: str) -> tuple[Path | None, dict[str, Any]]:
    """Find the weights to start from.

    Args:
        wanted: `auto` (ImageNet where they can be had, else random with a warning), `imagenet`,
            `starter` (the detector that ships), `none` or the path of a file.

    Returns:
        The file (None: random weights), and what the card says of it.

    Raises:
        InputError: `imagenet` cannot be had, there is no starter or it has another backbone, or
            there is no such file.
    """
    if wanted == "none":
        return None, {"kind": "random"}
    if wanted == "starter":
        return _starter(backbone)
    if wanted not in ("auto", "imagenet"):
        path = Path(wanted)
        if not path.is_file():
            raise InputError(f"--weights {path}: no such file; give {CHOICES}")
        return path, _facts("file", path.name, path)
    try:
        path = imagenet_weights(backbone)
    except InputError as error:
        if wanted == "imagenet":
            raise
        _warn(error)
        return None, {"kind": "random"}
    return path, _facts("imagenet", path.name, path)


def backbone_for(wanted: str, backbone: str) -> str:
    """Return the backbone of a run: as asked, but one that begins with a detector has all of it.

    Where Xception is asked for and the detector has a table of residuals beside it, so has the run.

    Args:
        wanted: as for `initial_weights`; of a file, the card beside it tells.
        backbone: key of `network.BACKBONES`.
    """
    folder = location.STARTER if wanted == "starter" else Path(wanted).parent
    named = wanted == "starter" or Path(wanted).name == MODEL_FILE
    if backbone != "xception" or not named or not location.is_bundle(folder):
        return backbone
    return residuals.NAME if read_card(folder).backbone == residuals.NAME else backbone


def agreed(wanted: str, backbone: str, shard: Shard) -> tuple[Path | None, dict[str, Any]]:
    """Find the weights to start from, of several processes in the first one first.

    It may have to fetch them. See `initial_weights`.
    """
    found = shard.from_first(lambda: initial_weights(wanted, backbone))
    if shard.first:
        return found
    own = initial_weights(wanted, backbone)
    if own[1] != found[1]:
        raise InputError(
            f"--weights {wanted} are {own[1]} for process {shard.number}, and {found[1]} for "
            "process 0: put the same file in both places"
        )
    return own


def _starter(backbone: str) -> tuple[Path, dict[str, Any]]:
    folder = location.STARTER
    if not location.is_bundle(folder):
        raise InputError(f"--weights starter: no starter in {folder}; it comes with the repository")
    card = read_card(folder)
    if card.backbone != backbone:
        raise InputError(
            f"--weights starter: its backbone is {card.backbone}; give --backbone {card.backbone} "
            f"instead of {backbone}, or other weights"
        )
    path = folder / MODEL_FILE
    if not path.is_file():
        raise InputError(f"--weights starter: {path} is missing; it comes with the repository")
    return path, _facts("starter", card.name, path)


def _facts(kind: str, name: str, path: Path) -> dict[str, Any]:
    return {"kind": kind, "name": name, "sha256": sha256(path)}


def _warn(error: InputError) -> None:
    rule = "=" * 78
    log.warning(
        "%s\nWARNING: NO PRETRAINED WEIGHTS. Training starts from RANDOM weights: expect a much\n"
        "weaker detector for the same time.\n%s\n%s%s",
        rule,
        error,
        OFFER if location.is_bundle(location.STARTER) else "",
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
    if not hasattr(keras.applications, spec.constructor):
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
        except (http.client.HTTPException, OSError):
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    return reached.is_set()
