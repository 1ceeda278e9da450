"""Content Credentials: what a signed manifest in the file says of where it comes from.

The manifest is read and verified by the C2PA project's own library. Nothing is fetched: neither
manifests that live elsewhere nor answers about revoked certificates.
"""

import io
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from src import InputError
from src.explaining.file_facts import GENERATED, line

State = Literal["trusted", "untrusted", "invalid", "unreadable", "absent", "not checked"]
# What is wrong with a manifest, by the code of the C2PA specification.
_UNTRUSTED = "signingCredential.untrusted"
EXPIRED, REVOKED = "signingCredential.expired", "signingCredential.ocsp.revoked"


@dataclass(frozen=True)
class Credentials:
    """What the manifest of a file says, and whether it can be believed."""

    # `trusted`: valid, and signed by somebody on the list of trusted roots; `untrusted`: valid, and
    # signed by somebody else; `invalid`: it does not hold, see `problems`;
    # `unreadable`: there is one, but it cannot be read; `absent`: there is none; `not checked`: the
    # library is not installed.
    state: State
    # Who signed, as the certificate has it; None without a readable manifest.
    signer: str | None = None
    # Of an invalid one what is wrong, as the specification's codes.
    problems: tuple[str, ...] = ()
    generated: bool = False  # the manifest says that a generator made the picture, or a part of it

    @property
    def altered(self) -> bool:
        """Whether the file or the record is not as it was signed."""
        return any(code.endswith(".mismatch") for code in self.problems)


def read(content: bytes, media_type: str, trust_anchors: Path | None = None) -> Credentials:
    """Read and verify the Content Credentials of a file.

    Args:
        trust_anchors: PEM file with the certificates that signers must descend from; without it
            nobody is trusted.

    Raises:
        InputError: the list of trusted roots cannot be read.
    """
    context = _context(trust_anchors)
    if context is None:
        return Credentials("not checked")
    import c2pa

    try:
        reader = c2pa.Reader.try_create(media_type, io.BytesIO(content), context=context)
        if reader is None:
            return Credentials("absent")
        return _read(reader)
    except c2pa.C2paError.NotSupported:
        return Credentials("absent")
    except (c2pa.C2paError, ValueError, KeyError):
        return Credentials("unreadable")


def require_anchors(path: Path | None) -> None:
    """Refuse a list of trusted roots with which nothing could be verified, before the first file.

    Raises:
        InputError: it cannot be read, or holds no certificates.
    """
    _context(path)


def _context(trust_anchors: Path | None) -> Any:
    """Return what the library verifies with; None where it is not installed."""
    anchors = _anchors(trust_anchors)
    if find_spec("c2pa") is None:
        return None
    import c2pa

    verify = {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True}
    settings: dict[str, Any] = {"verify": verify}
    if anchors is not None:
        settings["trust"] = {"trust_anchors": anchors}
    try:
        return c2pa.Context(c2pa.Settings.from_dict(settings))
    except c2pa.C2paError as error:
        raise InputError(f"{trust_anchors}: expected certificates in PEM: {error}") from error


def _anchors(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(
            f"{path}: the list of trusted roots cannot be read ({error.strerror})"
        ) from error
    if "BEGIN CERTIFICATE" not in text:
        raise InputError(f"{path}: expected certificates in PEM, found none")
    return text


def _read(reader: Any) -> Credentials:
    store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    states: dict[str, State] = {"Trusted": "trusted", "Valid": "untrusted"}
    signature = manifest.get("signature_info", {})
    state = states.get(reader.get_validation_state(), "invalid")
    codes = (line(one.get("code", "")) for one in store.get("validation_status", []))
    problems = tuple(dict.fromkeys(code for code in codes if code and code != _UNTRUSTED))
    return Credentials(
        state,
        signer=line(signature.get("common_name") or signature.get("issuer") or "") or None,
        problems=problems if state == "invalid" else (),
        generated=any(_says_generated(one) for one in store["manifests"].values()),
    )


def _says_generated(manifest: dict[str, Any]) -> bool:
    actions = [
        action
        for assertion in manifest.get("assertions", [])
        if assertion.get("label", "").startswith("c2pa.actions")
        for action in assertion["data"].get("actions", [])
    ]
    kinds = {str(action.get("digitalSourceType", "")).rpartition("/")[2] for action in actions}
    return not GENERATED.isdisjoint(kinds)
