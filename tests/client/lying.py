"""A service that lies about the key directory to one client: it stands behind the client's ``get``.

It has all of an honest service's powers, the signing key for heads included, and none of anybody's statement keys.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.keys import signing_key
from audit.merkle import Range
from audit.notes import checkpoint_text, sign
from identity.services.heads import origin_of
from wardline_client.account import Account
from wardline_client.protocol import decode, encode, leaf_hash

Json = dict[str, Any]


class Liar:
    """Shows ``account`` the statements that ``keep`` lets through and ``change`` changes, renumbered so that no gap shows, with heads that
    fit exactly what is shown."""

    def __init__(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keep: Callable[[Json], bool] = lambda row: True
        self.change: Callable[[Json], Json] = lambda row: row
        self.is_signing = True
        self._honest = account.api.get
        monkeypatch.setattr(account.api, "get", self.get)

    def get(self, path: str, **parameters: Any) -> Any:
        if path != "statements":
            return self._honest(path, **parameters)
        rows = [self.change(dict(row)) for row in self._honest("statements", after=0)["results"] if self.keep(row)]
        leaves: dict[str, list[bytes]] = {}
        for row in rows:
            line = leaves.setdefault(row["hospital"], [])
            row["place"] = len(line)
            line.append(decode(row["leaf"]) if row["leaf"] else leaf_hash(decode(row["h"]), decode(row["s"])))
        wanted = parameters.get("hospital")
        shown = [row for row in rows if row["order"] > parameters["after"] and wanted in (None, row["hospital"])]
        heads = [{"order": 0, **signed_head(hospital, line)} for hospital, line in leaves.items() if self.is_signing]
        return {"next": None, "results": shown, "heads": heads}


def signed_head(hospital: str, leaves: list[bytes]) -> Json:
    tree, key, origin = Range(), signing_key(), origin_of(UUID(hospital))
    for leaf in leaves:
        list(tree.append(leaf))
    note = sign(checkpoint_text(origin=origin, size=tree.size, root=tree.root()), name=origin, key=key)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"hospital": hospital, "note": note, "key": encode(public)}
