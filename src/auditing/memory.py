"""Remember audits, so that the same files are not audited twice."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src import InputError, __version__
from src.auditing.findings import Audit
from src.data.splits import Sample
from src.files import write_text

log = logging.getLogger(__name__)

# Names the folder; where it is not set, the place that the system has for such files is used.
VARIABLE = "DEEPFAKE_CACHE"
# Part of the fingerprint: raise it when an audit of the same files may come out otherwise.
VERSION = 1


def folder() -> Path:
    """Return the folder for what can be computed again."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "deepfake-detector"


def fingerprint(samples: Sequence[Sample], options: Any) -> str:
    """Return a hash of the list of files with sizes and times, and of the audit's options.

    Raises:
        InputError: a file has vanished since it was listed.
    """
    digest = hashlib.sha256(repr((VERSION, __version__, options)).encode())
    for sample in samples:
        try:
            known = sample.path.stat()
        except OSError as error:
            raise InputError(f"{sample.path}: cannot be read ({error.strerror})") from error
        facts = (known.st_size, known.st_mtime_ns, sample.label, sample.split, sample.group)
        line = f"{sample.path.absolute()} {facts}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def recall(key: str) -> Audit | None:
    """Return the audit with this fingerprint, if it is remembered."""
    path = _place(key)
    try:
        return Audit.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be used (%s): the files are audited again", path, error)
        return None


def remember(key: str, audit: Audit) -> None:
    """Keep an audit; where nothing can be written, say so and go on."""
    try:
        write_text(_place(key), json.dumps(audit.to_dict()))
    except (InputError, OSError) as error:
        log.warning("the audit is not remembered: %s", error)


def _place(key: str) -> Path:
    return folder() / "audits" / f"{key}.json"
