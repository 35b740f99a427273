"""Every screen in German and English, dark and light: no accessibility rule of WCAG 2.2 AA broken, and a screenshot to look at."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
AXE = Path(__file__).resolve().parent.parent.parent / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# What each screen shows once it has its content.
SCREENS = {
    "": "home",
    "board": "board-hospital",
    "request/new": "hospital-option",
    "duty": "duty",
    "people": "person",
    "me": "my-name",
}

# Dark whatever the phone says, until its owner chooses: it is used at night.
THEMES = {"de": {"dark": "Dunkel", "light": "Hell"}, "en": {"dark": "Dark", "light": "Light"}}


def violations(page: Page) -> list[str]:
    """What axe finds, as ``rule: element``."""
    page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES)
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found["violations"] for node in rule["nodes"]]


@pytest.mark.parametrize(("locale", "language"), [("de-DE", "de"), ("en-GB", "en")])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_screens_are_accessible(running: Running, colleagues: Colleagues, phones: Phones, locale: str, language: str, scheme: str) -> None:
    phone = phones.linked("winter", colleagues.link("registrar-hohenfeld"), locale=locale)
    phone.page.goto(f"{running.address}/#/me")
    phone.page.get_by_test_id("theme").get_by_text(THEMES[language][scheme], exact=True).click()
    expect(phone.page.locator("html")).to_have_css("color-scheme", scheme)
    assert phone.page.evaluate("document.documentElement.lang") == language

    broken = {}
    for path, shown in SCREENS.items() | {"registrar": "member"}.items():
        phone.page.goto(f"{running.address}/#/{path}")
        expect(phone.page.get_by_test_id(shown).first).to_be_visible()
        phone.page.wait_for_timeout(400)
        phone.see(f"screen-{path.replace('/', '-') or 'home'}-{language}-{scheme}")
        broken[path or "home"] = violations(phone.page)

    assert {path: found for path, found in broken.items() if found} == {}


def test_nothing_but_the_service_itself_is_asked(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    """No font, script or picture of a third party: every request of a whole visit goes to one origin."""
    phone = phones.empty("adler")
    asked: list[str] = []
    phone.page.on("request", lambda request: asked.append(request.url))

    phone.page.goto(colleagues.link("adler"))
    phone.tap("link-button")
    phone.page.get_by_test_id("home").wait_for()
    phone.page.goto(f"{running.address}/#/board")
    phone.page.get_by_test_id("board-hospital").first.wait_for()

    assert asked
    assert [url for url in asked if not url.startswith((f"{running.address}/", "blob:", "data:"))] == []
