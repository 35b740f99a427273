"""A closed case, from the physicians' devices into the hospital's folder."""

import json
from base64 import b64decode
from uuid import UUID, uuid4

from audit.events import Agent
from beds.services import Need, Software, request_by_software
from tests.gateway.conftest import PATIENT, QUESTION, archive_link, photograph
from tests.gateway.running import Installed, resource
from tests.gateway.valid import is_document, is_fhir, is_pdfa, pictures_of, text_of
from wardline_client import pictures
from wardline_client.protocol import decode, sha256, verify_message_signature
from wardline_client.protocol.signing import verify


def opened(folder):
    return is_pdfa((folder / "document.pdf").read_bytes())


def test_a_closed_case_is_filed_as_the_physicians_saw_it(installed, case, unit):
    sent = photograph()
    case.adler.send_photograph(case.conversation, sent, caption="Röntgen Thorax")
    asked = case.brandt.send_text(case.conversation, "Bett 4 frei, beatmet? 重症 \N{THUMBS UP SIGN}", role=case.clinic, priority="urgent")
    case.adler.conversations.acknowledge(case.conversation, asked["id"])
    case.arrive(unit)
    installed.start()
    (folder,) = installed.wait_for(1)
    reader = opened(folder)
    text = text_of(reader)

    for said in (QUESTION, "Röntgen Thorax", PATIENT.family, PATIENT.birth_date, "Ada Adler", "angekommen", str(case.id)):
        assert said in text, said
    # What the font lacks is named, never dropped.
    assert "3. Bela Brandt (ICU coordination, Nord) [dringend]" in text
    assert "Bett 4 frei, beatmet? [U+91CD][U+75C7] [U+1F44D] bestätigt von Ada Adler (Mitte), 20" in text
    assert "Zusage des Betts" in text
    assert "Nachrichten mit geprüfter Unterschrift: 4" in text
    assert "Keine Nachricht ist ungeprüft oder unlesbar." in text
    assert pictures_of(reader) == [pictures.clean(sent).data]
    installed.wait_until_idle()
    assert installed.filed() == [folder]
    assert installed.stop() == 0


def test_the_record_gets_a_document_reference_and_the_signatures(installed, case, unit):
    case.arrive(unit)
    installed.start()
    (folder,) = installed.wait_for(1)
    reference = is_document(resource(folder, "document-reference"), (folder / "document.pdf").read_bytes())
    provenance = is_fhir(resource(folder, "provenance"))
    hospital, patient = reference["contained"]

    assert hospital["name"] == "Mitte"
    assert (patient["name"][0]["family"], patient["birthDate"]) == (PATIENT.family, PATIENT.birth_date)
    assert reference["identifier"][1]["value"] == case.id.urn
    assert "relatesTo" not in reference
    assert provenance["target"][0]["identifier"] == reference["masterIdentifier"]
    rows = case.adler.api.get(f"conversations/{case.conversation}/messages", after=0)["results"]
    assert len(provenance["signature"]) == len(rows)
    for signature, row in zip(provenance["signature"], rows, strict=True):
        kept = json.loads(b64decode(signature["data"]))
        # Provable without us: by the key alone, and against the ciphertext that the service keeps.
        verify(decode(kept["key"]), "sig-message", (sha256(decode(kept["h"])), decode(kept["c_sha256"])), decode(kept["s"]))
        verify_message_signature(decode(row["h"]), decode(row["c"]), decode(kept["s"]), decode(kept["key"]))


def test_a_later_message_makes_a_version_that_replaces_the_former(installed, case):
    case.decline()
    installed.start()
    (first,) = installed.wait_for(1)
    case.adler.send_text(case.conversation, "Danke trotzdem.")
    first, second = installed.wait_for(2)
    former, newer = resource(first, "document-reference"), resource(second, "document-reference")

    assert newer["relatesTo"][0]["code"] == "replaces"
    assert newer["relatesTo"][0]["target"]["identifier"] == former["masterIdentifier"] != newer["masterIdentifier"]
    assert "Danke trotzdem." not in text_of(opened(first))
    assert "Danke trotzdem." in text_of(opened(second))
    assert "Fassung: 2 (ersetzt Fassung 1)" in text_of(opened(second))
    is_document(newer, (second / "document.pdf").read_bytes())


def test_an_open_case_is_not_filed(installed, case, later):
    _, role = later
    need = {"category": "imc", "urgency": "routine", "age_band": "", "sex": "", "transport_mode": "", "question": "noch offen"}
    case.adler.request_bed(asked_roles=[role], **need)
    case.decline()
    installed.start()
    (folder,) = installed.wait_for(1)
    installed.wait_until_idle()

    assert str(case.id) in folder.name
    assert installed.filed() == [folder]


def test_each_hospital_files_its_own_side(installed, case, nord, service, later, tmp_path_factory):
    """The asked hospital's archive sees nothing of the other hospital that was asked."""
    other = Installed(tmp_path_factory.mktemp("nord"), service.origin, case.adler.api.origin)
    other.enrol(archive_link(nord))
    _, elsewhere = later
    need = {"category": "imc", "urgency": "routine", "age_band": "", "sex": "", "transport_mode": ""}
    made = case.adler.request_bed(asked_roles=[case.clinic, elsewhere], question="Zwei gefragt", **need)
    case.adler.beds.cancel(UUID(made["id"]), "other")
    case.decline()
    try:
        other.start()
        texts = [text_of(opened(folder)) for folder in other.wait_for(2)]
        installed.start()
        [both] = [text_of(opened(folder)) for folder in installed.wait_for(2) if made["id"] in folder.name]
    finally:
        other.end()

    assert "Sued" in both
    assert all("Sued" not in text and "Abgelegt für: Nord" in text for text in texts)


def test_what_software_asked_and_nobody_wrote_about_is_filed_too(installed, mitte, adler, brandt, clinic):
    desk = mitte.registrar.registrar.create_role(name="Bed desk", eligible=[adler.person])
    agent = Agent(hospital=mitte.keyring.hospital, device=uuid4(), method="smart")
    need = Need(category="icu-high", capabilities=[], urgency="stat")
    asking = {"software": Software(agent.hospital, "KIS", agent), "order": uuid4().bytes, "need": need, "role": desk, "asked": [clinic]}
    asked, _ = request_by_software(**asking)
    (candidate,) = brandt.beds.get(asked.pk)["candidates"]
    brandt.beds.act(candidate["id"], "decline", role=clinic, reason="no-bed")
    installed.start()
    (folder,) = installed.wait_for(1)
    text = text_of(opened(folder))

    assert "Angefragt von: KIS (Software der Klinik)" in text
    assert str(asked.pk) in text
    is_document(resource(folder, "document-reference"), (folder / "document.pdf").read_bytes())
