"""Remember audits, so that the same files are not audited twice."""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src import InputError, __version__
from src.auditing.findings import Audit
from src.data.splits import Sample
from src.files import cache_folder, write_text

log = logging.getLogger(__name__)

# Part of the fingerprint: raise it when an audit of the same files may come out otherwise.
VERSION = 1


def fingerprint(samples: Sequence[Sample], options: Any) -> str:
    """Return a hash of the list of files with sizes and times, and of the audit's options."""
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
    return cache_folder() / "audits" / f"{key}.json"
