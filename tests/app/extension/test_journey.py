"""The extension as a visitor uses it, in the Chromium of this machine."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import made
import people
import psutil
import pytest
from PIL import Image
from sites import Sites, serving

from app.extension.browser import CHROMIUM, Browser, opened

pytestmark = pytest.mark.xdist_group("browser")

PAGE = "http://faces.test/page.html"
LATE = """
new IntersectionObserver(([entry]) => {
  if (entry.isIntersecting) setTimeout(() => (entry.target.src = entry.target.dataset.src), 500);
}).observe(document.getElementById("put in"));
"""
HOSTILE = """
html > div { display: none !important; opacity: 0 !important; visibility: hidden !important;
  width: 1px !important; transform: scale(0) !important; --ink: white !important; }
"""
PATIENCE = 60  # seconds


def pages() -> dict[str, bytes]:
    face = made.encoded(Image.fromarray(people.astronaut()), "JPEG", quality=90)
    small = made.encoded(Image.fromarray(people.head(200)), "PNG")
    files = made.files()
    inline = base64.b64encode(small).decode()
    sources = {
        "own": "/face.jpg",
        "elsewhere": "http://closed.test/face.jpg",
        "open": "http://open.test/face.jpg",
        "inline": f"data:image/png;base64,{inline}",
        "drawing": "/drawing.svg",
        "moving": "/moving.gif",
        "broken": "/broken.jpg",
        "large": "/large.jpg",
        "missing": "/missing.jpg",
    }
    images = "".join(f'<img id="{name}" src="{at}" width="300">' for name, at in sources.items())
    start = "<!doctype html><title>Faces</title><h1>A page with faces</h1>"
    # Far below: one that the browser loads late, and one whose address a script puts in late.
    below = (
        '<svg height="9000"></svg><br><img id="late" src="/late.jpg" loading="lazy" width="300" '
        'height="300"><img id="put in" src="/placeholder.png" data-src="/later.jpg" width="300" '
        'height="300"><script src="/late.js"></script>'
    )
    return {
        "faces.test/page.html": f"{start}{images}".encode(),
        "faces.test/hostile.html": (
            f'<link rel="stylesheet" href="hostile.css">{start}{images}'.encode()
        ),
        "faces.test/hostile.css": HOSTILE.encode(),
        "faces.test/late.html": f"{start}{below}".encode(),
        "faces.test/late.js": LATE.encode(),
        "faces.test/late.jpg": face,
        "faces.test/later.jpg": face,
        "faces.test/placeholder.png": made.encoded(Image.new("RGB", (200, 200), "grey"), "PNG"),
        "faces.test/face.jpg": face,
        "faces.test/drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "faces.test/moving.gif": files["moving.gif"],
        "faces.test/broken.jpg": face[:2000],
        "faces.test/large.jpg": files["large.jpg"],
        "faces.test/huge.jpg": made.encoded(
            Image.fromarray(people.astronaut()).resize((8000, 8000)), "JPEG", quality=80
        ),
        "closed.test/face.jpg": face,
        "open.test/face.jpg": face,
        "open.test/page.html": f'{start}<img id="own" src="/face.jpg" width="300">'.encode(),
    }


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with serving(pages()) as sites:
        yield sites


@pytest.fixture(scope="module")
def browser(packed: Path, sites: Sites, tmp_path_factory: Any) -> Iterator[Browser]:
    """A browser whose visitor has clicked on `faces.test`: no test can click on its menus."""
    pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    own = Path(shutil.copytree(packed / "chromium", tmp_path_factory.mktemp("clicked") / "own"))
    manifest = json.loads((own / "manifest.json").read_text(encoding="utf-8"))
    manifest["host_permissions"] = ["http://faces.test/*"]
    (own / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with opened(own, sites.address) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Any]:
    page = browser.context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(PAGE)
    yield page
    page.close()


def click(browser: Browser, page: Any, name: str, patience: int = PATIENCE) -> str:
    """Choose the menu's entry on a picture, wait for the verdict, and return what is said."""
    source = page.evaluate("(id) => document.getElementById(id).currentSrc", name)
    source = source or page.evaluate("(id) => document.getElementById(id).src", name)
    choose(browser, page, source)
    for _ in range(10 * patience):
        page.wait_for_timeout(100)
        said = panel(page).strip()
        if said and "Judging" not in said and "Loading" not in said:
            return said
    raise AssertionError(f"no verdict, but {said!r}")


def choose(browser: Browser, page: Any, source: str) -> None:
    """Choose the menu's entry on a picture."""
    page.bring_to_front()
    browser.worker.evaluate(
        """async ([srcUrl, pageUrl]) => {
            const [tab] = await chrome.tabs.query({ active: true, lastFocusedWindow: true });
            const info = { menuItemId: "check", srcUrl, pageUrl, frameId: 0 };
            chrome.contextMenus.onClicked.dispatch(info, tab);
        }""",
        [source, page.url],
    )


def panel(page: Any) -> str:
    """Return the text of the extension's frames over a page, which only a debugger can see."""
    return " ".join(frame.evaluate("document.body.innerText") for frame in frames(page))


def frames(page: Any) -> list[Any]:
    return [frame for frame in page.frames if "/extension/frame.html" in frame.url]


def test_a_click_on_a_picture_says_everything_over_the_page(browser, page):
    said = click(browser, page, "own")
    assert any(word in said for word in ("Fake", "Real", "Inconclusive"))
    assert "Probability of fake" in said
    assert "On average at most" in said
    assert "Any page can draw a panel like this one" in said


HOSTS = """[...document.documentElement.children]
    .filter((one) => !["HEAD", "BODY"].includes(one.nodeName))"""


def test_the_page_cannot_read_it(browser, page):
    said = click(browser, page, "own")
    assert "Probability of fake" not in page.evaluate("document.documentElement.textContent")
    looked_for = ["Probability of fake", "Close", *said.split()[-3:]]
    found = "(words) => words.filter((word) => window.find(word, true, false, true))"
    assert page.evaluate(found, looked_for) == []
    assert page.evaluate(f"{HOSTS}.every((one) => one.shadowRoot === null)")
    # Neither its place nor its size says anything, nor does a list of frames or of what was loaded.
    assert page.evaluate(f"{HOSTS}.map((one) => one.getBoundingClientRect().width)") == [0]
    assert page.evaluate("window.length") == 0
    assert not page.evaluate(
        "performance.getEntriesByType('resource').some((one) => one.name.includes('extension'))"
    )
    assert page.evaluate("globalThis.deepfakePanel") is None
    assert page.evaluate("typeof chrome?.runtime?.sendMessage") == "undefined"


def test_the_styles_of_a_page_do_not_reach_it(browser, page):
    page.goto("http://faces.test/hostile.html")
    click(browser, page, "own")
    (frame,) = frames(page)
    seen = frame.evaluate(
        "[innerWidth > 300, innerHeight > 300, getComputedStyle(document.body).color]"
    )
    page.goto(PAGE)
    click(browser, page, "own")
    assert seen == frames(page)[0].evaluate(
        "[innerWidth > 300, innerHeight > 300, getComputedStyle(document.body).color]"
    )
    assert seen[:2] == [True, True]
    page.goto("http://faces.test/hostile.html")
    click(browser, page, "own")
    host = f"getComputedStyle({HOSTS}[0])"
    assert page.evaluate(f"[{host}.display, {host}.opacity, {host}.visibility]") == [
        "block",
        "1",
        "visible",
    ]


def test_a_page_that_frames_it_itself_is_told_nothing(browser, page):
    address = f"{browser.home}/frame.html"
    page.evaluate(
        """async (address) => {
            const frame = document.createElement("iframe");
            frame.src = address;
            const loaded = new Promise((resolve) => (frame.onload = resolve));
            document.body.append(frame);
            await loaded;
            frame.contentWindow.postMessage("a guess", "*");
        }""",
        address,
    )
    page.wait_for_timeout(1000)
    for frame in page.frames[1:]:
        assert frame.url != address or frame.evaluate("document.body.innerText") == ""


def test_the_verdict_of_record_stands_in_the_extensions_own_window(browser, page):
    click(browser, page, "own")
    window = browser.window()
    window.get_by_text("http://faces.test/face.jpg").first.wait_for()
    assert window.locator(".records .verdict").first.inner_text() in (
        "Fake",
        "Real",
        "Inconclusive",
    )
    window.close()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("open", "Probability of fake"),
        ("inline", "Probability of fake"),
        ("large", "Probability of fake"),
        ("moving", "its first frame was judged"),
        ("drawing", "no photograph"),
        ("broken", "damaged or incomplete"),
        ("elsewhere", "its site does not give it out"),
        ("missing", "nothing at the picture"),
    ],
)
def test_every_kind_of_picture_has_a_sentence(browser, page, name, sentence):
    assert sentence in click(browser, page, name)


def test_a_picture_whose_bytes_are_gone_is_read_from_the_page_and_it_says_so(browser, page):
    page.evaluate(
        """async () => {
            const image = document.getElementById("own");
            const blob = await (await fetch(image.src)).blob();
            const address = URL.createObjectURL(blob);
            image.src = address;
            await image.decode();
            URL.revokeObjectURL(address);
        }"""
    )
    assert "the pixels that the page shows were judged" in click(browser, page, "own")


def test_a_dropped_file_is_judged_with_a_heatmap(browser, tmp_path):
    path = tmp_path / "face.png"
    Image.fromarray(people.astronaut()).save(path)
    window = browser.window()
    window.set_input_files("#files", path)
    window.locator("#verdict .words").wait_for()
    assert window.locator("#verdict svg rect").count() == 1
    assert window.locator("#verdict canvas").evaluate(
        "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)"
    )
    window.close()


GIVEN = """([kind, name, type, base64]) => {
    const given = new DataTransfer();
    if (name) {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        given.items.add(new File([bytes], name, { type }));
    }
    const event = kind === "drop"
        ? new DragEvent(kind, { dataTransfer: given, bubbles: true, cancelable: true })
        : new ClipboardEvent(kind, { clipboardData: given, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
}"""


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        ("drop", "a.jpg", "Probability of fake"),
        ("paste", "b.jpg", "Probability of fake"),
        ("drop", "film.mp4", "no picture of a format that is read"),
        ("drop", "", "That was no picture file"),
    ],
)
def test_what_is_dropped_or_pasted_is_answered(browser, kind, name, sentence):
    face = pages()["faces.test/face.jpg"]
    content = face if name.endswith("jpg") else b"\0\0\0\x20ftypisom" + bytes(200)
    window = browser.window()
    window.get_by_text("Drop a picture here").wait_for()
    window.evaluate(GIVEN, [kind, name, "image/jpeg", base64.b64encode(content).decode()])
    window.locator("#verdict").get_by_text(sentence).first.wait_for()
    window.close()


def test_a_face_that_the_visitor_marks_is_judged_and_recorded_as_marked(browser, page):
    click(browser, page, "own")
    (frame,) = frames(page)
    frame.get_by_text("Mark a face").click()
    box = frame.locator(".frame").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 130, steps=3)
    page.mouse.up()
    frame.get_by_text("Mark a face").wait_for()
    assert frame.locator(".frame rect").count() == 1
    window = browser.window()
    window.locator(".records li").first.get_by_text("marked by you").wait_for()
    window.close()


def test_a_blob_that_is_still_there_is_read_as_a_file(browser, page):
    page.evaluate(
        """async () => {
            const image = document.getElementById("own");
            image.src = URL.createObjectURL(await (await fetch(image.src)).blob());
            await image.decode();
        }"""
    )
    said = click(browser, page, "own")
    assert "Probability of fake" in said
    assert "the pixels that the page shows" not in said


def test_where_nothing_can_be_put_into_a_page_a_window_says_it(browser, page):
    # The browser lets no extension into its own pages, nor into those without leave.
    page.goto("http://open.test/page.html")
    with browser.context.expect_page() as opening:
        choose(browser, page, "http://open.test/face.jpg")
    window = opening.value
    window.get_by_text("Probability of fake").wait_for()
    window.close()


def test_badges_are_turned_on_though_the_pop_up_is_closed_under_the_question(browser, page):
    window = browser.context.new_page()
    window.add_init_script(
        """if (globalThis.chrome?.tabs) {
            chrome.tabs.query = async () => [{ id: -1, url: "http://faces.test/page.html" }];
            chrome.permissions.request = () => new Promise(() => {});
        }"""
    )
    window.goto(f"{browser.home}/popup.html")
    window.get_by_text("Badges on all large pictures of faces.test").wait_for()
    window.locator("#badges:enabled").check()
    window.wait_for_timeout(300)
    window.close()
    # The visitor says yes.
    browser.worker.evaluate(
        "() => chrome.permissions.onAdded.dispatch({ origins: ['http://faces.test/*'] })"
    )
    registered = "async () => (await chrome.scripting.getRegisteredContentScripts()).length"
    for _ in range(100):
        if browser.worker.evaluate(registered):
            break
        page.wait_for_timeout(100)
    window = browser.context.new_page()
    window.add_init_script(
        """if (globalThis.chrome?.tabs) {
            chrome.tabs.query = async () => [{ id: -1, url: "http://faces.test/page.html" }];
            chrome.permissions.remove = async () => true;
        }"""
    )
    window.goto(f"{browser.home}/popup.html")
    window.locator("#badges:checked").uncheck()
    for _ in range(100):
        if not browser.worker.evaluate(registered):
            break
        window.wait_for_timeout(100)
    assert not browser.worker.evaluate(registered)
    window.close()


def test_the_network_has_threads(browser):
    status = browser.check(pages()["faces.test/face.jpg"])["status"]
    assert status["engine"].startswith(("WASM × ", "WebGPU"))
    assert not status["engine"].endswith("× 1")


def test_a_browser_that_disturbs_its_canvases_is_found_out(browser):
    window = browser.window()
    disturbed = """async ([base64, disturb]) => {
        if (disturb) {
            const own = OffscreenCanvasRenderingContext2D.prototype.getImageData;
            OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...at) {
                const found = own.apply(this, at);
                found.data[0] ^= 1;
                return found;
            };
        }
        const { toBytes } = await import("./messages.js");
        return (await (await import("./pixels.js")).read(toBytes(base64))).notes;
    }"""
    face = base64.b64encode(pages()["faces.test/face.jpg"]).decode()
    assert window.evaluate(disturbed, [face, False]) == []
    window.reload()
    assert window.evaluate(disturbed, [face, True]) == ["disturbed"]
    window.close()


def test_a_transparent_avif_is_said_to_be_read_otherwise(browser):
    veiled = Image.fromarray(people.astronaut())
    veiled.putalpha(128)
    answer = browser.check(made.encoded(veiled, "AVIF", quality=90))["answer"]
    assert answer["notes"] == ["veiled"]


def test_the_options_say_what_the_detector_is_in_two_languages(browser, framed_bundle):
    window = browser.context.new_page()
    window.goto(f"{browser.home}/options.html")
    known = json.loads((framed_bundle / "card.json").read_text())["exports"]["onnx-float16"]
    window.get_by_text(known["files"]["model-float16.onnx"]).wait_for()
    window.get_by_text("cannot be moved").wait_for()
    window.select_option("#language", "fr")
    window.get_by_text("ne se déplacent pas").wait_for()
    window.select_option("#language", "en")
    window.get_by_text("cannot be moved").wait_for()
    window.close()


def test_badges_come_only_where_they_were_turned_on(browser, page):
    assert panel(page) == ""
    with_badges(browser)
    page.reload()
    for _ in range(10 * PATIENCE):
        page.wait_for_timeout(100)
        if any(word in panel(page) for word in ("Fake", "Real", "Inconclusive")):
            break
    else:
        raise AssertionError(panel(page))
    browser.worker.evaluate("() => chrome.scripting.unregisterContentScripts()")


def with_badges(browser: Browser) -> None:
    browser.worker.evaluate(
        """() => chrome.scripting.registerContentScripts([{ id: "badges http://faces.test",
            matches: ["http://faces.test/*"], js: ["/extension/badges.js"] }])"""
    )


def test_a_picture_that_loads_late_is_judged_on_a_click_before_it_is_there(browser, page):
    page.goto("http://faces.test/late.html")
    assert not page.evaluate("document.getElementById('late').naturalWidth")
    assert "Probability of fake" in click(browser, page, "late")


def test_badges_wait_for_pictures_that_load_late(browser, page, sites):
    with_badges(browser)
    page.goto("http://faces.test/late.html")
    page.wait_for_timeout(1500)
    assert panel(page) == ""
    page.evaluate("document.getElementById('late').scrollIntoView()")
    wanted = {"http://faces.test/late.jpg", "http://faces.test/later.jpg"}
    for _ in range(10 * PATIENCE):
        page.wait_for_timeout(100)
        kept = browser.worker.evaluate("() => chrome.storage.session.get('badges')")
        kept = kept.get("badges", [])
        if wanted <= {entry["source"] for entry in kept}:
            break
    else:
        raise AssertionError(kept)
    # What took a picture's place took the place of its badge too.
    page.wait_for_timeout(500)
    said = [word for word in panel(page).split() if word in ("Fake", "Real", "Inconclusive", "…")]
    assert len(said) == 2
    browser.worker.evaluate("() => chrome.scripting.unregisterContentScripts()")


@pytest.mark.slow
def test_a_picture_of_8000_pixels_a_side_is_judged(browser, page):
    page.evaluate("document.getElementById('own').src = '/huge.jpg'")
    assert "Probability of fake" in click(browser, page, "own", 3 * PATIENCE)


def resident() -> int:
    """Return the bytes that the processes of the extension hold."""
    found = 0
    for process in psutil.Process().children(recursive=True):
        if "--extension-process" in process.cmdline():
            found += process.memory_info().rss
    return found


@pytest.mark.slow
def test_memory_returns_to_its_level_after_50_pictures(browser):
    content = made.encoded(Image.fromarray(people.astronaut()), "PNG")
    for _ in range(10):
        browser.check(content)
    before = resident()
    for _ in range(50):
        browser.check(content)
    assert before > 0
    assert resident() < before + 50_000_000


# What the browser asks of its makers by itself, whatever extension is in it.
BROWSERS_OWN = {"update.googleapis.com", "accounts.google.com"}


def leaks(sites: Sites, first: int = 0) -> list[str]:
    """Return the requests that a picture may have left by, from one on."""
    known = {f"http://{name}" for name in sites.pages}
    known |= {f"http://{host}.test/favicon.ico" for host in ("faces", "open")}
    known |= {"http://faces.test/missing.jpg"}
    found = []
    for method, address, headers, body in sites.requests[first:]:
        host = urlsplit(address if "//" in address else f"//{address}").hostname
        # Fewer bytes than a picture has.
        if host in BROWSERS_OWN and len(body) < 5000:
            continue
        if (method, body) != ("GET", b"") or address not in known or "Cookie" in headers:
            found.append(f"{method} {address}")
    return found


def test_no_request_carries_a_picture_anywhere(browser, page, sites):
    # The last of this file, it looks at what all the others have sent too.
    click(browser, page, "own")
    assert "http://faces.test/page.html" in {address for _, address, *_ in sites.requests}
    assert leaks(sites) == []
    # That it would be seen is tried: by an address, by a body, and to where nobody can look into.
    after = len(sites.requests)
    for address in ("http://faces.test/?picture", "http://closed.test/", "https://elsewhere.test/"):
        browser.worker.evaluate(
            """(address) => fetch(address, { method: "POST", mode: "no-cors", body: "a picture" })
                .catch(() => null)""",
            address,
        )
    seen = leaks(sites, after)
    assert {one.split("/?")[0].rstrip("/") for one in seen} == {
        "POST http://faces.test",
        "POST http://closed.test",
        "CONNECT elsewhere.test:443",
    }
    del sites.requests[after:]
