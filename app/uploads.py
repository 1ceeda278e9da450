"""Read uploads: within limits, and in memory alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from app.problems import Problem, busy

# What names, boundaries and fields may add to the bytes of a file.
AROUND = 64 * 1024
MAX_FIELDS = 16
FIELD_BYTES = 4096


@dataclass(frozen=True)
class Upload:
    """One file of a form. Its name is only given back to whoever sent it."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Stored:
    """One file of a form on the disk, where it has no name: it is gone when it is closed."""

    name: str
    file: SpooledTemporaryFile[bytes]
    bytes: int


@dataclass(frozen=True)
class Form:
    """What a form holds: files in memory, or on the disk."""

    files: tuple[Upload, ...]
    fields: Mapping[str, str]
    stored: tuple[Stored, ...] = ()


class Held:
    """Counts the bytes of all uploads that are held, and waits for those that arrive.

    Args:
        limit: how many bytes there may be.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._arriving: set[asyncio.Timeout] = set()
        self._stopped = False

    def add(self, count: int) -> None:
        """Count more bytes.

        Raises:
            Problem: there are too many.
        """
        if self.bytes + count > self.limit:
            raise busy("Too many uploads are under way; try again soon.")
        self.bytes += count

    def stop(self) -> None:
        """Wait for no upload any more; whoever sends one is told so."""
        self._stopped = True
        now = asyncio.get_running_loop().time()
        for timer in self._arriving:
            # One whose time was up already refuses.
            if not timer.expired():
                timer.reschedule(now)

    @asynccontextmanager
    async def arriving(self, deadline: float) -> AsyncIterator[None]:
        """Give the block so many seconds to take in an upload.

        Raises:
            Problem: it did not arrive in time, or before the service stops.
        """
        try:
            async with asyncio.timeout(0 if self._stopped else deadline) as timer:
                self._arriving.add(timer)
                try:
                    yield
                finally:
                    self._arriving.discard(timer)
        except TimeoutError as error:
            if self._stopped:
                raise busy("The service is stopping.") from error
            detail = f"The upload did not arrive within {deadline:g} seconds."
            raise Problem(408, "too_slow", detail) from error


@asynccontextmanager
async def reading(
    request: Request,
    held: Held,
    *,
    limit: int,
    max_files: int,
    deadline: float,
    stored: bool = False,
) -> AsyncIterator[Form]:
    """Read a form, and count its bytes as held until the block ends.

    Args:
        request: a `multipart/form-data` request whose body has not been read.
        held: counts the bytes.
        limit: bytes of all files together.
        max_files: number of files.
        deadline: seconds within which all of it has to arrive.
        stored: files go to the disk, without a name, until the block ends.

    Raises:
        Problem: there is no form, or one beyond the limits.
    """
    _require_form(request, limit)
    stream = _Counted(request, held, limit + AROUND)
    form = None
    try:
        async with held.arriving(deadline):
            form = await _parse(request, stream, max_files, stored)
        yield form
    finally:
        held.bytes -= stream.bytes
        for one in form.stored if form else ():
            one.file.close()


def _require_form(request: Request, limit: int) -> None:
    kind = request.headers.get("content-type", "")
    if not kind:
        raise Problem(400, "no_file", "Expected a multipart/form-data request with a file.")
    if kind.partition(";")[0].strip().lower() != "multipart/form-data":
        detail = f"Expected a multipart/form-data request with a file, got {kind[:80]!r}."
        raise Problem(415, "not_a_form", detail)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit + AROUND:
        raise _too_large(limit)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"The upload is larger than {limit / 1e6:g} MB.")


class _Counted:
    """The body of a request, in chunks that are counted before anybody keeps them."""

    def __init__(self, request: Request, held: Held, limit: int) -> None:
        self.request, self.held, self.limit = request, held, limit
        self.bytes = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        async for chunk in self.request.stream():
            if self.bytes + len(chunk) > self.limit:
                raise _too_large(self.limit - AROUND)
            self.held.add(len(chunk))
            self.bytes += len(chunk)
            yield chunk


async def _parse(request: Request, stream: _Counted, max_files: int, stored: bool) -> Form:
    parser = MultiPartParser(
        request.headers,
        stream.chunks(),
        max_files=max_files,
        max_fields=MAX_FIELDS,
        max_part_size=FIELD_BYTES,
    )
    # Beyond this size the parser writes to disk: all, or nothing, since no upload ever has it.
    parser.spool_max_size = 1 if stored else stream.limit + 1
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeError) as error:
        detail = f"The form cannot be read: {error}"
        if str(error).startswith("Too many files"):
            detail = f"Expected at most {max_files} {'files' if max_files > 1 else 'file'}."
        raise Problem(400, "bad_form", detail) from error
    except ClientDisconnect as error:
        raise Problem(400, "gone", "The client went away before its upload was done.") from error
    except OSError as error:
        raise busy("There is no room for the upload; try again later.") from error
    files, kept, fields = [], [], {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            # By the charset that a client names it may hold what no answer can.
            filename = (value.filename or "").encode(errors="replace").decode()
            if stored and filename and value.size:
                assert isinstance(value.file, SpooledTemporaryFile), "as the parser makes them"
                # Otherwise a file of one byte would have no place on the disk.
                value.file.rollover()
                kept.append(Stored(filename, value.file, value.size))
                continue
            if filename:
                files.append(Upload(filename, await value.read()))
            await value.close()
        else:
            fields[name] = value
    return Form(tuple(files), fields, tuple(kept))
