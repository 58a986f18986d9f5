"""The page in a real Chromium when the service is gone, silent, slow, full or locked."""

from __future__ import annotations

import io
import signal

import pytest
from PIL import Image

from tests.service.browsing import give, looked, ready, shot
from tests.service.serving import free_port, running, service

pytestmark = pytest.mark.slow  # starts servers


@pytest.fixture
def browse(browser):
    """Opens an address in English, in a context that is closed at the end."""
    opened = []

    def open_page(address: str, **context: object):
        fresh = browser.new_context(locale="en-US", **context)
        opened.append(fresh)
        page = fresh.new_page()
        page.goto(address)
        return page

    yield open_page
    for context in opened:
        context.close()


def test_a_service_that_comes_back(browse, astronaut: bytes) -> None:
    """Gone while pictures came in: one click tries them all again; each is cleaned."""
    port = free_port()
    base, command = f"http://127.0.0.1:{port}", ["-m", "rmexif", "serve", "--port", str(port), "--workers", "1"]
    with running(command, f"{base}/readyz") as process:
        page = browse(base)
        process.terminate()
        process.wait(30)
        give(page, astronaut, astronaut, astronaut)
        looked(page, 3)
        assert page.locator("#tiles li[data-state=refused]").count() == 3
        assert "did not answer" in page.inner_text("#status")
        assert page.inner_text("#again") == "Try 3 again"
        shot(page, "gone")
    with running(command, f"{base}/readyz"):
        page.click("#again")
        page.locator("[data-state=found]").nth(2).wait_for(timeout=60_000)
        assert page.is_hidden("#again")
        page.click("#clean-all")
        page.locator("[data-state=cleaned]").nth(2).wait_for(timeout=60_000)


def test_a_full_service_is_asked_again(browse, astronaut: bytes) -> None:
    """One worker and one place to wait: what is refused for now is asked again, until all is done."""
    with service(workers=1, background=1, queue=1, client_requests=1) as (base, _):
        page, busy = browse(base), []
        page.on("response", lambda answer: busy.append(answer.url) if answer.status == 429 else None)
        give(page, *([astronaut] * 5))
        looked(page, 5)
        page.click("#clean-all")
        page.locator("[data-state=cleaned]").nth(4).wait_for(timeout=120_000)
        assert busy, "it was full"
        assert page.locator("[data-state=refused]").count() == 0


def test_a_picture_that_takes_too_long(browse, astronaut: bytes) -> None:
    """The deadline of the service is said in plain words, with a button; nothing came out."""
    large = io.BytesIO()
    Image.open(io.BytesIO(astronaut)).convert("RGB").resize((6000, 5000)).save(large, "JPEG", quality=80)
    with service(workers=1, background=1, deadline_seconds=1.5) as (base, _):
        page = browse(base)
        give(page, large.getvalue())
        page.locator("#more summary").click(timeout=60_000)
        page.select_option("[name=recall]", "max")
        page.wait_for_selector("#refusal:not([hidden])", timeout=60_000)
        assert "took too long, so nothing came out" in page.inner_text("#refusal")
        assert page.is_visible("#refusal button")
        assert page.is_hidden("#save-all")


def test_a_service_that_is_silent(browse, browser, astronaut: bytes) -> None:
    """It accepts and never answers: after five minutes the page says so; asked again, it goes on."""
    with service(workers=1) as (base, process):
        context = browser.new_context(locale="en-US")
        page = context.new_page()
        page.clock.install()
        page.goto(base)
        process.send_signal(signal.SIGSTOP)
        try:
            give(page, astronaut)
            page.wait_for_timeout(500)
            page.clock.fast_forward("04:50")
            assert page.is_hidden("#refusal")
            page.clock.fast_forward("00:15")
            page.wait_for_selector("#refusal:not([hidden])")
            assert "did not answer" in page.inner_text("#refusal")
        finally:
            process.send_signal(signal.SIGCONT)
        page.clock.resume()
        page.click("#refusal button")
        ready(page)
        context.close()


def test_a_wrong_token_is_explained(browse, astronaut: bytes) -> None:
    """None, a wrong one in the address, a wrong one typed: each time in words; pictures wait and go on."""
    secret = "open-sesame-0123456789"
    with service(tokens=secret) as (base, _):
        page = browse(f"{base}/#token=stale-token-of-yesterday")
        give(page, astronaut, astronaut)
        page.wait_for_selector("#door:not([hidden])")
        assert "does not accept that access token" in page.inner_text("#door")
        assert page.evaluate("document.activeElement.id") == "token"
        shot(page, "door")
        page.fill("#token", "another wrong one")
        page.keyboard.press("Enter")
        page.locator("#door p", has_text="does not accept").wait_for()
        page.fill("#token", secret)
        page.keyboard.press("Enter")
        page.locator("[data-state=found]").nth(1).wait_for(timeout=60_000)
        assert page.is_hidden("#door")
        assert secret not in page.content()
        fresh = browse(base)
        give(fresh, astronaut)
        fresh.wait_for_selector("#door:not([hidden])")
        assert "asks for an access token" in fresh.inner_text("#door")


def test_reload_and_leaving_ask_while_something_is_open(browse, astronaut: bytes) -> None:
    """By the browser's own question, also of many; not before anything came in, nor once all was removed."""
    with service(workers=1) as (base, _):
        page, asked = browse(base), []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
        page.reload()
        assert asked == []
        give(page, astronaut, astronaut)
        looked(page, 2)
        page.click("#tiles .tile >> nth=0")
        ready(page)
        page.goto(f"{base}/docs")
        assert asked == ["beforeunload"]
        page.go_back()
        give(page, astronaut, astronaut)
        looked(page, 2)
        page.click("#clear")
        assert asked == ["beforeunload", "confirm"]
        page.reload()
        assert asked == ["beforeunload", "confirm"]
