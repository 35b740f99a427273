"""A closed case, from the physicians' devices into the hospital's folder."""

import io

import pypdf

from tests.gateway.conftest import PATIENT, QUESTION, photograph
from wardline_client import pictures


def test_a_closed_case_is_filed_as_the_physicians_saw_it(installed, case, unit):
    sent = photograph()
    case.adler.send_photograph(case.conversation, sent, caption="Röntgen Thorax")
    case.brandt.send_text(case.conversation, "Bett 4 frei, beatmet?", role=case.clinic)
    case.arrive(unit)
    installed.start()
    (folder,) = installed.wait_for(1)
    reader = pypdf.PdfReader(io.BytesIO((folder / "document.pdf").read_bytes()))
    text = "\n".join(page.extract_text() for page in reader.pages)

    for said in (
        QUESTION,
        "Röntgen Thorax",
        "Bett 4 frei, beatmet?",
        PATIENT.family,
        "Ada Adler",
        "Bela Brandt",
        "angekommen",
        str(case.id),
    ):
        assert said in " ".join(text.split()), said
    [picture] = [stream for page in reader.pages for stream in page["/Resources"].get("/XObject", {}).values()]
    assert picture.get_object()._data == pictures.clean(sent).data
    assert installed.stop() == 0
