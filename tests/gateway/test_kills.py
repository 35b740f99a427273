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


def check(folders, texts=None):
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


@pytest.mark.parametrize("is_written_to", [False, True], ids=["same", "changed meanwhile"])
def test_killed_at_every_write(installed, case, monkeypatch, is_written_to):
    """With ``is_written_to`` a message comes between kill and restart: what was put and not noted is replaced, never forgotten."""
    api = Api(Config.read(installed.config).service, origin=case.adler.api.origin)
    case.decline()
    killing, versions = Killing(monkeypatch), set()
    for at in itertools.count(1):
        killing.at, killing.count = at, 0
        try:
            round_of(installed, api)
        except Killed:
            killing.at = 0
            if is_written_to:
                case.adler.send_text(case.conversation, f"Nachtrag {at}")
            before = len(installed.filed())
            round_of(installed, api)
            after = installed.filed()
            check(after)
            versions.add(len(after) - before)
            assert not list(installed.record.glob(".wardline-*"))
            round_of(installed, api)
            assert installed.filed() == after
            if not is_written_to:
                forget(installed)
        else:
            break

    assert at > 12, "there was something to kill"
    assert versions == ({1} if is_written_to else {0, 1})
    api.close()


def forget(installed):
    for path in installed.filed():
        shutil.rmtree(path)
    installed.folder.joinpath("state", "positions.json").unlink(missing_ok=True)


def test_a_process_killed_at_random(installed, case):
    """SIGKILL, with messages coming all the while; some kills hit it at work."""
    case.decline()
    chance, was_at_work = random.Random(6), 0
    for number in range(9):
        before = installed.folder.joinpath("state", "positions.json")
        former = before.read_bytes() if before.exists() else b""
        installed.start()
        if number:
            time.sleep(chance.uniform(0.8, 2.6))
        else:
            installed.wait_for(1)
        installed.kill()
        was_at_work += before.read_bytes() != former
        case.adler.send_text(case.conversation, f"Nachtrag {number}")
    installed.start()
    installed.wait_until_idle()
    folders = installed.filed()
    check(folders)

    assert was_at_work > 2, "kills came while it filed"
    assert len({folder.name.rsplit("-", 1)[1] for folder in folders}) == len(folders) > 2
