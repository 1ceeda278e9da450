"""Remember audits, so that the same files are not audited twice."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from importlib.util import find_spec
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from src import InputError, __version__
from src.auditing.findings import Audit
from src.data.splits import Sample
from src.files import cache_folder, write_text

log = logging.getLogger(__name__)

# Part of the fingerprint: raise it when an audit of the same files may come out otherwise.
VERSION = 1


def remembered(samples: Sequence[Sample], options: Any, make: Callable[[], Audit]) -> Audit:
    """Return the audit of these files with these options: an earlier one, else a new one.

    Where nothing can be written, it says so and goes on.
    """
    path = cache_folder() / "audits" / f"{_fingerprint(samples, options)}.json"
    try:
        return _read(Audit, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be used (%s): the files are audited again", path, error)
    audit = make()
    try:
        write_text(path, json.dumps(audit.to_dict()))
    except (InputError, OSError) as error:
        log.warning("the audit is not remembered: %s", error)
    return audit


def _fingerprint(samples: Sequence[Sample], options: Any) -> str:
    """Return a hash of the list of files with sizes and times, and of the audit's options."""
    # With the package for HEIC images files can be read that could not be before.
    known = VERSION, __version__, find_spec("pillow_heif") is not None, options
    digest = hashlib.sha256(repr(known).encode())
    for sample in samples:
        try:
            stat = sample.path.stat()
        except OSError as error:
            raise InputError(f"{sample.path}: cannot be read ({error.strerror})") from error
        facts = (stat.st_size, stat.st_mtime_ns, sample.label, sample.split, sample.group)
        line = f"{sample.path.absolute()} {facts}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _read(kind: Any, plain: Any) -> Any:
    """Return plain types of JSON as what a type hint says that they were."""
    if plain is None or isinstance(kind, UnionType):
        return plain and _read(get_args(kind)[0], plain)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _read(hint, plain[name]) for name, hint in hints.items()})
    if isinstance(plain, list):
        # All members of a tuple are of one kind.
        return get_origin(kind)(_read(get_args(kind)[0], one) for one in plain)
    return plain
