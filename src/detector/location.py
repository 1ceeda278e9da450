"""Where a bundle lies: a folder, a place on the Hugging Face Hub, or the one that nobody named."""

import json
import logging
from pathlib import Path

from src import InputError
from src.detector import hub
from src.detector.card import CARD_FILE

log = logging.getLogger(__name__)

# What `train` writes, seen from where a person stands.
DEFAULT = Path("models/detector")
# What ships, seen from these sources.
STARTER = Path(__file__).resolve().parents[2] / "models" / "starter"


def locate(model: str | Path | None = None, *, changing: bool = False) -> Path:
    """Find the folder of a bundle.

    Without a name it is `DEFAULT`, where somebody trained a detector of their own, else the
    starter, and the log says which. A detector of the drawn sample knows nothing about faces and
    is used only where it is named.

    Args:
        model: a folder, `hf://owner/name[@revision]` (see `hub.fetch`), or None.
        changing: the bundle will be written to. The starter is then never taken unasked, and what
            the Hub's cache holds not at all.

    Raises:
        InputError: there is none to use, none that may be changed, or none that can be fetched.
    """
    if model is None:
        return _unnamed(changing)
    if not str(model).startswith(hub.SCHEME):
        return Path(model)
    if changing:
        raise InputError(
            f"{model}: what was fetched is not changed; copy the bundle into a folder of your own "
            "and give that to --model"
        )
    return hub.fetch(str(model))


def _unnamed(changing: bool) -> Path:
    if not is_bundle(DEFAULT):
        reason = f"no detector in {DEFAULT}"
    elif learnt_drawn_sample(DEFAULT):
        reason = f"{DEFAULT} learnt from the drawn sample, and is used only as --model {DEFAULT}"
    else:
        log.info("using %s", DEFAULT)
        return DEFAULT
    if not is_bundle(STARTER):
        raise InputError(
            f"no detector to use: {reason}, and no starter in {STARTER}. Train one with "
            "`deepfake train --data-dir DIR`, or name one with --model"
        )
    if changing:
        raise InputError(
            f"{reason}, and the starter is not changed unasked: copy {STARTER} and give the copy "
            "to --model"
        )
    log.info("using the starter, %s (%s)", STARTER, reason)
    return STARTER


def is_bundle(folder: Path) -> bool:
    """Tell whether there is a bundle in a folder, whole or not."""
    return (folder / CARD_FILE).is_file()


def learnt_drawn_sample(folder: Path) -> bool:
    """Tell it from the card as it is: one of an earlier layout says it as well."""
    try:
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        return card["data"]["drawn_sample"] is True
    except (OSError, ValueError, KeyError, TypeError):
        return False
