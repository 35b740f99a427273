"""A registrar lets a colleague read the log, the colleague narrows it down and takes it out in both other formats, and the term ends."""

import csv
import json

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_screens import violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def open_term(running: Running, registrar: Phone, name: str) -> None:
    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.page.get_by_test_id("member").filter(has_text=name).click()
    registrar.tap("term-open")


def taken_out(reader: Phone, kind: str, action: str) -> list[str]:
    """The lines of an export of one action."""
    reader.tap(f"export-format-{kind}")
    if not reader.page.get_by_test_id("export-action").count():
        reader.tap("export-scope-some")
    reader.page.get_by_test_id("export-action").select_option(action)
    before = reader.page.get_by_test_id("export").count()
    reader.tap("export-ask")
    expect(reader.page.get_by_test_id("export")).to_have_count(before + 1)
    made = reader.page.get_by_test_id("export").first
    expect(made).to_have_attribute("data-state", "ready", timeout=30_000)
    with reader.page.expect_download() as download:
        made.get_by_test_id("export-get").click()
    return download.value.path().read_text().splitlines()


def test_a_registrar_gives_a_colleague_a_term_and_ends_it(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    registrar = phones.linked("sommer", colleagues.link("registrar-wiesenbrueck"))
    open_term(running, registrar, "Falk")
    registrar.page.get_by_test_id("term-last-day").fill("2099-12-31")
    registrar.see("registrar-term")
    assert violations(registrar.page) == []
    registrar.tap("term-appoint")
    expect(registrar.page.get_by_test_id("member-sheet")).to_have_count(0)

    reader = phones.linked("falk", colleagues.link("falk"))
    reader.page.goto(f"{running.address}/#/audit/exports")
    rows = list(csv.DictReader(taken_out(reader, "csv", "identity.appoint_auditor")))
    assert [row["action"] for row in rows] == ["identity.appoint_auditor"]
    (event,) = [json.loads(line) for line in taken_out(reader, "fhir", "identity.appoint_auditor")]
    assert event["resourceType"] == "AuditEvent"
    assert event["recorded"] == rows[0]["recorded"]

    open_term(running, registrar, "Falk")
    expect(registrar.page.get_by_test_id("term")).to_have_attribute("data-state", "auditor")
    expect(registrar.page.get_by_test_id("term")).to_contain_text("2099")
    registrar.see("registrar-term-given")
    registrar.tap("term-end")
    expect(registrar.page.get_by_test_id("member-sheet")).to_have_count(0)
    reader.page.goto(f"{running.address}/#/audit/events")
    reader.tap("audit-search")
    expect(reader.page.get_by_test_id("problem")).to_have_attribute("data-code", "auditor.required")
