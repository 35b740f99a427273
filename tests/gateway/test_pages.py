"""The document by itself: whatever is in a case, it is PDF/A, in both languages, and says what it could not show."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from PIL import Image as Picture

from tests.gateway.valid import is_document, is_fhir, is_pdfa, pictures_of, text_of
from wardline_client.protocol.bodies import Ack, Image, System, Text, Unknown
from wardline_gateway.cases import Acknowledgement, Case, Entry, Head, Step, Thread, Who
from wardline_gateway.documents import document_reference, provenance
from wardline_gateway.kept import Filing
from wardline_gateway.pages import printable, render
from wardline_gateway.words import LANGUAGES, Words

AT = datetime(2026, 7, 3, 1, 30, tzinfo=UTC)
ADLER, NORD = Who(UUID(int=1), "Adler", "Dr.", "Mitte"), Who(UUID(int=2), "Nord")
UNNAMED = Who(UUID(int=3))


def entry(number, body, **changes):
    made = Entry(
        sequence=number,
        id=UUID(int=100 + number),
        by=ADLER,
        role=None,
        at=AT,
        received_at=AT,
        priority="stat",
        body=body,
        problem=None,
        proof=None,
        acknowledged=(Acknowledgement(UNNAMED, NORD, AT),),
        digest=bytes([number]),
    )
    return replace(made, **changes)


def picture(mode, form, size=(30, 20)):
    out = io.BytesIO()
    Picture.new(mode, size, 99 if mode == "L" else None).save(out, form)
    return out.getvalue()


def image(data, type="image/png", **changes):
    return entry(1, Image(uuid4(), bytes(32), len(data), type, 30, 20, "Befund"), image=data, **changes)


def case_of(*entries, **changes):
    thread = Thread(
        candidate=UUID(int=20),
        conversation=UUID(int=21),
        hospital=NORD,
        role=UNNAMED,
        state="declined",
        reason="no-bed",
        steps=(Step("acknowledge", "acknowledged", "", ADLER, NORD, AT), Step("expire", "expired", "", None, None, AT)),
        entries=entries,
        missing=(7,),
        epochs=(1,),
        receipt_problem="promise.mismatch",
    )
    need = {"category": "icu-high", "capabilities": ["ecmo"], "urgency": "stat", "age_band": "adult", "sex": "", "transport_mode": "own"}
    made = Case(
        id=UUID(int=9),
        own=Who(UUID(int=8), "Mitte"),
        origin=NORD,
        requester=ADLER,
        need=need,
        created_at=AT,
        closed_at=None,
        threads=(thread,),
        heads=(Head(NORD, 3, bytes(32), "directory.split"),),
    )
    return replace(made, **changes)


def rendered(case, language="de", zone="Europe/Berlin"):
    filing = Filing(case.id, 1, case.fingerprint)
    return is_pdfa(render(case, filing, words=Words(language), zone=ZoneInfo(zone), at=AT, replaces=None))


def test_everything_that_is_not_proved_stands_there():
    bodies = [Text("Zeile eins\nZeile zwei\t\x07"), Ack(UUID(int=5)), System("joined", {}), Unknown("video")]
    text = text_of(rendered(case_of(*(entry(number, body) for number, body in enumerate(bodies, start=1)))))

    for said in (
        "Zeile eins Zeile zwei[U+0009][U+0007]",
        "Ereignis: joined",
        "Nachricht einer neueren Art",
        f"[Name nicht nachgewiesen: {UNNAMED.id}]",
        "Vom Dienst nicht erhaltene Nachrichten: 7",
        "Zusage des Betts: NICHT GEPRÜFT (promise.mismatch)",
        "STIMMT NICHT MIT FRÜHER GESEHENEM ÜBEREIN (directory.split)",
        "Angebot abgelaufen - Uhr",
        "abgelehnt (kein Bett frei)",
        "Transport: eigener",
    ):
        assert said in text, said


def test_times_are_those_of_the_hospital_and_say_so():
    assert "2026-07-03 03:30:00 +0200" in text_of(rendered(case_of(entry(1, Text("x")))))
    assert "2026-07-03 01:30:00 +0000" in text_of(rendered(case_of(entry(1, Text("x"))), zone="UTC"))


@pytest.mark.parametrize(("mode", "form"), [("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("P", "PNG"), ("L", "PNG")])
def test_a_picture_of_any_kind_is_in_it(mode, form):
    data = picture(mode, form)
    found = pictures_of(rendered(case_of(image(data))))

    assert len(found) == 1
    assert (found[0] == data) == (form == "JPEG" and mode != "CMYK"), "as it was sent, where PDF/A allows"


@pytest.mark.parametrize(("data", "problem"), [(b"no picture", None), (picture("RGB", "JPEG")[:200], None), (None, "attachment.gone")])
def test_a_picture_that_cannot_be_shown_is_named(data, problem):
    broken = replace(image(b""), image=data, image_problem=problem)

    assert f"Das Bild liegt nicht vor ({problem or 'image.unreadable'})" in text_of(rendered(case_of(broken)))


def test_a_very_high_picture_stays_on_a_page():
    high = replace(image(picture("RGB", "JPEG", (10, 900))), body=Image(uuid4(), bytes(32), 1, "image/jpeg", 10, 900))

    assert len(rendered(case_of(high)).pages) <= 4


def test_every_word_is_there_in_both_languages():
    german, english = (text_of(rendered(case_of(entry(1, Text("x"))), language)) for language in LANGUAGES)

    assert "Was nicht geprüft ist" in german
    assert "What was not verified" in english
    assert "geprüft" not in english


def test_characters_the_font_lacks_are_named():
    assert printable("Ωß я ✓ 中\u202e\ud800") == "Ωß я ✓ [U+4E2D][U+202E][U+D800]"


def test_the_resources_are_valid_without_names_patient_or_messages():
    case = case_of(own=Who(UUID(int=8)))
    filing = Filing(case.id, 1, case.fingerprint)
    is_document(document_reference(case, filing, b"%PDF", at=AT, language="de", replaces=None), b"%PDF")
    is_fhir(provenance(case, filing, target="DocumentReference/1", gateway=UUID(int=4), at=AT))


def test_a_fingerprint_changes_with_what_is_filed_and_with_nothing_else():
    first = case_of(entry(1, Text("x")))
    same = replace(first, heads=(), closed_at=AT)
    acknowledged = case_of(entry(1, Text("x"), acknowledged=()))

    assert first.fingerprint == same.fingerprint
    changed = [acknowledged, case_of(entry(1, Text("x"), problem="signature.invalid")), case_of(entry(1, Text("x")), entry(2, Text("y")))]
    assert len({case.fingerprint for case in [first, *changed]}) == 4
