import pytest
from redness import RED, post, problem

PAGE = {"Accept": "text/html"}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", ""]
)
@pytest.mark.parametrize("path", ["/", "/health", "/card", "/nowhere"])
def test_other_hosts_are_refused_everywhere(client, host, path):
    assert problem(client.get(path, headers={"Host": host})) == (400, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000"])
def test_loopback_is_known(client, host):
    assert client.get("/health", headers={"Host": host}).status_code == 200


def test_hosts_can_be_added(serve):
    client = serve(hosts=("localhost", "faces.example", "*.space.example"))
    for host in ("faces.example", "FACES.example:443", "a.space.example"):
        assert client.get("/health", headers={"Host": host}).status_code == 200
    for host in ("space.example", "a.faces.example"):
        assert client.get("/health", headers={"Host": host}).status_code == 400


def test_no_other_page_may_ask_or_read(client):
    asked = client.get("/", headers={"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in asked.headers
    files = {"file": ("a.png", RED)}
    for origin in ("https://other.example", "null", "http://localhost.other.example"):
        response = client.post("/predict", files=files, headers={"Origin": origin})
        assert problem(response) == (403, "foreign_origin")
    own = client.post("/predict", files=files, headers={"Origin": "http://localhost"})
    assert own.status_code == 200


@pytest.mark.parametrize("origin", ["https://other.example", "null"])
def test_an_origin_that_was_named_may_ask_and_read_errors_too(serve, origin):
    client = serve(origins=(origin,))
    for data, status in ((RED, 200), (b"words", 415)):
        response = client.post(
            "/predict", files={"file": ("a.png", data)}, headers={"Origin": origin}
        )
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == origin
    asking = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    assert client.options("/predict", headers=asking).status_code == 200
    asking["Origin"] = "https://third.example"
    assert client.options("/predict", headers=asking).status_code in (400, 403)


def test_page_runs_its_own_programs_alone(client):
    policy = client.get("/", headers=PAGE).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy


def test_every_answer_has_the_usual_headers(client):
    answers = [
        client.get("/", headers=PAGE),
        client.get("/"),
        client.get("/nowhere"),
        client.get("/health", headers={"Host": "evil.example"}),
        post(client, "/predict", RED),
        post(client, "/report", RED),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] in ("no-store", "no-cache")
        assert "server" not in answer.headers


def test_made_up_methods_are_counted_together(client):
    def series():
        return [line for line in client.get("/metrics").text.splitlines() if "_total{" in line]

    for number in range(20):
        assert client.request(f"MADE{number}", "/health").status_code == 405
    assert not [line for line in series() if "MADE" in line]
    other = 'deepfake_requests_total{method="other",route="/health",status="405"} 20.0'
    assert other in series()


def test_fault_has_the_usual_headers_too_and_can_be_read_by_who_may_ask(serve, engine, caplog):
    client = serve(origins=("https://other.example",))
    engine.run = lambda _images: 1 / 0
    headers = {"Origin": "https://other.example"}
    answer = client.post("/predict", files={"file": ("a.png", RED)}, headers=headers)
    assert problem(answer) == (500, "fault")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "https://other.example"
    assert "ZeroDivisionError" in caplog.text
    assert 'route="/predict",status="500"} 1.0' in client.get("/metrics").text


def test_only_a_site_that_was_named_may_frame_the_page(serve):
    client = serve(frame_ancestors=("https://huggingface.co",))
    headers = client.get("/", headers=PAGE).headers
    assert "frame-ancestors https://huggingface.co" in headers["content-security-policy"]
    assert "x-frame-options" not in headers
    assert client.get("/card").headers["x-frame-options"] == "DENY"
