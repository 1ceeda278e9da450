import itertools
from pathlib import Path

import pytest
from hostile import bombs, mutations, polyglots
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redness import RED, post, problem

# Nothing that is sent is the service's fault, and it says what it is.
JUDGED_OR_REFUSED = {200, 400, 413, 415, 422}
PATHS = ("/predict", "/gradcam", "/report", "/explain")

FIELD = b"Content-Disposition: form-data; "
PIECES = (
    *(b"--b", b"--b--", b"\r\n", b"\n", b"--", b"\0", b": ", b"; ", b'"', b"\xff" * 9, b"x" * 9000),
    *(FIELD + b'name="file"; filename="a"', FIELD + b'name="faces"', FIELD + b'filename="', FIELD),
    *(b"Content-Type: image/png", RED),
)
FORM = "multipart/form-data"
FORM_TYPES = (
    *(FORM, f"{FORM}; boundary=b", f'{FORM}; boundary="', f"{FORM}; boundary={300 * 'b'}"),
    *(f"{FORM}; boundary=b; charset=utf-16", f"{FORM}; charset=x; boundary=b"),
    f"{FORM.upper()};boundary=b;x=\xe9",
)


def check(client, path, data):
    response = post(client, path, data)
    assert response.status_code in JUDGED_OR_REFUSED, (response.status_code, data[:60])
    if response.status_code != 200:
        problem(response)


def memory() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


@pytest.mark.parametrize("path", PATHS)
def test_bombs_and_polyglots_are_answered(client, path):
    for data in (*bombs(), *polyglots()):
        check(client, path, data)
    assert post(client, "/predict", RED).status_code == 200


# What Pillow warns of goes to the log; the answer says what is wrong.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_mutated_pictures_are_answered(client):
    for data in itertools.islice(mutations(seed=0), 150):
        check(client, "/predict", data)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_thousand_malformed_uploads_leave_nothing_behind(serve):
    client = serve(remembered=16)
    for number, data in enumerate(itertools.islice(mutations(seed=1), 1000)):
        check(client, PATHS[number // 20 % 4] if number % 20 == 0 else "/predict", data)
        if number == 300:
            before = memory()
    assert memory() < 1.1 * before
    assert client.app.state.service.queue.inside == 0
    assert client.app.state.service.held.bytes == 0


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.binary(max_size=300), name=st.binary(max_size=30), kind=st.binary(max_size=30))
def test_random_bytes_under_random_names_are_answered(client, data, name, kind):
    headers = b'Content-Disposition: form-data; name="file"; filename="' + name + b'"\r\n'
    body = b"--b\r\n" + headers + b"Content-Type: " + kind + b"\r\n\r\n" + data + b"\r\n--b--\r\n"
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post("/predict", content=body, headers=form)
    assert response.status_code in JUDGED_OR_REFUSED


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    body=st.lists(st.sampled_from(PIECES), max_size=14),
    kind=st.sampled_from(FORM_TYPES),
)
def test_malformed_forms_are_answered(client, body, kind):
    headers = {"Content-Type": kind.encode("latin-1")}
    response = client.post("/predict", content=b"".join(body), headers=headers)
    assert response.status_code in JUDGED_OR_REFUSED


@pytest.mark.parametrize("charset", ["undefined", "unicode_escape"])
@pytest.mark.parametrize("path", ["/report", "/predict/batch"])
def test_names_in_any_charset_are_answered(client, path, charset):
    field = "files" if path == "/predict/batch" else "file"
    head = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="\\ud800"\r\n\r\n'
    response = client.post(
        path,
        content=head.encode() + RED + b"\r\n--b--\r\n",
        headers={"content-type": f"{FORM}; boundary=b; charset={charset}"},
    )
    assert response.status_code == (400 if charset == "undefined" else 200)
