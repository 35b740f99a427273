"""Phones in the hands of the people of the story: Chromium contexts of 390x844 with a virtual authenticator each.

Invariant: a phone is a browser context of its own: no cookie, key or cache is shared between two people.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

SCREENS = Path(__file__).parent / "screens"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
AUTHENTICATOR = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "hasPrf": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}

SYNCED = ("defaultBackupEligibility", "defaultBackupState")

REMEMBER_BLOBS = """
  window.shownBlobs = new Map();
  const make = URL.createObjectURL.bind(URL);
  URL.createObjectURL = (blob) => { const address = make(blob); window.shownBlobs.set(address, blob); return address; };
"""


def system_chromium() -> str | None:
    """The machine's own Chromium, where there is one; else Playwright brings its own."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Phone:
    """One person's phone. ``faults`` are what a user never sees and a test must not overlook: exceptions, CSP, console errors."""

    owner: str
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    def see(self, name: str) -> None:
        """Write a screenshot of what is on the screen into the ignored folder."""
        SCREENS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENS / f"{name}.png")

    def tap(self, test_id: str) -> None:
        self.page.get_by_test_id(test_id).first.click()


def new_phone(browser: Browser, owner: str, *, locale: str = "de-DE", scheme: Any = "dark", is_synced: bool = False) -> Phone:
    """``is_synced``: its passkeys are of the kind that a maker's account copies to other devices."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True, has_touch=True, locale=locale, color_scheme=scheme
    )
    context.set_default_timeout(15_000)
    # The page's own policy forbids fetching a blob: address, for tests too; so what is shown is remembered when it is made.
    context.add_init_script(REMEMBER_BLOBS)
    page = context.new_page()
    phone = Phone(owner, context, page)
    page.on("pageerror", lambda error: phone.faults.append(f"exception: {error.message}"))
    page.on("console", lambda message: _note(phone, message))
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR | dict.fromkeys(SYNCED, is_synced)})
    return phone


def _note(phone: Phone, message: ConsoleMessage) -> None:
    # Chromium reports every HTTP answer of 400 and above, and every request without a network, as a console error: the API's business.
    if message.type == "error" and not any(words in message.text for words in ("the server responded with a status", "net::ERR_INTERNET")):
        phone.faults.append(f"console: {message.text}")


@dataclass
class Phones:
    """The phones of one test."""

    browser: Browser
    made: list[Phone] = field(default_factory=list)

    def empty(self, owner: str, **options: Any) -> Phone:
        """A phone that knows nobody yet; ``locale``, ``scheme`` and ``is_synced`` as ``new_phone`` takes them."""
        self.made.append(new_phone(self.browser, owner, **options))
        return self.made[-1]

    def linked(self, owner: str, link: str, **options: Any) -> Phone:
        """A phone made a device of its owner by a one-time link, at Home."""
        phone = self.empty(owner, **options)
        phone.page.goto(link)
        phone.tap("link-button")
        phone.page.get_by_test_id("home").wait_for()
        return phone

    def faults(self) -> list[str]:
        return [f"{phone.owner}: {fault}" for phone in self.made for fault in phone.faults]

    def close(self) -> None:
        for phone in self.made:
            phone.context.close()
