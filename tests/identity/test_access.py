"""Every endpoint, by everybody who has no business there. A new endpoint without a row here fails."""

from uuid import uuid4

import pytest

from identity.urls import urlpatterns

OUT = {"anonymous": 401, "former_colleague": 401, "revoked_device": 401}
MEMBERS = OUT | {"pending": 403}
REGISTRARS = MEMBERS | {"conrad": 403, "outsider": 403, "archive": 403}
OWN = OUT  # also for those who wait

# route -> method -> who -> status
TABLE = {
    "session/unlock": {"get": OWN},
    "session/wraps": {"post": OWN},
    "invitations": {"post": REGISTRARS},
    "device-links": {"post": MEMBERS},
    "devices": {"get": MEMBERS},
    "devices/<uuid:device>/revoke": {"post": MEMBERS},
    "me": {"get": MEMBERS, "patch": MEMBERS},
    "directory": {"get": MEMBERS},
    "statements": {"get": MEMBERS},
    "members/pending": {"get": REGISTRARS},
    "members/<uuid:person>/approve": {"post": REGISTRARS},
    "members/<uuid:person>/end": {"post": REGISTRARS},
    "members/<uuid:person>/devices": {"get": REGISTRARS},
    "members/<uuid:person>/recovery": {"post": REGISTRARS},
    "members/<uuid:person>/auditor": {"post": REGISTRARS},
    "members/<uuid:person>/auditor/end": {"post": REGISTRARS},
    "hospital/idle-lock": {"put": REGISTRARS},
    "units": {"post": REGISTRARS},
    "roles": {"post": REGISTRARS},
    "partners": {"post": REGISTRARS},
    "duty": {"get": MEMBERS},
    "duty/<uuid:role>/take": {"post": MEMBERS},
    "duty/<uuid:role>/hand-over": {"post": MEMBERS},
}
# Anybody may call these; what they give is tested where it is: test_sign_in, test_join, test_link_device, test_recovery, test_hospitals.
OPEN = {
    "session",
    "session/options",
    "invitations/look",
    "device-links/look",
    "recoveries/open",
    "enrolment/options",
    "enrolment",
    "setup",
    "setup/look",
}


@pytest.fixture(scope="module")
def night(shared_night):
    return shared_night


def test_every_endpoint_is_in_the_table():
    assert {str(pattern.pattern) for pattern in urlpatterns} == set(TABLE) | OPEN


ROWS = [
    (route, method, who, status)
    for route, methods in TABLE.items()
    for method, refused in methods.items()
    for who, status in refused.items()
]


@pytest.mark.parametrize(("route", "method"), sorted({(route, method) for route, method, _, _ in ROWS}))
def test_is_refused(night, route, method):
    url = "/".join(str(uuid4()) if part.startswith("<") else part for part in route.split("/"))
    night.cast("archive", night.kreis.archive)
    expected = {who: status for row, by, who, status in ROWS if (row, by) == (route, method)}

    refused = {who: getattr(night.person(who), method)(url).status_code for who in expected}

    assert refused == expected


@pytest.mark.parametrize(("route", "method"), sorted({(route, method) for route, method, _, _ in ROWS if method == "post"}))
def test_needs_the_csrf_token_and_an_idempotency_key(night, route, method):
    url = "/".join(str(uuid4()) if part.startswith("<") else part for part in route.split("/"))
    registrar = night.kreis.registrar

    forged = registrar.post(url, {}, X_CSRFToken="d" * 32)
    keyless = registrar.post(url, {}, Idempotency_Key="")

    assert (forged.status_code, forged.json()["code"]) == (403, "csrf.failed")
    assert keyless.status_code == 400
    assert keyless.json()["code"] in {"idempotency.key_missing", "invalid"}


def test_units_are_the_registrars_to_add(night):
    unit = {"id": uuid4(), "name": "Burns"}
    assert night.kreis.registrar.post("units", unit).status_code == 201
    assert night.kreis.registrar.post("units", unit).json()["code"] == "unit.known"
    assert night.uni.registrar.post("units", unit).json()["code"] == "unit.known"
