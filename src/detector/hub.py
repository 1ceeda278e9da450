"""Bundles from the Hugging Face Hub: fetched, and held against the hashes in their cards."""

import re
from pathlib import Path

from src import InputError, __version__, install
from src.data.mtcnn_networks import NAMES
from src.detector.card import CARD_FILE, FACES_FOLDER, MODEL_FILE, Card, read_card
from src.detector.engines import ENGINES
from src.detector.exports import VARIANTS, Export
from src.files import require_whole

SCHEME = "hf://"
# Read by people and reports; nothing is decided by them.
UNCHECKED = ("MODEL_CARD.md", "history.csv")

_ADDRESS = re.compile(r"hf://(?P<name>[^/@\s]+/[^/@\s]+)(?:@(?P<revision>[^@\s]+))?")


def fetch(address: str) -> Path:
    """Fetch a bundle, or find it in the cache of the Hub's package.

    Only what the card names by its SHA-256 is fetched and used. That tells a damaged download from
    a whole one, and nothing about who made it; to get the same bundle always, name a commit.

    Args:
        address: `hf://owner/name`, or `hf://owner/name@revision` for a branch, tag or commit.

    Returns:
        A folder in that cache; do not change it.

    Raises:
        InputError: no such address, the package is missing, the Hub does not give it, or it gives
            something else than the card says.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise InputError(f"{address}: expected {SCHEME}OWNER/NAME or {SCHEME}OWNER/NAME@REVISION")
    folder = _download(address, found["name"], found["revision"], [CARD_FILE, *UNCHECKED])
    if not (folder / CARD_FILE).is_file():
        raise InputError(f"{address}: no detector there (no {CARD_FILE})")
    digests = _digests(address, read_card(folder))
    # The folder is named by the commit: a branch may have moved on by now.
    folder = _download(address, found["name"], folder.name, list(digests))
    advice = f"remove {folder} and fetch it again, or ask whoever published it"
    require_whole(folder, digests, advice, where=f"{address}: ")
    return folder


def _download(address: str, name: str, revision: str | None, files: list[str]) -> Path:
    try:
        import huggingface_hub
    except ImportError as error:
        raise InputError(
            f"{address}: bundles from the Hugging Face Hub need {install('hub')}"
        ) from error
    try:
        return Path(
            huggingface_hub.snapshot_download(
                name,
                revision=revision,
                allow_patterns=files,
                library_name="deepfake-detector",
                library_version=__version__,
            )
        )
    except Exception as error:
        # Its own errors are of the first two kinds; those of httpx pass through it.
        known = isinstance(error, (OSError, ValueError))
        if not known and not type(error).__module__.startswith("httpx"):
            raise
        reason = " ".join(str(error).split())
        raise InputError(f"{address}: not to be had from the Hugging Face Hub: {reason}") from error


def _digests(address: str, card: Card) -> dict[str, str]:
    """Return the SHA-256 of everything that runs here, by its path in the bundle."""
    digests = dict(card.files)
    for name, variant in VARIANTS.items():
        export = Export.of(card.exports, name)
        if export is not None and variant.runner in ENGINES:
            digests |= export.files
    finders = [f"{FACES_FOLDER}/{name}.onnx" for name in NAMES if card.framing is not None]
    if missing := {MODEL_FILE, *finders} - digests.keys():
        raise InputError(
            f"{address}: its card has no SHA-256 of {', '.join(sorted(missing))}; whoever "
            "published it has to make the bundle again with this version"
        )
    return digests
