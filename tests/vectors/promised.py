"""Vectors of offers, acceptances and receipts."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from cast import (
    ADLER,
    BRANDT,
    HOSPITAL,
    KEYS,
    NOON,
    OTHER_ROOT,
    PARTNER,
    PHONE,
    PHONE_KEY,
    REGISTRAR,
    ROLE,
    ROOT,
    STRANGER,
    TABLET,
    TABLET_KEY,
    THIRD,
    common_header_refusals,
    fixed,
    flip,
    header_case,
    uuid,
    write,
)
from chains import World

from wardline_client.protocol import statements
from wardline_client.protocol.encoding import sha256
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.promises import (
    Acceptance,
    Offer,
    Signed,
    need_digest,
    sign_acceptance,
    sign_offer,
)
from wardline_client.protocol.receipts import format_receipt, parse_receipt, root_fingerprint, verify_receipt
from wardline_client.protocol.signing import SigningKey

# The destination is the partner hospital of the other vectors: the stranger answers there, in a role, on a phone of the hospital's.
ANSWERING, ANSWERING_KEY, THERE = uuid("answering phone"), SigningKey(fixed("answering phone")), uuid("icu on call, partner hospital")
NEED = {"age_band": "adult", "capabilities": ["crrt", "invasive-vent"], "category": "icu-high", "sex": "", "transport_mode": "air"}
NEED = NEED | {"urgency": "stat"}
SEEDS = {"offer": fixed("answering phone"), "acceptance": fixed("phone")}
AT = NOON + timedelta(hours=1)
Case = dict[str, object]


def an_offer(**changed: Any) -> Offer:
    shared = {"request": uuid("request"), "candidate": uuid("candidate"), "origin": HOSPITAL, "destination": PARTNER}
    bed = {"capacity": uuid("capacity"), "unit": uuid("unit"), "bed": None, "category": "icu-high", "minutes": 30}
    signer = {"by": STRANGER, "role": THERE, "device": ANSWERING, "at": AT}
    return Offer(**(shared | bed | signer | {"need": need_digest(**NEED)} | changed))


def an_acceptance(offer: Signed, **changed: Any) -> Acceptance:
    shared = {"request": uuid("request"), "candidate": uuid("candidate"), "origin": HOSPITAL, "destination": PARTNER}
    signer = {"by": ADLER, "role": ROLE, "device": PHONE, "at": AT + timedelta(minutes=4)}
    return Acceptance(**(shared | signer | {"offer": sha256(offer.h)} | changed))


OFFER = sign_offer(an_offer(), ANSWERING_KEY)
ACCEPTANCE = sign_acceptance(an_acceptance(OFFER), PHONE_KEY)


class BothWorlds(World):
    """Both hospitals' statements, as the receipt holds them, and what could stand there instead."""

    def __init__(self) -> None:
        super().__init__()
        root, registrar, member = self.partner_member()
        key = KEYS["stranger"].sign
        role = statements.RoleKeys(1, KEYS["brandt"].kem.public, sha256(b"role profile"), (STRANGER,))
        self.answering = self.there("device", ANSWERING, statements.DeviceKey(STRANGER, ANSWERING_KEY.public))
        self.there_role = self.there("role", THERE, role)
        self.back = self.there("partner", HOSPITAL, statements.Partner(ROOT.public))
        self.there_root, self.there_registrar, self.there_member = root, registrar, member
        own = [self.root, self.registrar, self.adler, self.role, self.phone, self.partner]
        self.chain = [*own, root, registrar, member, self.answering, self.there_role, self.back]
        self.key = key

    def there(self, kind: str, subject: UUID, body: statements.Body, prev: statements.Statement | None = None) -> statements.Statement:
        return self.say(kind, subject, body, STRANGER, KEYS["stranger"].sign, prev, hospital=PARTNER)


def make_receipts() -> None:
    write(
        "receipts",
        needs=needs(),
        offers=[
            header_of("an offer", OFFER, "offer"),
            header_of("of a single bed", sign_offer(an_offer(bed=uuid("bed"), minutes=15), ANSWERING_KEY), "offer"),
        ],
        acceptances=[
            header_of("an acceptance", ACCEPTANCE, "acceptance"),
            header_of("in no role", sign_acceptance(an_acceptance(OFFER, role=None), PHONE_KEY), "acceptance"),
        ],
        offers_refused=offers_refused(),
        acceptances_refused=acceptances_refused(),
        verify_refused=verify_refused(),
        **receipts(),
    )  # fmt: skip


def needs() -> list[Case]:
    bare = {"age_band": "", "capabilities": [], "category": "ward", "sex": "", "transport_mode": "", "urgency": "routine"}
    disordered = NEED | {"capabilities": ["invasive-vent", "crrt", "crrt"]}
    cases = {"a need": NEED, "a bare need": bare, "capabilities in any order, one of them twice": disordered}
    return [{"name": name, "need": need, "digest": need_digest(**need)} for name, need in cases.items()]  # type: ignore[arg-type]


def header_of(name: str, signed: Signed, kind: str) -> Case:
    header = {member: value for member, value in json.loads(signed.h).items() if member not in ("v", "t")}
    return {"name": name, "h": signed.h, "s": signed.s, "signer_seed": SEEDS[kind], "header": header}


def offers_refused() -> list[Case]:
    header = json.loads(OFFER.h)
    return [
        *common_header_refusals(header, OFFER.h),
        header_case("no role", {"role": None}, header),
        header_case("other minutes", {"minutes": 45}, header),
        header_case("minutes as text", {"minutes": "30"}, header),
        header_case("no minutes", {"minutes": 0}, header),
        header_case("need too short", {"need": "AAAA"}, header),
        header_case("need not canonical", {"need": "A" * 42 + "B"}, header, "encoding.not_canonical"),
        header_case("category with a space", {"category": "icu high"}, header),
        header_case("category with a line end", {"category": "icu-high\n"}, header),
        header_case("empty category", {"category": ""}, header),
        header_case("bed is a label", {"bed": "7"}, header),
        header_case("an acceptance", {}, json.loads(ACCEPTANCE.h), "header.unknown_member"),
        {"name": "2,049 bytes", "h": padded(OFFER.h, 2_049), "error": "header.malformed"},
    ]


def acceptances_refused() -> list[Case]:
    header = json.loads(ACCEPTANCE.h)
    return [
        *common_header_refusals(header, ACCEPTANCE.h),
        header_case("offer missing", {"offer": ...}, header),
        header_case("offer by its id", {"offer": str(uuid("candidate"))}, header),
        header_case("an offer", {}, json.loads(OFFER.h), "header.unknown_member"),
        {"name": "2,049 bytes", "h": padded(ACCEPTANCE.h, 2_049), "error": "header.malformed"},
    ]


def padded(h: bytes, length: int) -> bytes:
    return h[:-1] + b" " * (length - len(h)) + b"}"


def verify_refused() -> list[Case]:
    crossed = PHONE_KEY.sign("sig-offer", sha256(ACCEPTANCE.h))
    cases: list[tuple[str, str, Signed, SigningKey]] = [
        ("another device", "offer", OFFER, PHONE_KEY),
        ("tampered signature", "offer", Signed(OFFER.h, flip(OFFER.s)), ANSWERING_KEY),
        ("tampered header", "offer", Signed(OFFER.h.replace(b'"minutes":30', b'"minutes":60'), OFFER.s), ANSWERING_KEY),
        ("white space added", "acceptance", Signed(ACCEPTANCE.h.replace(b'"v":1', b'"v": 1'), ACCEPTANCE.s), PHONE_KEY),
        ("signed as an offer", "acceptance", Signed(ACCEPTANCE.h, crossed), PHONE_KEY),
    ]
    return [
        {"name": f"{kind}: {name}", "kind": kind, "h": signed.h, "s": signed.s, "signer_public": key.public, "error": "signature.invalid"}
        for name, kind, signed, key in cases
    ]


def receipts() -> dict[str, object]:
    world = BothWorlds()
    table = Table(world)
    table.good("from both roots", pins=table.both)
    table.good("from the origin's root", pins={HOSPITAL: ROOT.public})
    table.good("from the destination's root", pins={PARTNER: OTHER_ROOT.public})
    table.good("the requester in no role", acceptance={"role": None}, statements=[one for one in world.chain if one is not world.role])
    table.good("at the last moment, both clocks five minutes off", acceptance={"at": AT + timedelta(minutes=40)})
    for refuse in (signers_refused, chains_refused, others_refused, pairs_refused, files_refused):
        refuse(world, table)
    return {"statements": table.entries, "receipts": table.accepted, "receipts_refused": table.refused}


def signers_refused(world: BothWorlds, table: "Table") -> None:
    lost = world.revoke(PHONE, ADLER, ADLER, KEYS["adler"].sign)
    later_role = world.registered(
        "role", ROLE, statements.RoleKeys(2, KEYS["role"].kem.public, sha256(b"role profile"), (BRANDT,)), world.role
    )
    with_brandt = [*world.chain, world.brandt]
    table.bad("a device that was revoked", "statement.revoked", statements=[*world.chain, lost])
    table.bad("a device of a colleague", "statement.no_chain", acceptance={"by": BRANDT}, statements=with_brandt)
    table.bad("a device that nobody stated", "statement.no_chain", acceptance={"device": TABLET}, key=TABLET_KEY)
    table.bad("somebody not eligible for the role", "statement.no_chain", statements=[*world.chain, later_role])
    table.bad("a role of the other hospital", "statement.no_chain", acceptance={"role": THERE})
    table.bad("the origin's device offers", "statement.no_chain", offer={"by": ADLER, "device": PHONE, "role": ROLE}, offer_key=PHONE_KEY)
    there = {"by": STRANGER, "device": ANSWERING, "role": THERE}
    table.bad("the destination's device accepts", "statement.no_chain", acceptance=there, key=ANSWERING_KEY)
    table.bad("the destination's device accepts in no role", "statement.no_chain", acceptance=there | {"role": None}, key=ANSWERING_KEY)
    both = statements.RoleKeys(1, KEYS["brandt"].kem.public, sha256(b"role profile"), (STRANGER, ADLER))
    shared = [world.there("role", THERE, both) if one is world.there_role else one for one in world.chain]
    table.bad("a role of the other hospital that names the signer", "statement.no_chain", acceptance={"role": THERE}, statements=shared)
    table.bad("an acceptance signed by another device", "signature.invalid", key=TABLET_KEY)
    table.bad("an offer signed by another device", "signature.invalid", offer_key=TABLET_KEY)


def chains_refused(world: BothWorlds, table: "Table") -> None:
    names = {"root": world.root, "registrar": world.registrar, "member": world.adler, "device": world.phone, "role": world.role}
    there = {"root": world.there_root, "registrar": world.there_registrar, "member": world.there_member, "device": world.answering}
    for side, missing in (("origin", names), ("destination", there | {"role": world.there_role})):
        for kind, statement in missing.items():
            table.bad(f"without the {side}'s {kind}", "statement.no_chain", statements=[one for one in world.chain if one is not statement])
    table.bad("no statements", "statement.no_chain", statements=[])
    table.bad("another origin's root is pinned", "statement.no_chain", pins={HOSPITAL: fixed_root("x"), PARTNER: OTHER_ROOT.public})
    table.bad("another destination's root is pinned", "statement.no_chain", pins={HOSPITAL: ROOT.public, PARTNER: fixed_root("x")})
    table.bad("a third hospital's root is pinned", "statement.no_chain", pins={THIRD: fixed_root("third root")})
    table.bad("one root, and no partner statement about the other", "statement.no_chain", pins={HOSPITAL: ROOT.public},
              statements=[one for one in world.chain if one is not world.partner])  # fmt: skip
    others = statements.RoleKeys(1, KEYS["role"].kem.public, sha256(b"role profile"), (ADLER,))
    table.bad("two role statements in one place", "statement.fork", statements=[*world.chain, world.registered("role", ROLE, others)])
    member = world.registered("member", ADLER, world.keys("stranger"))
    table.bad("two member statements in one place", "statement.no_chain", statements=[*world.chain, member])
    forged = statements.parse_statement(world.phone.h, flip(world.phone.s))
    table.bad("a statement nobody signed", "statement.no_chain", statements=[forged if one is world.phone else one for one in world.chain])
    by_colleague = world.say("device", PHONE, statements.DeviceKey(ADLER, PHONE_KEY.public), REGISTRAR, KEYS["registrar"].sign)
    table.bad(
        "a device stated by a registrar",
        "statement.no_chain",
        statements=[by_colleague if one is world.phone else one for one in world.chain],
    )


def others_refused(world: BothWorlds, table: "Table") -> None:
    """What proves nothing here. Whatever is needed is there in each case, and both roots are pinned."""
    table.bad("a colleague's keys too", "promise.mismatch", statements=[*world.chain, world.brandt])
    another = world.say("registrar", BRANDT, statements.Office(KEYS["brandt"].sign.public), HOSPITAL, ROOT)
    table.bad("a registrar who signed none of these", "promise.mismatch", statements=[*world.chain, another])
    table.bad("another device of the signer", "promise.mismatch", statements=[*world.chain, world.tablet])
    table.bad("a role, and the requester acts in none", "promise.mismatch", acceptance={"role": None})
    table.bad("a statement twice", "promise.mismatch", statements=[*world.chain, world.phone])
    again = statements.parse_statement(world.phone.h, flip(world.phone.s))
    table.bad("a statement twice, once with another signature", "promise.mismatch", statements=[*world.chain, again])
    end = world.revoke(TABLET, ADLER, ADLER, KEYS["adler"].sign)
    table.bad("the end of another device", "promise.mismatch", statements=[*world.chain, world.tablet, end])
    for side, partner in (("origin", world.partner), ("destination", world.back)):
        forged = statements.parse_statement(partner.h, flip(partner.s))
        chain = [forged if one is partner else one for one in world.chain]
        table.bad(f"the {side}'s partner statement, signed by nobody", "statement.no_chain", statements=chain)
    other = world.there("partner", HOSPITAL, statements.Partner(fixed_root("x")))
    table.bad("two partner statements in one place", "statement.no_chain", statements=[*world.chain, other])


def pairs_refused(world: BothWorlds, table: "Table") -> None:
    del world
    other = sign_offer(an_offer(minutes=60), ANSWERING_KEY)
    table.bad("the offer swapped for another of the same device", "promise.mismatch", signed_offer=other)
    for member in ("request", "candidate", "origin", "destination"):
        table.bad(f"another {member} is accepted", "promise.mismatch", acceptance={member: THIRD})
    table.bad("one hospital with itself", "promise.mismatch", offer={"destination": HOSPITAL}, acceptance={"destination": HOSPITAL})
    table.bad("another need", "promise.mismatch", need=NEED | {"category": "imc"})
    table.bad("the roots of other hospitals", "promise.mismatch", roots={HOSPITAL: ROOT.public, THIRD: OTHER_ROOT.public})
    table.bad("another fingerprint", "promise.mismatch", roots={HOSPITAL: ROOT.public, PARTNER: ROOT.public})
    table.bad("accepted too late", "promise.out_of_time", acceptance={"at": AT + timedelta(minutes=40, milliseconds=1)})
    table.bad("accepted long before", "promise.out_of_time", acceptance={"at": AT - timedelta(minutes=10, milliseconds=1)})


def files_refused(world: BothWorlds, table: "Table") -> None:
    del world
    table.bad("another format", "header.unknown_version", edit=('"wardline-receipt/1"', '"wardline-receipt/2"'))
    table.bad("no format", "header.malformed", edit=('"format":"wardline-receipt/1",', ""))
    table.bad("a member twice", "header.duplicate_key", edit=('"format":', '"format":"wardline-receipt/1","format":'))
    table.bad("a member twice, once escaped", "header.duplicate_key", edit=('"format":', '"form\\u0061t":"wardline-receipt/1","format":'))
    table.bad("an unknown member", "header.unknown_member", edit=('"format":', '"a":"","format":'))
    table.bad("an unknown member of the need", "header.unknown_member", edit=('"need":{', '"need":{"a":"",'))
    table.bad("white space", "encoding.not_canonical", edit=('"format":', '"format": '))
    table.bad("a line end at the end", "encoding.not_canonical", edit=("}]}", "}]}\n"))
    table.bad("an escape that need not be", "encoding.not_canonical", edit=('"format":', '"\\u0066ormat":'))
    table.bad(
        "members in another order", "encoding.not_canonical", edit=('"sex":"","transport_mode":"air"', '"transport_mode":"air","sex":""')
    )
    table.bad("capabilities in another order", "header.malformed", edit=('["crrt","invasive-vent"]', '["invasive-vent","crrt"]'))
    table.bad("base64 with padding", "encoding.not_canonical", edit=('"},"format"', '="},"format"'))
    table.bad("cut off", "header.malformed", edit=("}]}", "}]"))


def fixed_root(name: str) -> bytes:
    return SigningKey(fixed(name)).public


class Table:
    """The cases. A receipt is kept in parts, its statements as places in one list: the reader puts it together in the one spelling."""

    both = {HOSPITAL: ROOT.public, PARTNER: OTHER_ROOT.public}

    def __init__(self, world: BothWorlds) -> None:
        self.world = world
        self.entries: list[Case] = []
        self.accepted: list[Case] = []
        self.refused: list[Case] = []
        self._places: dict[bytes, int] = {}

    def good(self, name: str, **parts: Any) -> None:
        case, data, pins = self._case(name, **parts)
        verify_receipt(parse_receipt(data), pins)
        self.accepted.append(case | {"sha256": sha256(data)})

    def bad(self, name: str, error: str, **parts: Any) -> None:
        case, data, pins = self._case(name, **parts)
        given = code_of(lambda: verify_receipt(parse_receipt(data), pins))
        assert given == error, (name, given)
        self.refused.append(case | {"error": error})

    def _case(self, name: str, *, pins: dict[UUID, bytes] | None = None, offer: Case | None = None, acceptance: Case | None = None,
              offer_key: SigningKey = ANSWERING_KEY, key: SigningKey = PHONE_KEY, signed_offer: Signed | None = None, need: Any = NEED,
              roots: dict[UUID, bytes] | None = None, statements: list[statements.Statement] | None = None,
              edit: tuple[str, str] | None = None) -> tuple[Case, bytes, dict[UUID, bytes]]:  # fmt: skip
        chosen = self.world.chain if statements is None else statements
        accepted = sign_offer(an_offer(**(offer or {})), offer_key)
        shown, pins = signed_offer or accepted, self.both if pins is None else pins
        signed = sign_acceptance(an_acceptance(accepted, **(acceptance or {})), key)
        fingerprints = self.both if roots is None else roots
        said = [Signed(one.h, one.s) for one in chosen]
        data = format_receipt(offer=shown, acceptance=signed, need=need, roots=fingerprints, statements=said)
        case: Case = {"name": name, "pins": pins, "offer": shown._asdict(), "acceptance": signed._asdict(), "need": need}
        case["roots"] = {hospital: root_fingerprint(root) for hospital, root in fingerprints.items()}
        case["statements"] = [self._place(one) for one in said]
        if edit:
            assert edit[0].encode() in data, name
            case, data = case | {"edit": list(edit)}, data.replace(edit[0].encode(), edit[1].encode(), 1)
        return case, data, pins

    def _place(self, said: Signed) -> int:
        if said.h + said.s not in self._places:
            self._places[said.h + said.s] = len(self.entries)
            self.entries.append(said._asdict())
        return self._places[said.h + said.s]


def code_of(act: Callable[[], object]) -> str:
    try:
        act()
    except ProtocolError as error:
        return error.code
    return "not refused"
