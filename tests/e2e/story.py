"""The night story played on two phones, step by step as a physician taps it.

Invariant: everything happens through the screen; what the test reads elsewhere it only reads.
"""

import base64
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.e2e.browser import Phone

# Words that stand nowhere else: whoever finds one of them on the server has found content.
MARKERS = {
    "note": "Zwiebelturmnotiz siebenundvierzig, seit zwei Stunden beatmet",
    "question": "Rückfrage Quittenmarmelade: Katecholamine?",
    "answer": "Antwort Heidelbeerstrudel, Noradrenalin läuft",
    "caption": "Bildtext Kastanienallee",
    "family": "Hagebuttenstein",
    "given": "Ludmillahildegard",
    "identity note": "Angehörige Pfefferminztee informiert",
}
BIRTH_DATE = "1951-03-09"
PHOTOGRAPH = Path(__file__).parent / "photos" / "camera.jpg"
# Where the finger wipes, as shares of the picture.
BLURRED = (0.30, 0.40, 0.60, 0.60)


@dataclass
class Night:
    adler: Phone
    brandt: Phone
    conversation: str = ""
    opened: bytes = b""
    receipts: list[bytes] = field(default_factory=list)
    taps: int = 0
    hold_clock: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def play(self) -> None:
        self.ask()
        self.acknowledge_and_ask_back()
        self.answer_with_photograph()
        self.open_photograph()
        self.offer()
        self.confirm_and_identify()
        self.travel()

    def see(self, name: str) -> None:
        for phone in (self.adler, self.brandt):
            phone.see(f"story-{len(self.seen):02}-{name}-{phone.owner}")
        self.seen.append(name)

    def _tap(self, test_id: str) -> None:
        self.taps += 1
        self.adler.tap(test_id)

    def ask(self) -> None:
        """Home to sent, counting Adler's taps; typing the two lines is one tap into the field."""
        self.adler.page.get_by_test_id("home").wait_for()
        self._tap("new-request")
        self._tap("category-icu-high")
        self.adler.page.get_by_test_id("urgency").get_by_text("STAT").click()
        self.taps += 1
        self._tap("capability-invasive-vent")
        expect(self.adler.page.get_by_test_id("send-request")).to_contain_text("3")
        self._tap("note")
        self.adler.page.get_by_test_id("note").fill(MARKERS["note"])
        self.see("request-form")
        self._tap("send-request")
        expect(self.adler.page.get_by_test_id("candidate")).to_have_count(3)

    def acknowledge_and_ask_back(self) -> None:
        alarm = self.brandt.page.get_by_test_id("stat-alarm")
        expect(alarm.get_by_test_id("incoming-note")).to_have_text(MARKERS["note"])
        self.see("stat-alarm")
        alarm.get_by_test_id("ask").click()
        self.brandt.page.get_by_test_id("conversation").wait_for()
        self.conversation = self.brandt.page.url.rsplit("/", 1)[1]
        self.say(self.brandt, MARKERS["question"])
        expect(self._candidate("info-requested")).to_have_count(1)

    def answer_with_photograph(self) -> None:
        self.see("asked-back")
        self._candidate("info-requested").get_by_test_id("answer").click()
        expect(self.adler.page.get_by_test_id("text").filter(has_text=MARKERS["question"])).to_be_visible()
        self.say(self.adler, MARKERS["answer"])
        self.adler.tap("camera")
        self.adler.page.get_by_test_id("image-file").set_input_files(PHOTOGRAPH)
        surface = self.adler.page.get_by_test_id("editor-surface")
        expect(self.adler.page.get_by_test_id("editor")).to_have_attribute("data-ready", "true")
        self._wipe(surface)
        self.adler.page.get_by_test_id("caption").fill(MARKERS["caption"])
        self.see("editor")
        self.adler.tap("send-image")

    def _wipe(self, surface: Locator) -> None:
        box = surface.bounding_box()
        assert box is not None
        left, top, right, bottom = BLURRED
        mouse = self.adler.page.mouse
        mouse.move(box["x"] + left * box["width"], box["y"] + top * box["height"])
        mouse.down()
        mouse.move(box["x"] + right * box["width"], box["y"] + bottom * box["height"], steps=12)
        mouse.up()

    def open_photograph(self) -> None:
        picture = self.brandt.page.get_by_test_id("picture")
        expect(picture).to_be_enabled()
        picture.click()
        image = self.brandt.page.get_by_test_id("viewer-image")
        expect(image).to_be_visible()
        self.see("photograph")
        self.opened = base64.b64decode(image.evaluate(_BYTES_OF_IMAGE))
        self.brandt.tap("viewer-close")

    def offer(self) -> None:
        strip = self.brandt.page.get_by_test_id("case-strip")
        strip.get_by_test_id("offer").click()
        self.see("offer")
        self.brandt.tap("offer-send")

    def confirm_and_identify(self) -> None:
        confirm = self.adler.page.get_by_test_id("confirm").first
        expect(confirm).to_be_visible()
        left = self.adler.page.get_by_test_id("hold-clock").first.locator("b")
        self.hold_clock.append(left.inner_text())
        expect(left).not_to_have_text(self.hold_clock[0])
        self.hold_clock.append(left.inner_text())
        self.see("offered")
        confirm.click()
        self.adler.page.goto(self.adler.page.url.split("#")[0] + "#/")
        self.adler.page.get_by_test_id("case").first.click()
        expect(self.adler.page.get_by_test_id("promised")).to_have_attribute("data-state", "confirmed")
        expect(self._candidate("withdrawn")).to_have_count(2)
        self.adler.tap("steps")
        held = self.adler.page.locator('[data-testid="step-taken"][data-state="held"]')
        expect(held).to_contain_text("Brandt, Intensivkoordination")  # the person behind the duty role
        self.see("who-did-what")
        self.adler.tap("sheet-close")
        self.adler.tap("identity")
        self.adler.page.get_by_test_id("family").fill(MARKERS["family"])
        self.adler.page.get_by_test_id("given").fill(MARKERS["given"])
        self.adler.page.get_by_test_id("birth-date").fill(BIRTH_DATE)
        self.adler.page.get_by_test_id("identity-sex").get_by_text("Weiblich").click()
        self.adler.page.get_by_test_id("identity-note").fill(MARKERS["identity note"])
        self.adler.tap("send-identity")
        expect(self.brandt.page.get_by_test_id("identity-card")).to_contain_text(MARKERS["family"])
        self.see("confirmed")
        self.receipts = [self._receipt(phone) for phone in (self.adler, self.brandt)]

    def _receipt(self, phone: Phone) -> bytes:
        """The receipt as the phone saves it, once it says that it proved both signatures."""
        line = phone.page.get_by_test_id("receipt")
        expect(line).to_have_attribute("data-state", "proved")
        line.click()
        expect(phone.page.get_by_test_id("receipt-signer")).to_have_count(2)
        with phone.page.expect_download() as download:
            phone.tap("receipt-save")
        phone.tap("sheet-close")
        return download.value.path().read_bytes()

    def travel(self) -> None:
        self.adler.tap("arrange-transport")
        self.adler.tap("depart")
        arrive = self.brandt.page.get_by_test_id("arrive")
        expect(arrive).to_be_visible()
        arrive.click()
        expect(self.adler.page.get_by_test_id("promised")).to_have_attribute("data-state", "arrived")
        expect(self.brandt.page.get_by_test_id("case-strip")).to_have_attribute("data-state", "arrived")
        self.see("arrived")

    def say(self, phone: Phone, text: str) -> None:
        phone.page.get_by_test_id("message-input").fill(text)
        phone.tap("send")
        expect(phone.page.get_by_test_id("text").filter(has_text=text)).to_be_visible()

    def _candidate(self, state: str) -> Locator:
        return self.adler.page.locator(f'[data-testid="candidate"][data-state="{state}"]')


_BYTES_OF_IMAGE = """async (image) => {
  const bytes = new Uint8Array(await window.shownBlobs.get(image.src).arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}"""
