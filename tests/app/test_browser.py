"""The page, tried as a visitor would, in the Chromium of this machine."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import films
import numpy as np
import pytest
from redness import encoded, plain
from running import running

from app.extension.browser import CHROMIUM
from src.detector.detector import Detector

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    # Playwright's loop runs beside the service's, in one thread for all of these.
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as tools:
        opened = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(
    bundle_folder: Any, tiny_model: Any, make_card: Any, tmp_path_factory: Any
) -> Iterator[str]:
    """A service with a real network, small and calibrated, and faces framed by hand."""
    from redness import Painted

    from app.application import create
    from app.settings import Settings
    from src.detector.calibration import calibrate

    rng = np.random.default_rng(0)
    logits = np.concatenate([rng.normal(-1, 1, 300), rng.normal(1, 1, 300)])
    labels, names = np.repeat([0, 1], 300), [str(i) for i in range(600)]
    found = calibrate(logits, labels, ["made"] * 600, names)
    card = make_card(framing=0.5, calibration=found.to_dict())
    detector = Detector.in_keras(card, tiny_model, Painted)
    with running(create(detector, bundle_folder, Settings())) as url:
        yield url


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(locale="en-GB", viewport={"width": 360, "height": 800})
    context.set_default_timeout(20_000)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda asked: faults.append(asked.url) if outside(asked, address) else 0)
    opened.goto(address)
    opened.get_by_text("run by keras").wait_for()
    yield opened
    context.close()
    assert faults == []


def outside(request: Any, address: str) -> bool:
    return not request.url.startswith((address, "blob:", "data:"))


def files(make_picture: Any) -> list[dict[str, Any]]:
    image, none = (make_picture(seed, 120, 90) // np.array((1, 2, 1), np.uint8) for seed in (3, 1))
    image[20:60, 20:60] = image[30:60, 80:110] = (0, 255, 0)
    return [
        {"name": "two faces.png", "mimeType": "image/png", "buffer": encoded(image)},
        {"name": "none.jpg", "mimeType": "image/jpeg", "buffer": encoded(none, "JPEG")},
        {"name": "words.txt", "mimeType": "text/plain", "buffer": b"no picture"},
    ]


@pytest.fixture(scope="module")
def film(tmp_path_factory: Any) -> dict[str, Any]:
    """Six seconds with two green faces, one of which is away for two seconds."""

    def scene(number: int) -> np.ndarray:
        image = plain(120 + 8 * (number % 12), 0, 90, 160, 96)
        image[30:62, 10 + number : 42 + number] = (0, 255, 0)
        if not 10 <= number < 20:
            image[50:74, 120:144] = (0, 255, 0)
        return image

    path = films.write(tmp_path_factory.mktemp("film") / "a.webm", map(scene, range(30)), "VP80", 5)
    return {"name": "walk.webm", "mimeType": "video/webm", "buffer": path.read_bytes()}


def drop(page: Any, given: list[dict[str, Any]]) -> None:
    """Drop files on the page as a hand would."""
    transfer = page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const { name, mimeType, bytes } of files)
                transfer.items.add(new File([new Uint8Array(bytes)], name, { type: mimeType }));
            return transfer;
        }""",
        [{**file, "buffer": None, "bytes": list(file["buffer"])} for file in given],
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def judged(page: Any, count: int) -> list[Any]:
    from playwright.sync_api import expect

    expect(page.locator(".card .words, .card > .error:visible")).to_have_count(count)
    return page.locator(".card").all()


def violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    return [found["id"] for found in Axe().run(page).response["violations"]]


def test_dropped_pictures_become_cards_and_a_text_an_error(page, make_picture):
    drop(page, files(make_picture))
    two, none, words = judged(page, 3)
    assert re.search(r"Fake|Real|Inconclusive", two.locator(".verdict").inner_text())
    assert two.locator("svg rect").count() == 2
    assert two.locator(".faces li").count() == 2
    assert "real below" in two.get_by_role("img", name="on a scale").get_attribute("aria-label")
    assert none.locator(".verdict").inner_text() == "Inconclusive"
    assert "No face was found" in none.inner_text()
    assert "at most" in none.inner_text()
    assert "no picture of a format" in words.inner_text()
    assert "words.txt" in page.locator("#news").inner_text()


@pytest.mark.parametrize("pair", [(0.4, 0.6), (0.5, 0.51), (0.01, 0.05), (0.9, 0.99), (0.0, 1.0)])
def test_thresholds_stand_beside_each_other(page, pair):
    spans = page.evaluate(
        """async ([t_real, t_fake]) => {
            const { verdict } = await import("/web/card.js");
            const { speaker } = await import("/web/words.js");
            const rate = { rate: 0.01, count: 1, source: "made" };
            const rates = { true_fake: 0.5, false_fake: rate, false_real: rate };
            const calibration = { t_real, t_fake, ...rates };
            const answer = { verdict: "real", p_fake: 0, reasons: [], faces: [] };
            const card = document.createElement("li");
            card.className = "card";
            card.append(...verdict(speaker("en"), answer, { calibration, reasons: {} }, 0.01));
            document.getElementById("cards").append(card);
            return [...card.querySelectorAll(".ends span")].map((span) => {
                const { left, right } = span.getBoundingClientRect();
                return [left, right, span.textContent];
            });
        }""",
        pair,
    )
    assert {f"{value:.3f}" for value in pair} <= {text for _, _, text in spans}
    spans.sort()
    assert spans[0][0] >= 0
    assert spans[-1][1] <= 360
    for (_, end, _), (start, _, _) in itertools.pairwise(spans):
        assert end <= start


def test_slider_sets_how_much_of_the_heatmap_is_seen(page, make_picture):
    drop(page, files(make_picture)[:1])
    card = judged(page, 1)[0]
    painted = card.locator("canvas").evaluate(
        "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)"
    )
    assert painted
    slider = card.get_by_role("slider", name="Heatmap")
    slider.focus()
    for key, opacity in (("End", "1"), ("Home", "0")):
        page.keyboard.press(key)
        assert card.locator("canvas").evaluate("(c) => getComputedStyle(c).opacity") == opacity


def test_prevalence_changes_what_a_verdict_is_worth(page, address):
    known = page.request.get(address, headers={"Accept": "application/json"}).json()["calibration"]
    said = []
    for key in ("Home", "End"):
        page.locator("#prevalence").focus()
        page.keyboard.press(key)
        said.append(page.locator("#worth").inner_text())
    assert said[0] != said[1]
    assert "0.1%" in said[0]
    assert "50%" in said[1]
    found, alarms = 0.001 * known["true_fake"], 0.999 * known["false_fake"]["rate"]
    assert f"{100 * found / (found + alarms):.2g}% of those called fake" in said[0]


def why(card: Any) -> Any:
    """Ask why, by keyboard, and return the explanation."""
    card.locator("summary").press("Enter")
    card.locator(".reasons .note").first.wait_for()
    return card.locator(".reasons")


def test_footnotes_frame_what_was_measured_and_open_sources(page, make_picture):
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/explain" in one.url else None)
    drop(page, files(make_picture)[:1])
    card = judged(page, 1)[0]
    with page.expect_response("**/explain") as answered:
        found = why(card)
    assert found.locator("> p [lang=en]").count() > 3
    pressed = page.locator("[aria-pressed=true]")
    # Where the evidence lies is about a part of the picture, the probability about all of it.
    evidence = found.locator("span", has_text="The evidence for").locator("+ sup button")
    evidence.press("Enter")
    assert card.locator("rect.shown").count() == 2
    measured = answered.value.json()["measurements"]
    frame = card.locator("rect.shown").last
    sides = [float(frame.get_attribute(side)) for side in ("x", "y", "width", "height")]
    assert sides == measured["evidence.where"]["box"]
    assert sides[2] * sides[3] <= np.prod(measured["face.size"]["box"][2:]) < 120 * 90
    assert found.get_by_text(measured["face.size"]["brief"]).is_visible()
    caption = card.locator(".picture").get_by_role("status")
    assert "The evidence for" in caption.inner_text()
    assert pressed.count() == 1
    found.get_by_role("button", name="Measurement 2", exact=True).click()
    assert card.locator("rect.shown").count() == 0
    assert caption.inner_text() == ""
    assert pressed.count() == 1
    told = found.get_by_role("status").filter(has_text="probability of a fake")
    assert told.count() == 1
    found.get_by_role("button", name="Measurement 2", exact=True).click()
    assert pressed.count() == told.count() == 0
    link = found.get_by_role("link", name="Source").first
    assert re.match(r"https://(arxiv|doi)\.org/", link.get_attribute("href"))
    assert link.get_attribute("target") == "_blank"
    assert "noopener" in link.get_attribute("rel")
    for _ in range(2):
        card.locator("summary").press("Enter")
    page.select_option("#language", "fr")
    assert found.get_by_text("L’explication est en anglais").is_visible()
    assert found.get_by_role("button", name="Mesure 1", exact=True).first.is_visible()
    assert len(asked) == 1


def test_explanation_that_fails_can_be_asked_for_again(page, make_picture):
    drop(page, files(make_picture)[:1])
    card = judged(page, 1)[0]
    page.route("**/explain", lambda route: route.abort())
    card.locator("summary").press("Enter")
    card.locator(".reasons .error").wait_for()
    assert "cannot be reached" in card.locator(".reasons").inner_text()
    page.unroute("**/explain")
    card.locator(".reasons").get_by_role("button", name="Try again").press("Enter")
    card.locator(".reasons .note").first.wait_for()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_answer_that_breaks_off_is_an_error_that_can_be_tried_again(page, make_picture):
    half = {"status": 200, "content_type": "application/json", "body": '{"label": "Re'}
    page.route("**/predict", lambda route: route.fulfill(**half))
    drop(page, files(make_picture)[:1])
    card = judged(page, 1)[0]
    assert "cannot be reached" in card.inner_text()
    page.unroute("**/predict")
    card.get_by_role("button", name="Try again").click()
    card.locator(".words").wait_for()


def test_report_opens_with_its_style_and_picture(page, make_picture):
    drop(page, files(make_picture)[:1])
    card = judged(page, 1)[0]
    with page.context.expect_page() as opened:
        card.get_by_role("button", name="Printable report").click()
    report = opened.value
    report.wait_for_url("blob:**")
    report.get_by_text("How it was judged").wait_for()
    assert report.evaluate("getComputedStyle(document.body).maxWidth") == "960px"
    assert report.evaluate("document.images[0].naturalWidth") > 100
    assert "two faces.png" in report.inner_text("body")


def test_everything_can_be_done_by_keyboard(page, make_picture):
    page.set_input_files("#files", files(make_picture)[:2])
    judged(page, 2)
    reached = []
    page.locator("#language").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.ariaLabel || '?'")
        )
    assert reached[:3] == ["files", "faces", "prevalence"]
    assert "Remove two faces.png" in reached
    page.get_by_role("button", name="Remove two faces.png").press("Enter")
    assert page.locator(".card").count() == 1
    assert page.evaluate("document.activeElement.ariaLabel") == "Remove none.jpg"


def test_dropped_video_shows_persons_over_time(page, film):
    from playwright.sync_api import expect

    drop(page, [film])
    card = judged(page, 1)[0]
    assert re.search(r"Fake|Real|Inconclusive", card.locator(".verdict").inner_text())
    assert "calibrated on stills, not on video" in card.inner_text()
    assert "Looked at 12 of 30 frames" in card.inner_text()
    first, second = card.locator(".track").all()
    assert re.match(r"Person 1: \w+, probability of fake [<>]?[01]\.\d+", first.inner_text())
    label = first.get_by_role("img").get_attribute("aria-label")
    said = r"[<>]?[01]\.\d{3}"
    assert re.search(rf"12 frames from 0\.2 to 5\.\d s, between {said} and {said}", label)
    assert first.locator("circle").count() == 12
    # Who was away has a line before and a line after.
    assert (first.locator("polyline").count(), second.locator("polyline").count()) == (1, 2)
    second.locator("summary").press("Enter")
    expect(second.locator("tbody tr")).to_have_count(second.locator("circle").count())
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.select_option("#language", "fr")
    assert "calibré sur des photos, pas sur des vidéos" in card.inner_text()
    assert not re.search(r"\{\w+\}", page.locator("body").inner_text())


def test_video_plays_and_plays_with_its_heatmaps(page, film):
    from playwright.sync_api import expect

    drop(page, [film])
    card = judged(page, 1)[0]
    length = (
        "(v) => new Promise((done) => v.duration ? done(v.duration) : "
        "v.addEventListener('loadedmetadata', () => done(v.duration)))"
    )
    assert card.locator("video").evaluate(length) == pytest.approx(6, abs=0.3)
    before = card.locator("video").get_attribute("src")
    card.get_by_role("button", name="Show heatmaps in walk.webm").press("Enter")
    expect(card.get_by_role("button")).to_have_count(1)
    assert card.locator("video").get_attribute("src") != before
    assert card.locator("video").evaluate(length) == pytest.approx(6, abs=0.3)
    assert page.evaluate("document.activeElement.tagName") == "VIDEO"


def test_videos_that_cannot_be_judged_are_errors_in_words(page, film):
    bad = {**film, "name": "bad.mp4", "mimeType": "video/mp4"}
    drop(page, [{**bad, "buffer": b"no video"}, {**bad, "buffer": b"\0\0\0\x18ftypisom"}])
    none, damaged = judged(page, 2)
    assert "no video of a format" in none.inner_text()
    assert "damaged or incomplete" in damaged.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_page_is_accessible_and_fits(page, make_picture, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    drop(page, files(make_picture))
    for card in judged(page, 3)[:2]:
        why(card)
    page.locator(".reasons button").first.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_page_speaks_french(page, make_picture):
    drop(page, files(make_picture))
    judged(page, 3)
    page.select_option("#language", "fr")
    assert page.title() == "Ce visage est-il réel\u00a0?"
    assert page.locator("html").get_attribute("lang") == "fr"
    assert "Aucun visage n’a été trouvé" in page.locator(".card").nth(1).inner_text()
    assert not re.search(r"\{\w+\}", page.locator("body").inner_text())
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
