import asyncio

import pytest
from fastapi import Request

from app.problems import Problem
from app.uploads import AROUND, Held, reading

START = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
END = b"\r\n--b--\r\n"


def request(chunks, pause=0.0, hang_up=False):
    parts = list(chunks)

    async def receive():
        await asyncio.sleep(pause)
        if hang_up and not parts:
            return {"type": "http.disconnect"}
        chunk = parts.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(parts) or hang_up}

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def read(asked, held, **options):
    async def story():
        settings = {"limit": 1000, "max_files": 1, "deadline": 5.0} | options
        async with reading(asked, held, **settings) as form:
            return form, held.bytes

    return asyncio.run(story())


def test_form_is_read_and_its_bytes_are_held_as_long_as_needed():
    held = Held(10_000)
    form, during = read(request([START, b"12", b"34", END]), held)
    assert [(file.name, file.data) for file in form.files] == [("a.png", b"1234")]
    assert during == len(START) + 4 + len(END)
    assert held.bytes == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"chunks": [START, b"x", END], "pause": 0.2}, (408, "too_slow")),
        ({"chunks": [START, b"x"], "hang_up": True}, (400, "gone")),
        ({"chunks": [START] + 8 * [bytes(AROUND // 4)]}, (413, "too_large")),
    ],
    ids=["slow", "gone", "large"],
)
def test_uploads_that_fail_are_problems_and_hold_nothing(options, expected):
    held = Held(10**9)
    with pytest.raises(Problem) as problem:
        read(request(**options), held, deadline=0.3)
    assert (problem.value.status, problem.value.code) == expected
    assert held.bytes == 0


# The parser leaves such a file to the garbage collector; it is memory alone.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_file_that_breaks_off_is_no_file():
    assert read(request([START, b"x"]), Held(10_000))[0].files == ()


def test_stopping_just_as_an_uploads_time_is_up_stops():
    held = Held(10_000)

    async def writes_for_long():
        async with held.arriving(0.01):
            try:
                await asyncio.sleep(5)
            finally:
                await asyncio.sleep(0.2)

    async def story():
        upload = asyncio.create_task(writes_for_long())
        await asyncio.sleep(0.1)
        held.stop()
        with pytest.raises(Problem, match="stopping"):
            await upload

    asyncio.run(story())


def test_all_uploads_together_are_bounded():
    held = Held(200)
    held.add(150)
    with pytest.raises(Problem) as problem:
        read(request([START, b"x", END]), held)
    assert problem.value.status == 503
    assert "Retry-After" in problem.value.headers
    assert held.bytes == 150
