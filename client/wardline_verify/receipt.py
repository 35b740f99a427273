"""Judge the receipt of a promised bed (format ``wardline-receipt/1``, docs/protocol.md section 12.3).

Invariant: *intact* means that a device of each hospital, proved from a root whose fingerprint was brought along, signed the same promise,
and that the file holds nothing else.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from wardline_verify.bundle import Verdict
from wardline_verify.chain import Chain, Forged, Missing, Statement, has_signed, read_header, read_statement
from wardline_verify.strict import (
    Check,
    Malformed,
    a_list,
    a_text,
    a_time,
    a_uuid,
    an_object,
    binary,
    encode,
    exactly,
    one_of,
    optional,
    read_object,
)

FORMAT = "wardline-receipt/1"
AT_MOST = 8 * 1024 * 1024
HEADER_AT_MOST = 2_048
CLOCKS = timedelta(minutes=10)  # either device's may be five off
_is_code = re.compile(r"[a-z0-9-]{1,32}").fullmatch


def _code(value: Any) -> str:
    if not _is_code(a_text(value)):
        raise Malformed("not a code")
    return str(value)


def _signed(value: Any) -> tuple[bytes, bytes]:
    read = exactly(value, {"h": binary(), "s": binary(64)})
    return read["h"], read["s"]


def _capabilities(value: Any) -> list[str]:
    read: list[str] = a_list(a_text, 64)(value)
    if read != sorted(set(read)):
        raise Malformed("capabilities")
    return read


_SHARED: dict[str, Check] = dict.fromkeys(("request", "candidate", "origin", "destination"), a_uuid)
_SIGNER: dict[str, Check] = {"by": a_uuid, "device": a_uuid, "at": a_time}
_BED: dict[str, Check] = {"need": binary(32), "capacity": a_uuid, "unit": a_uuid, "bed": optional(a_uuid), "category": _code}
_OFFER: dict[str, Check] = _SHARED | _BED | _SIGNER | {"minutes": one_of(15, 30, 60), "role": a_uuid}
_ACCEPTANCE: dict[str, Check] = _SHARED | _SIGNER | {"offer": binary(32), "role": optional(a_uuid)}
_NEED: dict[str, Check] = dict.fromkeys(("age_band", "category", "sex", "transport_mode", "urgency"), a_text)
_FILE: dict[str, Check] = {
    "acceptance": _signed,
    "format": a_text,
    "need": lambda value: exactly(value, _NEED | {"capabilities": _capabilities}),
    "offer": _signed,
    "roots": an_object,
    "statements": a_list(_signed, 4_096),
}


@dataclass
class Report:
    """What was found; ``promise`` is what was signed, in plain values, once it could be read."""

    findings: list[tuple[Verdict, str, str]] = field(default_factory=list)
    checked: list[tuple[str, str]] = field(default_factory=list)
    promise: dict[str, Any] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        return self.findings[0][0] if self.findings else Verdict.INTACT

    def find(self, verdict: Verdict, text: str, argument: object = "") -> None:
        self.findings.append((verdict, text, str(argument)))


def judge(data: bytes, roots: Mapping[str, str] | None) -> Report:
    """Judge a receipt. ``roots`` maps hospitals to the fingerprints brought along; ``None`` believes the receipt's own roots."""
    report = Report()
    try:
        _Reader(report, roots).read(data)
    except Malformed as error:
        report.find(Verdict.UNUSABLE, "bad_receipt", error)
    except Forged as error:
        report.find(Verdict.TAMPERED, *error.args)
    except Missing as error:
        report.find(Verdict.INCOMPLETE, *error.args)
    return report


class _Reader:
    def __init__(self, report: Report, roots: Mapping[str, str] | None) -> None:
        self.report, self.brought = report, roots

    def read(self, data: bytes) -> None:
        values = read_object(data, AT_MOST)
        if values.get("format") != FORMAT:
            raise Malformed(f"format {str(values.get('format'))[:40]}")
        read = exactly(values, _FILE)
        if json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() != data:
            raise Forged("not_canonical", "")
        offer, acceptance = self._pair(read)
        statements = [_inside(lambda pair: read_statement(*pair), pair) for pair in read["statements"]]
        chain = Chain(self._pins(statements, {offer["origin"], offer["destination"]}), statements)
        self._roots(chain, read["roots"], {offer["origin"], offer["destination"]})
        self._signature(chain, "offer", read["offer"], offer, offer["destination"])
        self._signature(chain, "acceptance", read["acceptance"], acceptance, acceptance["origin"])
        _nothing_else(statements, offer, acceptance)

    def _pair(self, read: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        offer = _inside(lambda h: read_header(h, "offer", _OFFER, HEADER_AT_MOST), read["offer"][0])
        acceptance = _inside(lambda h: read_header(h, "acceptance", _ACCEPTANCE, HEADER_AT_MOST), read["acceptance"][0])
        self.report.promise = _plain(offer, acceptance, read["need"])
        if acceptance["offer"] != hashlib.sha256(read["offer"][0]).digest():
            raise Forged("other_offer", "")
        for name in _SHARED:
            if offer[name] != acceptance[name]:
                raise Forged("differs", name)
        if offer["origin"] == offer["destination"]:
            raise Forged("differs", "origin destination")
        if _need_digest(read["need"]) != offer["need"]:
            raise Forged("other_need", "")
        if not offer["at"] - CLOCKS <= acceptance["at"] <= offer["at"] + timedelta(minutes=offer["minutes"]) + CLOCKS:
            raise Forged("out_of_time", _time(acceptance["at"]))
        self.report.checked.append(("pair", ""))
        return offer, acceptance

    def _pins(self, statements: list[Statement], ends: set[str]) -> dict[str, bytes]:
        """The root keys of the receipt that have the fingerprints brought along."""
        if self.brought is not None and (strange := set(self.brought) - ends):
            raise Malformed(f"--root {min(strange)}")
        pins: dict[str, bytes] = {}
        for hospital in sorted(ends if self.brought is None else self.brought):
            keys = [one.body["sign"] for one in statements if one.kind == "root" and one.hospital == hospital]
            if not keys:
                raise Missing("no_statement", f"root {hospital}")
            if self.brought is not None and digits(fingerprint(keys[0])) != self.brought[hospital]:
                raise Forged("wrong_root", hospital)
            pins[hospital] = keys[0]
        return pins

    def _roots(self, chain: Chain, claimed: Mapping[str, Any], ends: set[str]) -> None:
        proved = {hospital: fingerprint(chain.needed("root", hospital).body["sign"]) for hospital in sorted(ends)}
        if proved != dict(claimed):
            raise Forged("other_roots", "")
        self.report.roots = proved

    def _signature(self, chain: Chain, kind: str, signed: tuple[bytes, bytes], header: Mapping[str, Any], hospital: str) -> None:
        key = chain.device_key(device=header["device"], by=header["by"], role=header["role"], hospital=hospital)
        if not has_signed(key, f"sig-{kind}", hashlib.sha256(signed[0]).digest(), signed[1]):
            raise Forged(f"{kind}_not_signed", hospital)
        self.report.checked.append((f"{kind}_signed", hospital))


def _nothing_else(statements: list[Statement], offer: Mapping[str, Any], acceptance: Mapping[str, Any]) -> None:
    """Each statement is in a line that the proof needs, and there once."""
    needed = {(kind, offer[end]) for kind in ("root", "partner") for end in ("origin", "destination")}
    for header in (offer, acceptance):
        needed |= {("member", header["by"]), ("device", header["device"]), ("role", header["role"])}
    needed |= {("registrar", one.by) for one in statements if (one.kind, one.subject) in needed}
    seen: set[bytes] = set()
    for one in statements:
        if (one.kind, one.subject) not in needed or one.h in seen:
            raise Forged("not_needed", f"{one.kind} {one.subject}")
        seen.add(one.h)


def _inside(read: Any, signed: Any) -> Any:
    """What stands in the file as signed, and cannot have been signed like this."""
    try:
        return read(signed)
    except Malformed as error:
        raise Forged("bad_header", error) from None


def fingerprint(root: bytes) -> str:
    digest = hashlib.sha256(b"wardline/1 root-fingerprint\0" + root).digest()
    return " ".join(f"{int.from_bytes(digest[start : start + 5], 'big') % 100_000:05d}" for start in range(0, 30, 5))


def digits(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")


def _need_digest(need: Mapping[str, Any]) -> bytes:
    text = json.dumps(need, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(b"wardline/1 need\0" + text.encode()).digest()


def _plain(offer: Mapping[str, Any], acceptance: Mapping[str, Any], need: Mapping[str, Any]) -> dict[str, Any]:
    what = {name: offer[name] for name in (*_SHARED, "capacity", "unit", "bed", "category", "minutes")}
    who = {
        kind: {"by": header["by"], "role": header["role"], "device": header["device"], "at": _time(header["at"])}
        for kind, header in (("offered", offer), ("accepted", acceptance))
    }
    return what | who | {"need": dict(need), "acceptance_of": encode(acceptance["offer"])}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
