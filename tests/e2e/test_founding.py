"""A hospital begins: its first registrar opens the printed address, keeps two codes, and takes in the first colleague."""

import os
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.conftest import ROOT, Running
from tests.e2e.test_joining import join, keep_code, let_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def prepare(running: Running, slug: str, name: str) -> str:
    """What an operator does: ``manage.py hospital_setup``; gives the printed address."""
    own = {"WARDLINE_MODE": "demo", "PUBLIC_URL": running.address, "SECRET_KEY": "unused", "WARDLINE_STATE": str(running.state)}
    environment = os.environ | own | {"DATABASE_URL": running.database_url, "REDIS_URL": running.redis_url}
    command = [sys.executable, "manage.py", "hospital_setup", slug, name, "--city", "Talheim"]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout.split()[-1]


def found(phone: Phone, link: str) -> tuple[str, str]:
    """Through all steps; gives the root code and the recovery code."""
    phone.page.goto(link)
    expect(phone.page.get_by_test_id("setup-hospital")).to_contain_text("Kreisklinik Talheim")
    phone.see("setup")
    phone.page.get_by_test_id("setup-name").fill("Ruth Vogt")
    phone.tap("setup-begin")
    expect(phone.page.get_by_test_id("fingerprint")).to_be_visible()
    root_code = keep_code(phone, "setup-root-code")
    recovery_code = keep_code(phone, "setup-recovery-code")
    phone.tap("setup-finish")
    expect(phone.page.get_by_test_id("registrar")).to_be_visible()
    return root_code, recovery_code


def test_a_hospital_is_founded_in_the_browser_and_takes_in_a_colleague(running: Running, phones: Phones) -> None:
    link = prepare(running, "talheim", "Kreisklinik Talheim")
    registrar = phones.empty("vogt")
    root_code, recovery_code = found(registrar, link)
    assert root_code != recovery_code
    expect(registrar.page.get_by_test_id("member").filter(has_text="Ruth Vogt")).to_contain_text("Registratur")

    late = phones.empty("late")
    late.page.goto(link)
    expect(late.page.get_by_test_id("problem")).to_be_visible()

    registrar.tap("invite")
    registrar.page.get_by_test_id("invite-name").fill("Jonas Reuter")
    registrar.page.get_by_test_id("invite-speciality").select_option("cardiology")
    registrar.tap("invite-make")
    newcomer = phones.empty("reuter")
    join(newcomer, registrar.page.get_by_test_id("link-address").inner_text())
    registrar.page.reload()
    registrar.tap("unlock-button")
    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.page.get_by_test_id("pending-member").filter(has_text="Reuter").click()
    registrar.tap("compared")
    registrar.tap("approve")
    let_in(newcomer)
