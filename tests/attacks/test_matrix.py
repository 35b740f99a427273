"""Every address of the URLconf by everybody who has no business there, and by somebody who has. A route or a method without a row fails;
the socket's commands have their rows in ``test_socket_matrix``.

Ids are of things that exist (``world``): a refusal that looked only at existence would show. A row names people of ``tests.cast`` and the
status each gets. Who is inside gets 200 from everything that is read; what they may write is walked in ``tests/audit/walk`` and tested
beside the parts. The outsider is told the same as about an id that was made up.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import override_settings
from django.urls import get_resolver
from django.utils import timezone

from audit.models import Log
from beds.models import Bed
from identity.models import SignIn
from tests.audit.bundles import publish
from tests.beds.asking import Ward
from tests.cast import Night
from tests.identity.browser import Browser, new_token
from tests.identity.restoring import Trio
from tests.identity.test_registrars import proposed
from tests.integration.receiver import webhook_of
from tests.integration.software import Software
from tests.messaging.people import sent, start_talk
from tests.messaging.test_emergency import broken
from tests.served import routes

OUT = {"anonymous": 401, "former_colleague": 401, "revoked_device": 401}
OWN = OUT | {"outsider": 0}  # also for those who wait; the outsider has an account of their own: 0 is not asked
MEMBERS = OUT | {"pending": 403, "outsider": 0}
PEOPLE = MEMBERS | {"archive": 403}
ABSENT = OUT | {"pending": 403, "outsider": 404}
REGISTRARS = OUT | {"pending": 403, "outsider": 403, "adler": 403, "conrad": 403, "archive": 403}
READERS = REGISTRARS  # and auditors
LINKS = OUT | {"pending": 403, "outsider": 404, "adler": 404}  # of a link that another device made
SOFTWARE = dict.fromkeys(("anonymous", "former_colleague", "revoked_device", "pending", "outsider", "adler", "archive", "registrar"), 401)
ANYONE: dict[str, int] = {}  # what these give is tested where they are

V1 = "api/v1/"
CONVERSATION = V1 + "conversations/<uuid:conversation_id>"
ATTACHMENT = V1 + "attachments/<uuid:attachment_id>"
ROSTER = V1 + "rosters/<uuid:role>"
TABLE: dict[str, dict[str, dict[str, int]]] = {
    V1 + "session": {"GET": ANYONE, "POST": ANYONE, "DELETE": ANYONE},
    V1 + "session/options": {"POST": ANYONE},
    V1 + "session/unlock": {"GET": OWN},
    V1 + "session/wraps": {"POST": OWN},
    V1 + "invitations": {"GET": REGISTRARS, "POST": REGISTRARS},
    V1 + "invitations/check": {"POST": REGISTRARS},
    V1 + "invitations/bulk": {"POST": REGISTRARS},
    V1 + "invitations/<uuid:person>/withdraw": {"POST": REGISTRARS},
    V1 + "members/<uuid:person>/reject": {"POST": REGISTRARS},
    V1 + "invitations/look": {"POST": ANYONE},
    V1 + "device-links": {"POST": MEMBERS},
    V1 + "device-links/look": {"POST": ANYONE},
    V1 + "device-links/claim": {"POST": ANYONE},
    V1 + "device-links/wait": {"POST": ANYONE},
    V1 + "device-links/claimed": {"POST": LINKS},
    V1 + "device-links/open": {"POST": LINKS},
    V1 + "device-links/decide": {"POST": LINKS},
    V1 + "enrolment/options": {"POST": ANYONE},
    V1 + "enrolment": {"POST": ANYONE},
    V1 + "setup": {"POST": ANYONE},
    V1 + "setup/look": {"POST": ANYONE},
    V1 + "devices": {"GET": MEMBERS},
    V1 + "devices/<uuid:device>/revoke": {"POST": MEMBERS},
    V1 + "sign-ins": {"GET": MEMBERS},
    V1 + "sign-ins/end-others": {"POST": MEMBERS},
    V1 + "sign-ins/<uuid:sign_in>/end": {"POST": ABSENT},
    V1 + "directory": {"GET": MEMBERS},
    V1 + "statements": {"GET": MEMBERS},
    V1 + "members/pending": {"GET": REGISTRARS},
    V1 + "members/leavers": {"POST": REGISTRARS},
    V1 + "members/owed-revocations": {"GET": REGISTRARS},
    V1 + "members/<uuid:person>/approve": {"POST": REGISTRARS},
    V1 + "members/<uuid:person>/end": {"POST": REGISTRARS},
    V1 + "members/<uuid:person>/devices": {"GET": REGISTRARS},
    V1 + "members/<uuid:person>/recovery": {"POST": REGISTRARS},
    V1 + "renewal": {"GET": PEOPLE, "POST": PEOPLE},
    V1 + "members/renewals": {"GET": REGISTRARS},
    V1 + "members/<uuid:person>/renew": {"POST": REGISTRARS},
    V1 + "members/<uuid:person>/restoration": {"POST": REGISTRARS},
    V1 + "restorations": {"GET": MEMBERS},
    V1 + "restorations/look": {"POST": ANYONE},
    V1 + "restorations/ask": {"POST": ANYONE},
    V1 + "restorations/wait": {"POST": ANYONE},
    V1 + "restorations/<uuid:restoration>/approve": {"POST": ABSENT | {"conrad": 404, "adler": 404}},
    V1 + "restorations/<uuid:restoration>/end": {"POST": ABSENT | {"conrad": 404}},
    V1 + "deposit": {"GET": PEOPLE, "POST": PEOPLE},
    V1 + "deposit/decline": {"POST": PEOPLE},
    V1 + "officers": {"GET": MEMBERS},
    V1 + "officers/proposals": {"POST": REGISTRARS},
    V1 + "officers/proposals/<uuid:proposal>/confirm": {"POST": READERS},
    V1 + "officers/proposals/<uuid:proposal>/withdraw": {"POST": REGISTRARS},
    V1 + "recoveries/open": {"POST": ANYONE},
    V1 + "members/<uuid:person>/auditor": {"POST": REGISTRARS},
    V1 + "members/<uuid:person>/auditor/end": {"POST": REGISTRARS},
    V1 + "hospital/idle-lock": {"PUT": REGISTRARS},
    V1 + "hospital/passkey-rule": {"GET": REGISTRARS, "PUT": REGISTRARS},
    V1 + "passkeys/open": {"POST": ANYONE},
    V1 + "passkeys/device": {"POST": ANYONE},
    V1 + "hospital/sso": {"GET": REGISTRARS, "PUT": REGISTRARS, "DELETE": REGISTRARS},
    V1 + "hospital/sso/accounts": {"GET": REGISTRARS},
    V1 + "members/<uuid:person>/sso/unbind": {"POST": REGISTRARS},
    V1 + "sso/start": {"POST": ANYONE},
    V1 + "sso/finish": {"POST": ANYONE},
    V1 + "sso/logout": {"POST": ANYONE},
    V1 + "units": {"POST": REGISTRARS},
    V1 + "roles": {"GET": REGISTRARS, "POST": REGISTRARS},
    V1 + "roles/<uuid:role>/close": {"POST": REGISTRARS},
    V1 + "roles/<uuid:role>/escalation": {"GET": ABSENT, "PUT": REGISTRARS},
    V1 + "me": {"GET": MEMBERS, "PATCH": MEMBERS},
    V1 + "partners": {"GET": REGISTRARS, "POST": REGISTRARS},
    V1 + "partners/<uuid:hospital>/end": {"POST": REGISTRARS},
    V1 + "registrars": {"GET": READERS},
    V1 + "registrars/proposals": {"POST": REGISTRARS},
    V1 + "registrars/proposals/<uuid:proposal>/confirm": {"POST": READERS},
    V1 + "registrars/proposals/<uuid:proposal>/withdraw": {"POST": REGISTRARS},
    V1 + "registrars/<uuid:person>/end": {"POST": REGISTRARS},
    V1 + "duty": {"GET": MEMBERS},
    V1 + "duty/<uuid:role>/take": {"POST": ABSENT},
    V1 + "duty/<uuid:role>/hand-over": {"POST": MEMBERS},
    V1 + "duty/<uuid:role>/seals": {"GET": ABSENT},
    V1 + "duty/<uuid:role>/history": {"POST": ABSENT},
    V1 + "rosters/import": {"POST": REGISTRARS},
    ROSTER: {"GET": ABSENT},
    ROSTER + "/shifts/<uuid:shift>": {"PUT": REGISTRARS, "DELETE": REGISTRARS},
    ROSTER + "/patterns/<uuid:pattern>": {"PUT": REGISTRARS, "DELETE": REGISTRARS},
    V1 + "sync": {"GET": MEMBERS},
    V1 + "conversations": {"POST": MEMBERS},
    CONVERSATION: {"GET": ABSENT},
    CONVERSATION + "/epochs": {"GET": ABSENT, "POST": MEMBERS},
    CONVERSATION + "/messages": {"GET": ABSENT, "POST": MEMBERS},
    CONVERSATION + "/delivered": {"POST": ABSENT},
    CONVERSATION + "/messages/<uuid:message_id>/acknowledge": {"POST": ABSENT},
    V1 + "attachments": {"POST": ABSENT},
    ATTACHMENT: {"GET": ABSENT},
    ATTACHMENT + "/chunks/<int:number>": {"PUT": ABSENT},
    ATTACHMENT + "/complete": {"POST": ABSENT},
    ATTACHMENT + "/content": {"GET": ABSENT},
    V1 + "emergencies": {"POST": ABSENT},
    V1 + "emergencies/<uuid:emergency_id>/end": {"POST": ABSENT},
    V1 + "push-subscriptions": {"POST": MEMBERS},
    V1 + "push-subscriptions/key": {"GET": MEMBERS},
    V1 + "board": {"GET": MEMBERS},
    V1 + "capacities/<uuid:capacity_id>": {"PUT": ABSENT},
    V1 + "capacities/<uuid:capacity_id>/history": {"GET": OUT | {"pending": 403}},  # partners see it, as they see the figure
    V1 + "capacities/<uuid:capacity_id>/undo": {"POST": ABSENT},
    V1 + "units/<uuid:unit_id>/beds": {"GET": ABSENT},
    V1 + "beds/<uuid:bed_id>": {"PUT": ABSENT},
    V1 + "requests": {"GET": MEMBERS, "POST": MEMBERS},
    V1 + "statistics/requests": {"GET": MEMBERS},
    V1 + "statistics/requests.csv": {"GET": MEMBERS},
    V1 + "request-templates": {"GET": MEMBERS},
    V1 + "request-templates/<uuid:template_id>": {"PUT": ABSENT, "DELETE": ABSENT},
    V1 + "requests/<uuid:request_id>": {"GET": ABSENT},
    V1 + "requests/<uuid:request_id>/cancel": {"POST": ABSENT},
    V1 + "candidates/<uuid:candidate_id>/receipt": {"GET": ABSENT},
    V1 + "candidates/<uuid:candidate_id>/conversation": {"POST": MEMBERS},  # its body is judged first
    V1 + "candidates/<uuid:candidate_id>/<slug:action>": {"POST": ABSENT},
    V1 + "audit/erasures": {"POST": REGISTRARS},
    V1 + "audit/export": {"GET": REGISTRARS},
    V1 + "audit/exports": {"GET": READERS, "POST": READERS},
    V1 + "audit/exports/<uuid:export>": {"GET": READERS, "DELETE": READERS},
    V1 + "audit/exports/<uuid:export>/content": {"GET": READERS},
    V1 + "audit/events": {"GET": READERS},
    V1 + "audit/timeline": {"GET": READERS},
    V1 + "audit/disclosures/<uuid:case>": {"GET": READERS},
    V1 + "audit/break-glass": {"GET": READERS},
    V1 + "audit/sign-in-failures": {"GET": READERS},
    V1 + "audit/activity": {"GET": READERS},
    V1 + "audit/roster": {"GET": READERS},
    V1 + "audit/reviews": {"GET": READERS, "POST": READERS},
    V1 + "audit/witnesses": {"GET": REGISTRARS},
    V1 + "integration-clients": {"GET": REGISTRARS},
    V1 + "integration-clients/<uuid:client>": {"PUT": REGISTRARS},
    V1 + "integration-clients/<uuid:client>/revoke": {"POST": REGISTRARS},
    V1 + "webhooks": {"GET": REGISTRARS},
    V1 + "webhooks/<uuid:webhook>": {"PUT": REGISTRARS},
    V1 + "webhooks/<uuid:webhook>/secret": {"PUT": REGISTRARS},
    V1 + "webhooks/<uuid:webhook>/try": {"POST": REGISTRARS},
    V1 + "webhooks/<uuid:webhook>/end": {"POST": REGISTRARS},
    V1 + "openapi.json": {"GET": ANYONE},
    "fhir/.well-known/smart-configuration": {"GET": ANYONE},
    "fhir/token": {"POST": ANYONE},
    "fhir/metadata": {"GET": ANYONE},
    # Of the hospital's software, which is no person: no cookie opens it; its scopes' matrix is in tests/integration.
    "fhir/<str:kind>": {"GET": SOFTWARE, "POST": SOFTWARE},
    "fhir/<str:kind>/_search": {"POST": SOFTWARE},
    "fhir/$export": {"GET": SOFTWARE},
    "fhir/$export/<uuid:export>": {"GET": SOFTWARE, "DELETE": SOFTWARE},
    "fhir/$export/<uuid:export>/AuditEvent.ndjson": {"GET": SOFTWARE},
    "fhir/<str:kind>/<str:id>": {"DELETE": SOFTWARE, "GET": SOFTWARE, "PUT": SOFTWARE},
    "fhir/": {"GET": SOFTWARE},
    "fhir/<path:rest>": {"GET": SOFTWARE},
    "audit/logs/": {"GET": ANYONE},
    "audit/logs/<uuid:log>/checkpoint": {"GET": ANYONE},
    r"audit/logs/<uuid:log>/^tile/entries/(?P<index>[x0-9/]+)(?:\.p/(?P<width>[0-9]+))?$": {"GET": REGISTRARS},
    r"audit/logs/<uuid:log>/^tile/(?P<level>[0-7])/(?P<index>[x0-9/]+)(?:\.p/(?P<width>[0-9]+))?$": {"GET": ANYONE},
    "healthz": {"GET": ANYONE},
    "readyz": {"GET": ANYONE},
    "metrics": {"GET": ANYONE},
}
VERSIONED = {
    V1 + "capacities/<uuid:capacity_id>",
    V1 + "capacities/<uuid:capacity_id>/undo",
    V1 + "beds/<uuid:bed_id>",
    V1 + "request-templates/<uuid:template_id>",
    V1 + "roles/<uuid:role>/escalation",
    ROSTER + "/shifts/<uuid:shift>",
    ROSTER + "/patterns/<uuid:pattern>",
}
CASES = [(route, method) for route, methods in TABLE.items() for method in methods]
CLOSED = [(route, method) for route, method in CASES if TABLE[route][method]]
READ = [route for route, method in CLOSED if method == "GET" and TABLE[route][method] is not SOFTWARE]
# Signed by whoever calls, and without a cookie: no other site's page could send anything along.
SIGNED = {
    V1 + "sso/logout",
    "fhir/token",
    "fhir/<str:kind>",
    "fhir/<str:kind>/<str:id>",
    "fhir/<str:kind>/_search",
    "fhir/$export/<uuid:export>",
}
UNSAFE = [(route, method) for route, method in CASES if method != "GET" and route not in SIGNED]
ASKED = {
    ROSTER: "?since=2026-11-01T00:00:00Z&until=2026-11-08T00:00:00Z",
    V1 + "audit/timeline": "?request=<uuid:request_id>",
    V1 + "audit/activity": "?since=2026-11-01T00:00:00Z&until=2026-11-02T00:00:00Z",
}
# What the insider is told of things that are not there yet.
NOT_YET = {
    V1 + "audit/exports/<uuid:export>/content": 409,  # the worker has not made the file
    ATTACHMENT + "/content": 409,  # announced, not uploaded
    V1 + "candidates/<uuid:candidate_id>/receipt": 404,  # nothing is promised
    V1 + "push-subscriptions/key": 503,  # no VAPID key in the tests
    r"audit/logs/<uuid:log>/^tile/entries/(?P<index>[x0-9/]+)(?:\.p/(?P<width>[0-9]+))?$": 404,  # no full tile
}
PATTERN = {"person": "<uuid:person>", "weekdays": [1], "begins": "07:00", "ends": "19:00", "first": "2026-11-02"}
# Enough for the shape, so that the refusal comes from who asks and not from what is missing.
BODIES: dict[str, Any] = {
    V1 + "attachments": {"id": str(uuid4()), "conversation": "<uuid:conversation_id>", "size": 1, "sha256": "A" * 43},
    V1 + "capacities/<uuid:capacity_id>": {"staffed": 1, "occupied": 0, "blocked": 0},
    V1 + "beds/<uuid:bed_id>": {"status": "O"},
    V1 + "requests/<uuid:request_id>/cancel": {"reason": "other"},
    V1 + "request-templates/<uuid:template_id>": {
        "speciality": "cardiology",
        "category": "icu-high",
        "capabilities": [],
        "urgency": "stat",
    },
    V1 + "roles/<uuid:role>/escalation": {"normal": [], "important": []},
    V1 + "duty/<uuid:role>/history": {"generation": 2, "history": "A" * 64},
    V1 + "emergencies": {"conversation": "<uuid:conversation_id>", "role": "<uuid:role>", "reason": "other"},
    ROSTER + "/patterns/<uuid:pattern>": PATTERN,
    V1 + "members/leavers": {"people": [str(uuid4())], "dry_run": True},
    V1 + "me": {"quiet_from": "22:00", "quiet_until": "06:00"},
    V1 + "device-links/claimed": {"token": "<link>"},
    V1 + "device-links/open": {"token": "<link>", "opening": "A" * 43},
    V1 + "device-links/decide": {"token": "<link>", "sealed": None},
    V1 + "restorations/<uuid:restoration>/approve": {"sealed": "AAAA", "signature": "A" * 86},
    CONVERSATION + "/delivered": {"sequence": 1},
    ATTACHMENT + "/chunks/<int:number>": b"x",
}


def test_every_route_and_method_has_a_row() -> None:
    assert dict(routes(get_resolver().url_patterns)) == {route: set(methods) for route, methods in TABLE.items()}


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    shared_night.cast("archive", shared_night.kreis.archive)
    shared_night.cast("registrar", shared_night.kreis.registrar)
    return shared_night


@pytest.fixture(scope="module")
def world(night: Night, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Something that exists for every placeholder, none of it the outsider's."""
    state = tmp_path_factory.mktemp("state")
    with override_settings(STATE_DIR=state, AUDIT_KEY_FILE=state / "audit.key"):
        yield furnished(night)


def furnished(night: Night) -> dict[str, str]:
    ward = Ward(night)
    asked, talk = ward.asks("uni"), start_talk(night)
    file = uuid4()
    announced = night.adler.post("attachments", {"id": file, "conversation": talk.id, "size": 1, "sha256": "A" * 43})
    assert announced.status_code == 201
    template, wanted = uuid4(), BODIES[V1 + "request-templates/<uuid:template_id>"]
    assert night.adler.put(f"request-templates/{template}", wanted, If_Match="0").status_code == 200
    pattern, shift = uuid4(), uuid4()
    mine = {"person": night.conrad.id}
    roster = f"rosters/{night.kreis.role.id}"
    assert night.kreis.registrar.put(f"{roster}/patterns/{pattern}", PATTERN | mine, If_Match="0").status_code == 200
    times = {"since": timezone.now() + timedelta(days=3), "until": timezone.now() + timedelta(days=4)}
    assert night.kreis.registrar.put(f"{roster}/shifts/{shift}", mine | times, If_Match="1").status_code == 200
    publish(night.kreis.id)
    log = Log.objects.get(hospital=night.kreis.id).pk
    export = night.kreis.registrar.post("audit/exports", {"format": "csv"}).json()["id"]
    link = new_token()
    assert night.conrad.post("device-links", {"token": link}).status_code == 201
    assert Browser().claims(link).status_code == 201
    things: dict[str, UUID | str] = {"<uuid:conversation_id>": talk.id, "<uuid:message_id>": sent(night.adler, talk)}
    things |= {"<uuid:attachment_id>": file, "<int:number>": "0", "<uuid:capacity_id>": ward.figures["kreis"].pk}
    bed = Bed.objects.create(unit_id=night.kreis.unit_id, category="icu-high", label="7")
    things |= {"<uuid:unit_id>": night.kreis.unit_id, "<uuid:bed_id>": bed.pk}
    things |= {"<uuid:request_id>": asked.id, "<uuid:candidate_id>": asked["uni"], "<slug:action>": "acknowledge"}
    sign_in = SignIn.objects.filter(person=night.conrad.id).values_list("id", flat=True)[0]
    things |= {"<uuid:template_id>": template, "<link>": link, "<uuid:emergency_id>": UUID(broken(night, talk))}
    things |= {"<uuid:shift>": shift, "<uuid:pattern>": pattern, "<uuid:sign_in>": sign_in}
    things |= {"<uuid:export>": export, "<uuid:case>": asked.id}
    things |= {"<uuid:client>": Software(night.kreis.registrar).entered().id, "<uuid:webhook>": webhook_of(night.kreis.registrar)}
    things |= {"<uuid:hospital>": night.uni.id, "<uuid:proposal>": proposed(night.kreis.registrar, night.conrad)}
    things |= {"<uuid:restoration>": Trio(night).named().deposits().started().asks().id}
    things |= {"<uuid:role>": night.kreis.role.id, "<uuid:person>": night.pending.id, "<uuid:device>": night.adler.device_id}
    things |= {"<str:kind>": "Location", "<str:id>": night.kreis.unit_id, "<path:rest>": "Location/1/_history/1"}
    things |= {"<uuid:log>": log, r"(?P<index>[x0-9/]+)(?:\.p/(?P<width>[0-9]+))?$": "000", "(?P<level>[0-7])": "0", "^": ""}
    return {name: str(thing) for name, thing in things.items()}


def call(caller: Any, route: str, method: str, world: dict[str, str], **headers: str) -> Any:
    url, body = "/" + route + (ASKED.get(route, "") if method == "GET" else ""), BODIES.get(route)
    for name, thing in world.items():
        url = url.replace(name, thing)
        if isinstance(body, dict):
            body = {key: value.replace(name, thing) if isinstance(value, str) else value for key, value in body.items()}
    assert "<" not in url, "a placeholder the world lacks"
    if method == "GET":
        return caller.get(url)
    return getattr(caller, method.lower())(url, body, **({"If_Match": "1"} if route in VERSIONED else {}), **headers)


@pytest.mark.parametrize(("route", "method"), CLOSED)
def test_who_is_out_is_out(night: Night, world: dict[str, str], route: str, method: str) -> None:
    expected = {who: status for who, status in TABLE[route][method].items() if status}

    given = {who: call(night.person(who), route, method, world).status_code for who in expected}

    assert given == expected


@pytest.mark.parametrize("route", READ)
def test_who_is_inside_reads_it(night: Night, world: dict[str, str], route: str) -> None:
    insider = "registrar" if "adler" in TABLE[route]["GET"] else "adler"

    assert call(night.person(insider), route, "GET", world).status_code == NOT_YET.get(route, 200)


@pytest.mark.parametrize(("route", "method"), [case for case in CLOSED if TABLE[case[0]][case[1]].get("outsider") == 404])
@pytest.mark.parametrize("who", ["outsider", "north"])
def test_what_is_there_and_what_was_made_up_is_one_answer(night: Night, world: dict[str, str], route: str, method: str, who: str) -> None:
    """``north`` is at a partner hospital and in none of it."""
    invented = {
        name: str(uuid4()) if name.startswith("<uuid") else new_token() if name == "<link>" else thing for name, thing in world.items()
    }

    there, nowhere = (call(night.person(who), route, method, things) for things in (world, invented))

    assert (there.status_code, there.content) == (nowhere.status_code, nowhere.content)
    assert there.status_code == 404
    assert not any(thing.encode() in there.content for name, thing in world.items() if name.startswith("<uuid"))


@pytest.mark.parametrize(("route", "method"), UNSAFE)
@pytest.mark.parametrize("who", ["anonymous", "pending", "adler", "former_colleague"])
def test_nothing_unsafe_is_done_without_the_csrf_token(night: Night, world: dict[str, str], route: str, method: str, who: str) -> None:
    for token in ("", "d" * 32):
        answer = call(night.person(who), route, method, world, X_CSRFToken=token)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf.failed")


KEYED = [(route, method) for route, method in UNSAFE if method == "POST" and route not in BODIES and TABLE[route][method]]
WITHOUT_KEY = ("/delivered", "/acknowledge", "/messages", "/complete", "/try")  # known by an id of their own (docs/api-contract.md)


@pytest.mark.parametrize("route", [route for route, _ in KEYED if not route.endswith(WITHOUT_KEY)])
def test_nothing_is_done_without_an_idempotency_key(night: Night, world: dict[str, str], route: str) -> None:
    answer = call(night.kreis.registrar, route, "POST", world, Idempotency_Key="")

    assert answer.status_code == 400
    assert answer.json()["code"] in {"idempotency.key_missing", "invalid"}
