import itertools

import pytest
from hostile import bombs, mutations, polyglots
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redness import RED, post, problem

# Nothing that is sent is the service's fault, and it says what it is.
JUDGED_OR_REFUSED = {200, 400, 413, 415, 422}
PATHS = ("/predict", "/gradcam", "/report")


def check(client, path, data):
    response = post(client, path, data)
    assert response.status_code in JUDGED_OR_REFUSED, (response.status_code, data[:60])
    if response.status_code != 200:
        problem(response)


def memory() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize("path", PATHS)
def test_bombs_and_polyglots_are_answered(client, path):
    for data in (*bombs(), *polyglots()):
        check(client, path, data)
    assert post(client, "/predict", RED).status_code == 200


def test_mutated_pictures_are_answered(client):
    for data in itertools.islice(mutations(seed=0), 150):
        check(client, "/predict", data)


@pytest.mark.slow
def test_a_thousand_malformed_uploads_leave_nothing_behind(serve):
    client = serve(remembered=16)
    for number, data in enumerate(itertools.islice(mutations(seed=1), 1000)):
        check(client, PATHS[number % 3] if number % 20 == 0 else "/predict", data)
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
@given(data=st.binary(max_size=300), name=st.text(max_size=30), kind=st.text(max_size=30))
def test_random_bytes_under_random_names_are_answered(client, data, name, kind):
    response = client.post("/predict", files={"file": (name, data, kind)})
    assert response.status_code in JUDGED_OR_REFUSED


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    body=st.lists(
        st.sampled_from(
            [b"--b", b"--b--", b"\r\n", b"\n", b"--", b"\0", RED, b"\xff" * 9, b": ", b"; ", b'"']
            + [b'Content-Disposition: form-data; name="file"; filename="a"', b"x" * 9000]
            + [b'Content-Disposition: form-data; name="faces"', b"Content-Disposition: x"]
            + [b'Content-Disposition: form-data; filename="', b"Content-Type: image/png"]
        ),
        max_size=14,
    ),
    kind=st.sampled_from(
        [
            "multipart/form-data; boundary=b",
            'multipart/form-data; boundary="',
            "multipart/form-data",
        ]
        + [
            "multipart/form-data; boundary=b; charset=utf-16",
            "MULTIPART/form-data;boundary=b;x=\xe9",
        ]
        + [
            "multipart/form-data; boundary=" + 300 * "b",
            "multipart/form-data; charset=x; boundary=b",
        ]
    ),
)
def test_malformed_forms_are_answered(client, body, kind):
    headers = {"Content-Type": kind.encode("latin-1")}
    response = client.post("/predict", content=b"".join(body), headers=headers)
    assert response.status_code in JUDGED_OR_REFUSED
