"""A service, and a page that says nothing to its console."""

from __future__ import annotations

import pytest

from tests.service.serving import service


@pytest.fixture(scope="session")
def served():
    """The address of a service that all tests of the page share."""
    with service(workers=2) as (address, _):
        yield address


@pytest.fixture
def visit(browser, served):
    """Opens the page in a context of its own; what it says to the console must be nothing."""
    opened, complaints = [], []

    def open_page(**context: object):
        fresh = browser.new_context(**({"viewport": {"width": 1280, "height": 900}, "locale": "en-US"} | context))
        page = fresh.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(served)
        opened.append(fresh)
        return page

    yield open_page
    for context in opened:
        context.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []


@pytest.fixture
def page(visit):
    """The page on a desktop, in English."""
    return visit()
