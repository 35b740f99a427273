"""What one device of one person holds: keys, pins, passkeys.

Invariant: only this is secret on the client side. ``dump`` gives all of it in clear, so whoever keeps the result keeps it sealed.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any
from uuid import UUID, uuid4

from wardline_client.authenticator import SoftwareAuthenticator
from wardline_client.protocol.encoding import decode, encode
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.keys import PrincipalKeys, new_seed, open_history, open_role_seed
from wardline_client.protocol.signing import SigningKey
from wardline_client.protocol.statements import RoleKeys, Statement

Json = dict[str, Any]


@dataclass
class Keyring:
    """``seeds`` maps a generation of the person to its seed; ``root`` is the pinned public key of ``hospital``."""

    person: UUID
    hospital: UUID
    root: bytes
    authenticator: SoftwareAuthenticator
    seeds: dict[int, bytes] = field(repr=False)
    device: UUID = field(default_factory=uuid4)
    device_seed: bytes = field(default_factory=new_seed, repr=False)
    role_seeds: dict[UUID, dict[int, bytes]] = field(default_factory=dict, repr=False)

    @cached_property
    def device_key(self) -> SigningKey:
        return SigningKey(self.device_seed)

    @property
    def generation(self) -> int:
        return max(self.seeds)

    @property
    def keys(self) -> PrincipalKeys:
        return self._keys_of(self.seeds[self.generation])

    def kem_key(self, principal: UUID, kid: bytes) -> KemKey | None:
        """The private key behind ``kid``, of the person or of a role held here."""
        seeds = self.seeds if principal == self.person else self.role_seeds.get(principal, {})
        keys = (self._keys_of(seeds[generation]).kem for generation in sorted(seeds, reverse=True))
        return next((key for key in keys if key.kid == kid), None)

    def take_history(self, history: dict[int, bytes]) -> None:
        """Open earlier generations: ``history[n]`` is the seed of *n* under that of *n+1*."""
        _open_back(self.seeds, history, self.person)

    def take_role_seed(self, *, role: UUID, generation: int, sealed: bytes, line: tuple[Statement, ...]) -> None:
        """Open a seed of a role; it is bound to one of the statements of its generation, most likely the latest.

        Raises:
            ProtocolError: ``wrap.unreadable``.
        """
        seeds = self.role_seeds.setdefault(role, {})
        if generation in seeds:
            return
        # Sealed before the person's own key was replaced, it opens with the former one.
        own = [self._keys_of(self.seeds[mine]).kem for mine in sorted(self.seeds, reverse=True)]
        for statement, user_kem in product(reversed(line), own):
            try:
                seed = open_role_seed(sealed=sealed, user_kem=user_kem, role_statement=statement.h)
            except ProtocolError:
                continue
            # Anybody can seal to a public key: only the seed behind the key that was stated is the role's.
            if _is_stated(statement, generation, seed):
                seeds[generation] = seed
                return
        raise ProtocolError("wrap.unreadable", f"seed of role {role}")

    def take_role_history(self, *, role: UUID, history: dict[int, bytes], line: tuple[Statement, ...]) -> None:
        """Open earlier generations as far as they open: a colleague's device made this, and only the seed that was stated counts."""
        seeds = self.role_seeds.setdefault(role, {})
        for generation in sorted(history, reverse=True):
            if generation + 1 not in seeds or generation in seeds:
                continue
            try:
                seed = open_history(sealed=history[generation], current=seeds[generation + 1], principal=role, generation=generation)
            except ProtocolError:
                continue
            if any(_is_stated(statement, generation, seed) for statement in line):
                seeds[generation] = seed

    def _keys_of(self, seed: bytes) -> PrincipalKeys:
        return self._made.setdefault(seed, PrincipalKeys(seed))

    @cached_property
    def _made(self) -> dict[bytes, PrincipalKeys]:
        return {}

    def dump(self) -> Json:
        """JSON-ready, in clear."""
        return {
            "person": str(self.person),
            "hospital": str(self.hospital),
            "root": encode(self.root),
            "device": str(self.device),
            "device_seed": encode(self.device_seed),
            "seeds": {str(generation): encode(seed) for generation, seed in self.seeds.items()},
            "authenticator": self.authenticator.dump(),
        }

    @classmethod
    def load(cls, dumped: Json) -> "Keyring":
        return cls(
            person=UUID(dumped["person"]),
            hospital=UUID(dumped["hospital"]),
            root=decode(dumped["root"]),
            device=UUID(dumped["device"]),
            device_seed=decode(dumped["device_seed"]),
            seeds={int(generation): decode(seed) for generation, seed in dumped["seeds"].items()},
            authenticator=SoftwareAuthenticator.load(dumped["authenticator"]),
        )


def _open_back(seeds: dict[int, bytes], history: dict[int, bytes], principal: UUID) -> None:
    for generation in sorted(history, reverse=True):
        if generation + 1 in seeds and generation not in seeds:
            current = seeds[generation + 1]
            seeds[generation] = open_history(sealed=history[generation], current=current, principal=principal, generation=generation)


def _is_stated(statement: Statement, generation: int, seed: bytes) -> bool:
    body = statement.body
    return isinstance(body, RoleKeys) and body.generation == generation and body.kem == PrincipalKeys(seed).kem.public
