"""Those of the demo who have no phone in the test: the registrars and the archives, as the Python client of their hospitals.

Invariant: their keys come from the folder the demo keeps for its scripted people, taken away from the service before the
story begins.
"""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from wardline_client.account import Account
from wardline_client.founding import make_archive_link
from wardline_client.http import Api
from wardline_client.protocol.encoding import decode


class Colleagues:
    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.world: dict[str, Any] = json.loads((folder / "world.json").read_text())
        self._accounts: dict[str, Account] = {}

    def account(self, key: str) -> Account:
        """Somebody's device, signed in."""
        if key not in self._accounts:
            dumped = self.world["people"][key]
            dumped["authenticator"]["origin"] = self.address
            self._accounts[key] = Account.load(Api(self.address), dumped)
            self._accounts[key].sign_in()
        return self._accounts[key]

    def link(self, key: str) -> str:
        """A one-time address that makes a browser a device of theirs."""
        return self.address + self.account(key).make_device_link()

    def registrar(self, hospital: str) -> Account:
        return self.account(f"registrar-{hospital}")

    def archive(self, hospital: str) -> Account:
        """The hospital's archive on a gateway of its own, linked by the registrar."""
        kept = self.world["hospitals"][hospital]
        link = make_archive_link(self.registrar(hospital).session, UUID(kept["archive"]), decode(kept["archive_seed"]))
        archive = self._accounts[f"archive-{hospital}"] = Account.claim(Api(self.address), link, label="Gateway")
        return archive

    def close(self) -> None:
        for account in self._accounts.values():
            account.api.close()

    def hospital(self, slug: str) -> UUID:
        return UUID(self.world["hospitals"][slug]["id"])
