"""Killed anywhere, and started again: each version of a case is there once, whole, and says what it replaces."""

import itertools
import os
import random
import shutil
import time

import pytest

from tests.gateway.running import resource
from tests.gateway.valid import is_document, is_pdfa
from wardline_client.http import Api
from wardline_gateway.config import Config
from wardline_gateway.kept import Positions, Vault
from wardline_gateway.running import Gateway, health_of
from wardline_gateway.targets import target_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
SIGNED_IN = 7  # the first write after those around the sign-in


class Killed(BaseException):
    """Nothing catches it and nothing is tidied up, as after SIGKILL."""


class Killing:
    """The ``at``-th write that is to last does not happen, and nothing after it."""

    def __init__(self, monkeypatch):
        self.at, self.count = 0, 0
        self._fsync, self._replace, self._rename = os.fsync, os.replace, os.rename
        for name in ("fsync", "replace", "rename"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, call):
        def counted(*arguments, **options):
            self.count += 1
            if self.count == self.at:
                raise Killed
            return call(*arguments, **options)

        return counted


def round_of(installed, api):
    """One round of a gateway that starts with what is on the disk."""
    config = Config.read(installed.config)
    vault = Vault(config.state, config.key)
    positions = Positions(config.state)
    try:
        account = vault.load(api)
        Gateway(
            config=config, account=account, vault=vault, positions=positions, target=target_of(config), health=health_of(config)
        ).round()
    finally:
        positions.close()


def check(folders):
    """Whole, in order, each replacing the one before."""
    former = None
    for number, folder in enumerate(folders, start=1):
        reference = is_document(resource(folder, "document-reference"), (folder / "document.pdf").read_bytes())
        is_pdfa((folder / "document.pdf").read_bytes())
        resource(folder, "provenance")
        assert folder.name.split("-")[-2] == f"{number:03d}"
        replaced = [each["target"]["identifier"] for each in reference.get("relatesTo", [])]
        assert replaced == ([former] if former else [])
        former = reference["masterIdentifier"]


@pytest.fixture
def api(installed, case):
    with Api(Config.read(installed.config).service, origin=case.adler.api.origin) as made:
        yield made


def test_killed_at_every_write_and_started_again(installed, case, monkeypatch, api):
    case.decline()
    killing, versions = Killing(monkeypatch), set()
    for _ in kills(killing, installed, api):
        before = len(installed.filed())
        round_of(installed, api)
        check(installed.filed())
        versions.add(len(installed.filed()) - before)
        assert not list(installed.record.glob(".wardline-*"))
        forget(installed)

    assert versions == {0, 1}, "some before it was put, some after"


def test_killed_at_every_write_with_a_message_before_the_restart(installed, case, monkeypatch, api):
    """What was put and not noted is replaced by what is filed next, and never forgotten."""
    case.decline()
    round_of(installed, api)
    for at in kills(Killing(monkeypatch), installed, api, lambda: case.adler.send_text(case.conversation, "Vorher"), first=SIGNED_IN):
        before = len(installed.filed())
        case.adler.send_text(case.conversation, f"Nachtrag {at}")
        round_of(installed, api)
        assert len(installed.filed()) == before + 1
    check(installed.filed())
    round_of(installed, api)
    check(installed.filed())


def kills(killing, installed, api, prepare=lambda: None, first=1):
    """Rounds that are killed, one write later each time, until one comes to its end."""
    for at in itertools.count(first):
        prepare()
        killing.at, killing.count = at, 0
        try:
            round_of(installed, api)
        except Killed:
            killing.at = 0
            yield at
        else:
            killing.at = 0
            assert at > 20, "there was something to kill"
            return


def forget(installed):
    for path in installed.filed():
        shutil.rmtree(path)
    installed.folder.joinpath("state", "positions.json").unlink(missing_ok=True)


def test_a_process_killed_at_random(installed, case):
    """SIGKILL, with a message before each start; some kills hit it before it files, some after."""
    case.decline()
    began = time.monotonic()
    installed.start()
    installed.wait_for(1)
    takes, chance, was_filed = time.monotonic() - began, random.Random(6), []
    for number in range(8):
        installed.kill()
        case.adler.send_text(case.conversation, f"Nachtrag {number}")
        before = len(installed.filed())
        installed.start()
        time.sleep(takes * chance.uniform(0.5, 1.6))
        was_filed.append(len(installed.filed()) > before)
    installed.kill()
    installed.start()
    installed.wait_until_idle()

    check(installed.filed())
    assert set(was_filed) == {True, False}, "kills came at all times"
