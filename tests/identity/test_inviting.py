"""A table of invitations, the open ones, and who is not let in."""

import json
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from identity.models import Invitation, Membership
from tests.identity.browser import Browser
from tests.identity.test_join import INVITED, Newcomer
from wardline_client.protocol import encode

MESSAGES = Path(__file__).resolve().parent.parent.parent / "web" / "messages"
GOOD = "\ufeffName;Titel;Beruf;Fachrichtung;Station\r\nIlse Neumann;Dr. med.;Ärztin;Anästhesie;ITS 1\r\nNils Pfleger;;Pflege;;\r\n"


def sheet(text, coding="utf-8"):
    return {"sheet": encode(text.encode(coding))}


def check(by, text):
    answer = by.post("invitations/check", sheet(text))
    assert answer.status_code == 200, answer.json()
    return answer.json()


def findings(found):
    return [(row["line"], row["column"], row["code"]) for row in found]


def code(answer):
    return answer.status_code, answer.json()["code"]


def test_a_table_is_read_as_spreadsheets_write_it(night):
    registrar = night.kreis.registrar
    german = check(registrar, GOOD)
    english = check(registrar, 'title,name,profession,speciality,unit\n"Dr. med.","Ilse Neumann",physician,anaesthesia,"ITS 1"\n')

    ilse = {"name": "Ilse Neumann", "title": "Dr. med.", "profession": "physician", "speciality": "anaesthesia", "unit": "ITS 1"}
    assert german["rows"][0] == {"line": 2, **ilse}
    assert german["rows"][1] == {"line": 3, "name": "Nils Pfleger", "title": "", "profession": "nurse", "speciality": "", "unit": ""}
    assert english["rows"] == [{"line": 2, **ilse}]
    assert (german["errors"], english["errors"]) == ([], [])
    assert not Invitation.objects.filter(hospital=night.kreis.id).exists()


def test_the_words_of_our_own_screens_are_understood(night):
    """Who copies a profession or a speciality off the invitation form has written it right."""
    for language in ("de", "en"):
        words = json.loads((MESSAGES / f"{language}.json").read_text())
        specialities = [word for key, word in words.items() if key.startswith("speciality_") and key != "speciality_none"]
        lines = [
            f"Ada {word},{word}," + ("surgery" if "physician" in key else "")
            for key, word in words.items()
            if key.startswith("profession_")
        ]
        lines += [f"Bea {word},physician,{word}" for word in specialities]

        found = check(night.kreis.registrar, "name,profession,speciality\n" + "\n".join(lines))

        assert found["errors"] == []
        assert len(found["rows"]) == len(lines) > 20


def test_each_wrong_line_says_where_and_why(night):
    text = (
        "name,title,profession,speciality\n"
        ",Dr.,nurse,\n"
        "Ada,,wizard,\n"
        "Bea,,physician,palmistry\n"
        "\n"
        "Cem,,physician,\n"
        f'"D\nora",{"x" * 61},nurse,\n'
        "Eva,,nurse,,,surplus\n"
        "Good,,nurse,\n"
    )
    found = check(night.kreis.registrar, text)

    assert findings(found["errors"]) == [
        (2, "name", "missing"),
        (3, "profession", "unknown"),
        (4, "speciality", "unknown"),
        (6, "speciality", "missing"),
        (7, "title", "too_long"),
        (7, "name", "malformed"),
        (9, "", "too_many_cells"),
    ]
    assert [row["line"] for row in found["rows"]] == [10]


def test_who_may_be_known_already_is_said(night):
    registrar = night.kreis.registrar
    registrar.post("invitations", INVITED)
    found = check(registrar, "name,profession\nIlse  neumann,nurse\nAdler,nurse\nNils,nurse\nNILS,nurse\n")

    assert findings(found["warnings"]) == [
        (2, "name", "invited_already"),
        (3, "name", "member_already"),
        (5, "name", "twice"),
    ]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("", "sheet.empty"),
        ("name,profession\n", "sheet.empty"),
        ("name,salary\nAda,1\n", "sheet.columns"),
        ("name,name,profession\nA,B,nurse\n", "sheet.columns"),
        ('name,profession\n"Ada,nurse\n', "sheet.malformed"),
        ("name,profession\n" + "Ada,nurse\n" * 501, "sheet.too_long"),
    ],
)
def test_what_is_no_table_is_refused(night, text, refused):
    for address in ("check", "bulk"):
        assert code(night.kreis.registrar.post(f"invitations/{address}", sheet(text))) == (400, refused)
    latin = night.kreis.registrar.post("invitations/check", sheet("name,profession\nÄda,nurse\n", "latin-1"))
    assert code(latin) == (400, "sheet.not_utf8")


def test_all_are_invited_or_nobody(night):
    registrar = night.kreis.registrar
    refused = registrar.post("invitations/bulk", sheet(GOOD + "Wer;;Zauberer;;\r\n"))
    assert code(refused) == (400, "sheet.lines")
    assert refused.json()["errors"] == [{"line": 4, "column": "profession", "code": "unknown"}]
    assert not Invitation.objects.filter(hospital=night.kreis.id).exists()

    made = registrar.post("invitations/bulk", sheet(GOOD)).json()["results"]

    assert [row["line"] for row in made] == [2, 3]
    looked = Browser().post("invitations/look", {"token": made[0]["token"]}).json()
    assert (looked["name"], looked["speciality"], looked["unit"]) == ("Ilse Neumann", "anaesthesia", "ITS 1")
    assert night.actions_of(night.kreis).count("identity.invite") == 2


def test_a_retried_table_gives_the_same_links(night):
    key = uuid4()
    first, again = (night.kreis.registrar.post("invitations/bulk", sheet(GOOD), key=key).json() for _ in range(2))
    other = night.kreis.registrar.post("invitations/bulk", sheet(GOOD.replace("Nils", "Nina")), key=key)

    assert first == again
    assert code(other) == (409, "idempotency.key_reused")
    assert Invitation.objects.filter(hospital=night.kreis.id).count() == 2


def test_two_hundred_lines_cost_as_many_statements_as_two(night):
    def statements(lines):
        text = "name,profession\n" + "".join(f"N{uuid4()},nurse\n" for _ in range(lines))
        with CaptureQueriesContext(connection) as counted:
            assert night.kreis.registrar.post("invitations/bulk", sheet(text)).status_code == 201
        return len(counted)

    assert statements(2) == statements(200)


def test_an_open_invitation_is_listed_and_withdrawn(night):
    registrar, newcomer = night.kreis.registrar, Newcomer(night)
    (listed,) = registrar.get("invitations").json()["results"]
    assert (listed["person"], listed["name"]) == (newcomer.id, "Ilse Neumann")
    assert "token" not in listed
    assert night.uni.registrar.get("invitations").json()["results"] == []
    assert code(night.uni.registrar.post(f"invitations/{newcomer.id}/withdraw")) == (404, "not_found")

    assert registrar.post(f"invitations/{newcomer.id}/withdraw").status_code == 200

    assert registrar.get("invitations").json()["results"] == []
    assert code(newcomer.browser.post("invitations/look", {"token": newcomer.token})) == (410, "invitation.withdrawn")
    assert code(registrar.post(f"invitations/{newcomer.id}/withdraw")) == (404, "not_found")


def test_a_withdrawal_meets_the_joining(night):
    newcomer = Newcomer(night)
    body = newcomer.body()
    newcomer.browser.session_key = newcomer.browser.cookie
    answers = night.at_once(
        newcomer.browser.posting("enrolment", body), night.kreis.registrar.posting(f"invitations/{newcomer.id}/withdraw")
    )

    assert [answer.status_code for answer in answers] in ([201, 404], [410, 200])


def test_who_is_not_who_they_say_is_turned_away(night):
    newcomer, registrar = Newcomer(night), night.kreis.registrar
    newcomer.joins()
    assert code(night.adler.post(f"members/{newcomer.id}/reject", {"reason": "other"})) == (403, "registrar.required")
    assert code(night.uni.registrar.post(f"members/{newcomer.id}/reject", {"reason": "other"})) == (404, "not_found")
    assert registrar.post(f"members/{newcomer.id}/reject", {"reason": "because"}).status_code == 400

    assert registrar.post(f"members/{newcomer.id}/reject", {"reason": "fingerprint_differs"}).status_code == 200

    assert Membership.objects.get(person=newcomer.id).state == "ended"
    assert newcomer.browser.get("session").json()["state"] == "anonymous"
    [event] = [event for event in night.audit_of(night.kreis) if event.action == "identity.reject_member"]
    assert event.detail == {"reason": "fingerprint_differs"}
    assert code(registrar.post(f"members/{newcomer.id}/reject", {"reason": "other"})) == (409, "member.not_pending")
    assert code(registrar.post(f"members/{night.conrad.id}/reject", {"reason": "other"})) == (409, "member.not_pending")
