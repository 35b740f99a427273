"""What the scripted people hold: their keys and passkeys, and where everything is. Kept in ``.wardline/demo``, for
its owner alone.

Invariant: this is the client side of the demo; the server never reads it. It is written after every step, so that an
interrupted start goes on.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from demo.service import STATE
from wardline_client.account import Account
from wardline_client.http import Api

FOLDER = STATE / "demo"
FILE = FOLDER / "world.json"
Json = dict[str, Any]


@dataclass
class World:
    """``people`` are dumps of accounts by key, ``hospitals`` by slug, ``roles`` and ``units`` ids by ``slug/name``."""

    hospitals: dict[str, Json] = field(default_factory=dict)
    people: dict[str, Json] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    @classmethod
    def read(cls) -> "World":
        return cls(**json.loads(FILE.read_text())) if FILE.exists() else cls()

    def write(self) -> None:
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = FILE.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file)
        draft.replace(FILE)

    def account(self, address: str, key: str) -> Account:
        """A person's device, signed in. Its passkey answers on whatever port the service has today."""
        dumped = self.people[key]
        dumped["authenticator"]["origin"] = address
        account = Account.load(Api(address), dumped)
        account.sign_in()
        self.keep(key, account)  # the passkey counts its uses, and the server refuses a count it has seen
        return account

    def keep(self, key: str, account: Account) -> None:
        self.people[key] = account.dump()
        self.write()

    def role(self, slug: str, name: str) -> UUID:
        return UUID(self.roles[f"{slug}/{name}"])
