"""What one device of one person holds: keys, pins, passkeys.

Invariant: only this is secret on the client side. ``dump`` gives all of it in clear, so whoever keeps the result keeps it sealed.
"""

from dataclasses import dataclass, field
from functools import cached_property
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

    def take_role_seed(self, *, role: UUID, generation: int, sealed: bytes, line: tuple[Statement, ...], history: dict[int, bytes]) -> None:
        """Open a role's seed and those before it; it is bound to one of the role's statements, most likely the latest.

        Raises:
            ProtocolError: ``wrap.unreadable``.
        """
        seeds = self.role_seeds.setdefault(role, {})
        for statement in reversed(line):
            if generation in seeds:
                break
            try:
                seed = open_role_seed(sealed=sealed, user_kem=self.keys.kem, role_statement=statement.h)
            except ProtocolError:
                continue
            body = statement.body
            # Anybody can seal to a public key: only the seed behind the key that was stated is the role's.
            if isinstance(body, RoleKeys) and body.kem == PrincipalKeys(seed).kem.public:
                seeds[generation] = seed
        if generation not in seeds:
            raise ProtocolError("wrap.unreadable", f"seed of role {role}")
        _open_back(seeds, history, role)

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
