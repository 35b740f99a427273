"""The people, keys and identifiers of the vectors, all of them fixed, and how a case is written down."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from wardline_client.protocol import hpke, keys
from wardline_client.protocol.encoding import decode, encode, to_json
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.keys import PrincipalKeys
from wardline_client.protocol.signing import SigningKey

HERE = Path(__file__).parent
NOON = datetime(2026, 3, 1, 12, 0, 0, 7_000, tzinfo=UTC)


def fixed(name: str, length: int = 32) -> bytes:
    """Bytes that stand in for random ones."""
    return hashlib.shake_256(f"wardline vectors {name}".encode()).digest(length)


def uuid(name: str) -> UUID:
    return UUID(bytes=fixed(f"uuid {name}", 16), version=4)


def plain(value: object) -> object:
    match value:
        case bytes():
            return encode(value)
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case _:
            return value


def write(name: str, **content: object) -> None:
    text = json.dumps(plain(content), indent=1, ensure_ascii=False)
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def flip(data: bytes, at: int = 0) -> bytes:
    position = at % len(data)
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


class Sealer:
    """HPKE draws its own randomness: a value sealed once is kept as long as it still opens to the same."""

    def __init__(self) -> None:
        path = HERE / "hpke.json"
        cases = json.loads(path.read_text("utf-8"))["open"] if path.exists() else []
        self.former = {case["name"]: case for case in cases}
        self.cases: list[dict[str, object]] = []

    def seal(self, name: str, kem_seed: bytes, plaintext: bytes, info: bytes) -> bytes:
        case: dict[str, object] = {"name": name, "seed": kem_seed, "info": info, "plaintext": plaintext}
        former = self.former.get(name)
        key = KemKey(kem_seed)
        if former and {**former, "sealed": None} == {**plain(case), "sealed": None}:  # type: ignore[dict-item]
            sealed = decode(former["sealed"])
        else:
            sealed = hpke.seal(key.public, plaintext, info)
        assert key.open(sealed, info) == plaintext
        self.cases.append(case | {"sealed": sealed})
        return sealed


SEALER = Sealer()
ROOT = SigningKey(fixed("root"))
OTHER_ROOT = SigningKey(fixed("other root"))
HOSPITAL, PARTNER, THIRD = uuid("hospital"), uuid("partner hospital"), uuid("third hospital")
REGISTRAR, ADLER, BRANDT, STRANGER = uuid("registrar"), uuid("adler"), uuid("brandt"), uuid("stranger")
ROLE, ARCHIVE = uuid("icu on call"), uuid("archive")
PHONE, TABLET = uuid("adler's phone"), uuid("adler's tablet")
PHONE_KEY, TABLET_KEY = SigningKey(fixed("phone")), SigningKey(fixed("tablet"))
SEEDS = {who: fixed(f"seed {who}") for who in ("registrar", "adler", "adler 2", "brandt", "role", "archive", "stranger")}
KEYS = {who: PrincipalKeys(seed) for who, seed in SEEDS.items()}


def kem_seed(who: str) -> bytes:
    return keys.hkdf(SEEDS[who], b"wardline/1 kem")


def header_case(name: str, change: dict[str, object], header: dict[str, object], error: str = "header.malformed") -> dict[str, object]:
    changed = {key: value for key, value in (header | change).items() if value is not ...}
    return {"name": name, "h": to_json(changed), "error": error}


def common_header_refusals(header: dict[str, object], text: bytes) -> list[dict[str, object]]:
    return [
        header_case("unknown version", {"v": 2}, header, "header.unknown_version"),
        header_case("newer version with newer members", {"v": 2, "x": 1}, header, "header.unknown_version"),
        header_case("version as text", {"v": "1"}, header),
        header_case("version as truth value", {"v": True}, header),
        header_case("no version", {"v": ...}, header),
        header_case("unknown member", {"x": 1}, header, "header.unknown_member"),
        header_case("other type", {"t": "other"}, header),
        header_case("missing member", {"at": ...}, header),
        header_case("time without milliseconds", {"at": "2026-03-01T12:00:00Z"}, header),
        header_case("time with an offset", {"at": "2026-03-01T12:00:00.000+00:00"}, header),
        header_case("impossible time", {"at": "2026-02-30T12:00:00.000Z"}, header),
        header_case("time with other digits", {"at": "2026-03-01T12:00:00.00٣Z"}, header),
        {"name": "duplicate key", "h": text[:-1] + b',"v":1}', "error": "header.duplicate_key"},
        {"name": "number that is not an integer", "h": text.replace(b'"v":1', b'"v":1.0'), "error": "header.malformed"},
    ]
