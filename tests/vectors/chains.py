"""Vectors of statements and the directory they make."""

import json
from datetime import datetime, timedelta
from uuid import UUID

from cast import (
    ADLER,
    ARCHIVE,
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
    SEEDS,
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

from wardline_client.protocol import keys, statements
from wardline_client.protocol.directory import Directory
from wardline_client.protocol.encoding import encode, sha256
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.signing import SigningKey


class World:
    """The statements of a hospital, its partner, and what an attacker could add."""

    def __init__(self) -> None:
        self.minute = 0
        self.root = self.say("root", HOSPITAL, statements.Sign(ROOT.public), HOSPITAL, ROOT)
        self.registrar = self.say("registrar", REGISTRAR, statements.Office(KEYS["registrar"].sign.public), HOSPITAL, ROOT)
        self.adler = self.member(ADLER, "adler")
        self.brandt = self.member(BRANDT, "brandt")
        self.archive = self.registered("archive", ARCHIVE, self.keys("archive"))
        body = statements.RoleKeys(1, KEYS["role"].kem.public, sha256(b"role profile"), (ADLER, BRANDT))
        self.role = self.registered("role", ROLE, body)
        self.phone = self.device(PHONE, PHONE_KEY, ADLER, "adler")
        self.tablet = self.device(TABLET, TABLET_KEY, ADLER, "adler")
        self.partner = self.registered("partner", PARTNER, statements.Partner(OTHER_ROOT.public))
        self.all = [self.root, self.registrar, self.adler, self.brandt, self.archive, self.role, self.phone, self.tablet, self.partner]

    def keys(self, who: str, generation: int = 1) -> statements.Keys:
        return statements.Keys(generation, KEYS[who].kem.public, KEYS[who].sign.public, sha256(f"profile {who}".encode()))

    def say(self, kind: str, subject: UUID, body: statements.Body, by: UUID, key: SigningKey, prev: statements.Statement | None = None,
            hospital: UUID = HOSPITAL, at: datetime | None = None) -> statements.Statement:  # fmt: skip
        self.minute += 1
        return statements.make_statement(
            kind=kind, hospital=hospital, subject=subject, body=body, by=by, key=key, prev=prev,
            at=at or NOON + timedelta(minutes=self.minute),
        )  # fmt: skip

    def registered(self, kind: str, subject: UUID, body: statements.Body, prev: statements.Statement | None = None) -> statements.Statement:
        return self.say(kind, subject, body, REGISTRAR, KEYS["registrar"].sign, prev)

    def member(self, person: UUID, who: str, generation: int = 1, prev: statements.Statement | None = None) -> statements.Statement:
        return self.registered("member", person, self.keys(who, generation), prev)

    def device(
        self, device: UUID, key: SigningKey, owner: UUID, who: str, prev: statements.Statement | None = None
    ) -> statements.Statement:
        return self.say("device", device, statements.DeviceKey(owner, key.public), owner, KEYS[who].sign, prev)

    def revoke(self, device: UUID, owner: UUID, by: UUID, key: SigningKey) -> statements.Statement:
        return self.say("device-revoked", device, statements.Revocation(owner, "stolen"), by, key)

    def partner_member(self, hospital: UUID = PARTNER, root: SigningKey = OTHER_ROOT) -> list[statements.Statement]:
        """A stranger who is a proper member of the other hospital."""
        key = KEYS["stranger"].sign
        said: list[tuple[str, UUID, statements.Body, UUID, SigningKey]] = [("root", hospital, statements.Sign(root.public), hospital, root)]
        said += [("registrar", STRANGER, statements.Office(key.public), hospital, root)]
        said += [("member", STRANGER, self.keys("stranger"), STRANGER, key)]
        return [self.say(*words, hospital=hospital) for words in said]


def make_statements() -> None:
    world = World()
    named = {"root": world.root, "registrar": world.registrar, "member": world.adler, "archive": world.archive, "role": world.role,
             "device": world.phone, "partner": world.partner,
             "device-revoked": world.revoke(PHONE, ADLER, ADLER, KEYS["adler"].sign),
             "registrar ended": world.say("registrar", REGISTRAR, statements.Office(None), HOSPITAL, ROOT, world.registrar),
             "recovery": world.say("recovery", HOSPITAL, trio(ADLER, ARCHIVE, BRANDT), HOSPITAL, ROOT),
             "recovery ended": world.say("recovery", HOSPITAL, statements.Officers(()), HOSPITAL, ROOT),
             "partner ended": world.registered("partner", PARTNER, statements.Partner(None), world.partner)}  # fmt: skip
    seeds = {
        "root": fixed("root"),
        "registrar": fixed("root"),
        "registrar ended": fixed("root"),
        "recovery": fixed("root"),
        "recovery ended": fixed("root"),
        "device": None,
        "device-revoked": None,
    }
    cases = []
    for kind, statement in named.items():
        seed = seeds.get(kind, keys.hkdf(SEEDS["registrar"], b"wardline/1 sign")) or keys.hkdf(SEEDS["adler"], b"wardline/1 sign")
        header = {name: getattr(statement, name) for name in ("kind", "hospital", "subject", "prev", "at", "by", "kid")}
        case = {"name": kind, "h": statement.h, "s": statement.s, "signer_seed": seed, "signer_public": SigningKey(seed).public}
        cases.append(case | {"header": header | {"body": vars(statement.body)}})
    member, role = json.loads(world.adler.h), json.loads(world.role.h)
    revoked = json.loads(named["device-revoked"].h)
    signer = KEYS["registrar"].sign.public
    write(
        "statements",
        statements=cases,
        verify_refused=[
            {"name": name, "h": world.adler.h, "s": world.adler.s, "signer_public": signer, "error": "signature.invalid"} | change
            for name, change in {
                "wrong signer": {"signer_public": ROOT.public},
                "tampered header": {"h": world.adler.h.replace(b'"generation":1', b'"generation":2')},
                "tampered signature": {"s": flip(world.adler.s)},
                "white space added": {"h": world.adler.h.replace(b'"v":1', b'"v": 1')},
            }.items()
        ],
        headers_refused=[
            *common_header_refusals(member, world.adler.h),
            header_case("unknown kind", {"kind": "roster"}, member),
            header_case("unknown member of the body", {"body": member["body"] | {"x": 1}}, member, "header.unknown_member"),
            header_case("missing member of the body", {"body": {"generation": 1}}, member),
            header_case("body is a list", {"body": []}, member),
            header_case("generation 0", {"body": member["body"] | {"generation": 0}}, member),
            header_case("key too short", {"body": member["body"] | {"sign": "AAAA"}}, member),
            header_case("key not canonical", {"body": member["body"] | {"sign": "A" * 42 + "B"}}, member, "encoding.not_canonical"),
            header_case("by without kid", {"by": [member["by"][0]]}, member),
            header_case("eligible twice", {"body": role["body"] | {"eligible": [str(ADLER)] * 2}}, role),
            header_case("a root without a key", {"kind": "root", "body": {"sign": None}}, member),
            header_case("a partner's root too short", {"kind": "partner", "body": {"root": "AAAA"}}, member),
            *(header_case(name, {"kind": "recovery", "body": {"officers": said}}, member) for name, said in spoilt_officers().items()),
            header_case("unknown reason", {"body": revoked["body"] | {"reason": "bored"}}, revoked),
        ],
    )  # fmt: skip


def trio(*people: UUID) -> statements.Officers:
    return statements.Officers(tuple((person, sha256(person.bytes)[:16]) for person in sorted(people, key=str)))


def spoilt_officers() -> dict[str, object]:
    good = [[str(person), encode(kid)] for person, kid in trio(ADLER, ARCHIVE, BRANDT).officers]
    return {
        "two officers": good[:2],
        "four officers": [*good, [str(uuid("zzz")), good[0][1]]],
        "officers out of order": [good[1], good[0], good[2]],
        "an officer twice": [good[0], good[0], good[1]],
        "an officer without a key": [good[0], good[1], [good[2][0]]],
        "officers ended by null": None,
    }


def make_directory() -> None:
    world = World()
    known: dict[bytes, int] = {}
    entries: list[dict[str, object]] = []
    fork = world.registered("member", BRANDT, world.keys("stranger"))
    next_adler = world.member(ADLER, "adler 2", 2, world.adler)
    next_phone = world.device(PHONE, PHONE_KEY, ADLER, "adler 2", world.phone)
    late = world.say("device", uuid("late device"), statements.DeviceKey(ADLER, fixed("late")), ADLER, KEYS["adler"].sign)
    chained = [world.say("member", STRANGER, world.keys("stranger"), ADLER, KEYS["adler"].sign)]
    third = SigningKey(fixed("third root"))
    partner_partner = world.say("partner", THIRD, statements.Partner(third.public), STRANGER, KEYS["stranger"].sign, hospital=PARTNER)
    twice = [world.registered("member", STRANGER, world.keys("stranger")), *world.partner_member()]
    of_third = [*world.partner_member(), partner_partner, *third_member(world, third)]
    own_revoke = world.revoke(PHONE, ADLER, ADLER, KEYS["adler"].sign)
    forged = statements.parse_statement(world.brandt.h, flip(world.brandt.s))
    not_by_root = world.say("registrar", ADLER, statements.Office(KEYS["adler"].sign.public), HOSPITAL, KEYS["registrar"].sign)
    self_made = SigningKey(fixed("self-made root"))

    next_registrar = world.say("registrar", REGISTRAR, statements.Office(KEYS["stranger"].sign.public), HOSPITAL, ROOT, world.registrar)
    by_former = world.member(STRANGER, "stranger")
    by_present = world.say("member", STRANGER, world.keys("stranger"), REGISTRAR, KEYS["stranger"].sign)
    end_office = world.say("registrar", REGISTRAR, statements.Office(None), HOSPITAL, ROOT, world.registrar)
    after_office = world.member(STRANGER, "stranger")
    again_office = world.say("registrar", REGISTRAR, statements.Office(KEYS["registrar"].sign.public), HOSPITAL, ROOT, end_office)
    by_again = world.member(STRANGER, "stranger")
    own_end = world.say("registrar", REGISTRAR, statements.Office(None), REGISTRAR, KEYS["registrar"].sign, world.registrar)
    of_partner = world.partner_member()
    parted = world.registered("partner", PARTNER, statements.Partner(None), world.partner)
    partner_again = world.registered("partner", PARTNER, statements.Partner(OTHER_ROOT.public), parted)
    new_root = world.registered("partner", PARTNER, statements.Partner(third.public), parted)
    across = world.say("member", uuid("y"), world.keys("brandt"), STRANGER, KEYS["stranger"].sign)
    own_name = world.say("device-revoked", PHONE, statements.Revocation(BRANDT, "lost"), BRANDT, KEYS["brandt"].sign)
    other_key = world.say("root", HOSPITAL, statements.Sign(self_made.public), HOSPITAL, ROOT)
    by_other_key = world.say("registrar", REGISTRAR, statements.Office(KEYS["registrar"].sign.public), HOSPITAL, self_made)

    def ask(name: str, said: list[statements.Statement], principal: UUID | None = None, **device: UUID) -> dict[str, object]:
        case: dict[str, object] = {"name": name, "pins": {HOSPITAL: ROOT.public}}
        for statement in said:
            if known.setdefault(statement.h + statement.s, len(known)) == len(entries):
                entries.append({"h": statement.h, "s": statement.s})
        case["statements"] = [known[statement.h + statement.s] for statement in said]
        case["ask"] = {"principal": principal} if principal else device
        return case | answer_of(said, principal, **device)

    everything = world.all
    cases = [
        ask("a member", everything, ADLER),
        ask("a duty role", everything, ROLE),
        ask("the archive", everything, ARCHIVE),
        ask("a device", everything, device=PHONE),
        ask("in reverse order of arrival", everything[::-1], device=PHONE),
        ask("each statement twice", everything * 2, BRANDT),
        ask("the latest generation holds", [*everything, next_adler], ADLER),
        ask("stated again by the next generation", [*everything, next_adler, next_phone], device=PHONE),
        ask("a member of a partner hospital", [*everything, *world.partner_member()], STRANGER),
        ask("a stranger's bad signature changes nothing", [forged, *everything], BRANDT),
        ask("a key without a chain", [*everything, *chained], STRANGER),
        ask("nobody said anything", everything, STRANGER),
        ask("without the registrar's statement", [entry for entry in everything if entry is not world.registrar], ADLER),
        ask("without the root's statement", [entry for entry in everything if entry is not world.root], ADLER),
        ask("a root that is not the pinned one", of_another_root(self_made), ADLER),
        ask("a registrar not stated by the root", [*everything, not_by_root, *chained], STRANGER),
        ask("a member of a hospital that is no partner", [*everything, *world.partner_member(THIRD, third)], STRANGER),
        ask("a partner's partner", [*everything, *of_third], uuid("third member")),
        ask("wrong signature", [forged if entry is world.brandt else entry for entry in everything], BRANDT),
        ask("forked statements", [*everything, fork], BRANDT),
        ask("forked statements, the other way round", [fork, *everything], BRANDT),
        ask("a fork of another does not matter", [*everything, fork], ADLER),
        ask("predecessor missing", [entry for entry in [*everything, next_adler] if entry is not world.adler], ADLER),
        ask("generation falls", [*everything, next_adler, world.member(ADLER, "adler", 1, next_adler)], ADLER) ,
        ask("same generation, other key", [*everything, world.member(ADLER, "stranger", 1, world.adler)], ADLER),
        ask("revoked by its owner", [*everything, own_revoke], device=PHONE),
        ask("the other device is not revoked", [*everything, own_revoke], device=TABLET),
        ask("revoked by a registrar", [*everything, world.revoke(PHONE, ADLER, REGISTRAR, KEYS["registrar"].sign)], device=PHONE),
        ask("a colleague cannot revoke", [*everything, world.revoke(PHONE, ADLER, BRANDT, KEYS["brandt"].sign)], device=PHONE),
        ask("a device stated by a colleague", [*everything, world.device(uuid("x"), TABLET_KEY, ADLER, "brandt")], device=uuid("x")),
        ask("a device stated by a former key", [*everything, next_adler], device=PHONE),
        ask("a new device stated by a former key", [*everything, next_adler, late], device=uuid("late device")),
        ask("stated by a registrar's former key before it was replaced", [*everything, next_registrar], ADLER),
        ask("stated by a registrar's former key after it was replaced", [*everything, next_registrar, by_former], STRANGER),
        ask("stated by a registrar's present key", [*everything, next_registrar, by_present], STRANGER),
        ask("a partner's registrar about another hospital's member", [*everything, *world.partner_member(), across], uuid("y")),
        ask("revoked by a colleague in the colleague's own name", [*everything, own_name], device=PHONE),
        ask("a root statement that names another key", [other_key, by_other_key, *world.all[2:]], ADLER),
        ask("subject of two hospitals: the pinned one counts", [*everything, *twice], STRANGER),
        ask("stated by a registrar before the office ended", [*everything, end_office], ADLER),
        ask("stated by a former registrar", [*everything, end_office, after_office], STRANGER),
        ask("stated by a former registrar, the end known before", [*world.all[:2], end_office, *world.all[2:], after_office], STRANGER),
        ask("stated by somebody who is registrar again", [*everything, end_office, again_office, by_again], STRANGER),
        ask("a member of a former partner", [*everything, *of_partner, parted], STRANGER),
        ask("a member of a former partner, the end coming first", [*everything, parted, *of_partner], STRANGER),
        ask("a member of a partner accepted again", [*everything, *of_partner, parted, partner_again], STRANGER),
        ask("a member of a partner accepted again under another root", [*everything, parted, new_root, *world.partner_member()], STRANGER),
    ]  # fmt: skip
    other_phone = world.device(PHONE, TABLET_KEY, ADLER, "adler", world.phone)
    hidden = in_the_present_keys_name(world)
    behind = world.say("member", STRANGER, world.keys("stranger"), REGISTRAR, KEYS["stranger"].sign, at=world.registrar.at)
    twice_in_office = world.say("registrar", REGISTRAR, statements.Office(KEYS["stranger"].sign.public), HOSPITAL, ROOT)
    by_colleague = world.say("device", uuid("x"), statements.DeviceKey(ADLER, TABLET_KEY.public), BRANDT, KEYS["brandt"].sign)
    body = statements.DeviceKey(uuid("third member"), fixed("third device"))
    third_device = world.say("device", uuid("third device"), body, body.principal, KEYS["brandt"].sign, hospital=THIRD)
    cases += [
        ask("an office ended by its holder's own key is not ended", [*everything, own_end, world.member(STRANGER, "stranger")], STRANGER),
        ask("a device stated by a former key in the present key's name", [*everything, next_adler, hidden], device=uuid("hidden")),
        ask("stated by a registrar's present key, by a clock that is behind", [*everything, next_registrar, behind], STRANGER),
        ask("stated by a registrar whose office is forked", [*everything, twice_in_office], ADLER),
        ask("a device stated again with another key", [*everything, other_phone], device=PHONE),
        ask(
            "a device stated again by a colleague",
            [*everything, world.device(PHONE, PHONE_KEY, BRANDT, "brandt", world.phone)],
            device=PHONE,
        ),
        ask("what a device stated by a colleague signed", [*everything, by_colleague], ever=uuid("x")),
        ask("what a revoked device signed", [*everything, own_revoke], ever=PHONE),
        ask("what a device of a partner's partner signed", [*everything, *of_third, third_device], ever=uuid("third device")),
        ask("stated again by another partner", [*everything, *of_partner, *moved_member(world, third, of_partner[-1])], STRANGER),
    ]
    write("directory", statements=entries, directories=cases)


def in_the_present_keys_name(world: World) -> statements.Statement:
    """A thief of Adler's former seed states a device, dated back to when it held, and writes the kid of the key that Adler has now."""
    h = world.say("device", uuid("hidden"), statements.DeviceKey(ADLER, fixed("hidden")), ADLER, KEYS["adler 2"].sign, at=world.tablet.at).h
    return statements.parse_statement(h, KEYS["adler"].sign.sign("sig-statement", sha256(h)))


def moved_member(world: World, root: SigningKey, latest: statements.Statement) -> list[statements.Statement]:
    """A second partner speaks about the first one's member."""
    accepted = world.registered("partner", THIRD, statements.Partner(root.public))
    moved = world.say("member", STRANGER, world.keys("brandt", 2), uuid("third member"), KEYS["brandt"].sign, latest, hospital=THIRD)
    return [accepted, *third_member(world, root)[:2], moved]


def answer_of(said: list[statements.Statement], principal: UUID | None, **device: UUID) -> dict[str, object]:
    directory = Directory({HOSPITAL: ROOT.public}, said)
    try:
        if principal:
            found = directory.principal(principal)
            names = ("kind", "hospital", "generation", "kem", "sign", "profile", "eligible")
            return {"answer": {name: getattr(found, name) for name in names}}
        known = directory.device_ever(device["ever"]) if "ever" in device else directory.device(device["device"])
        return {"answer": {"principal": known.principal, "sign": known.sign}}
    except ProtocolError as error:
        return {"error": error.code}


def of_another_root(root: SigningKey) -> list[statements.Statement]:
    world = World()
    own_root = world.say("root", HOSPITAL, statements.Sign(root.public), HOSPITAL, root)
    registrar = world.say("registrar", REGISTRAR, statements.Office(KEYS["registrar"].sign.public), HOSPITAL, root)
    return [own_root, registrar, *world.all[2:]]


def third_member(world: World, root: SigningKey) -> list[statements.Statement]:
    person, who = uuid("third member"), KEYS["brandt"].sign
    said: list[tuple[str, UUID, statements.Body, UUID, SigningKey]] = [
        ("root", THIRD, statements.Sign(root.public), THIRD, root),
        ("registrar", person, statements.Office(who.public), THIRD, root),
        ("member", person, world.keys("brandt"), person, who),
    ]
    return [world.say(*words, hospital=THIRD) for words in said]
