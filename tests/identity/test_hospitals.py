"""A hospital's first hour and its partners, played by the Python client against the service."""

import re
import secrets
from io import StringIO
from uuid import uuid4

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.core.wsgi import get_wsgi_application

from identity import access
from identity.models import Hospital, HospitalSetup, Membership, Partnership
from tests.identity.browser import shown
from wardline_client.authenticator import SoftwareAuthenticator
from wardline_client.founding import found_hospital, make_archive_link
from wardline_client.http import Api, ApiError
from wardline_client.joining import claim, join
from wardline_client.protocol import Partner, Profile
from wardline_client.registrar import Registrar

ORIGIN = "http://localhost:8000"


def api() -> Api:
    address = "10." + ".".join(str(secrets.randbelow(256)) for _ in range(3))
    return Api(ORIGIN, transport=httpx.WSGITransport(app=get_wsgi_application(), remote_addr=address))


@pytest.fixture
def token(night) -> str:
    return prepared_token()


def prepared_token() -> str:
    """What the operator's command printed."""
    out = StringIO()
    call_command("hospital_setup", f"neu-{uuid4().hex[:8]}", "Klinikum Neu", "--city", "Neustadt", stdout=out)
    printed = re.fullmatch(rf"{ORIGIN}/#/setup/([A-Za-z0-9_-]+)", out.getvalue().strip())
    assert printed
    return printed[1]


@pytest.fixture
def founded(token):
    return found_hospital(api(), token, Profile(name="Renate Register", title="Dr.", profession="physician"), label="desk")


def test_the_first_registrar_sets_it_up_and_takes_in_a_colleague(night, founded):
    hospital = Hospital.objects.get(id=founded.session.keyring.hospital)
    assert bytes(hospital.root_public_key) == founded.session.keyring.root
    assert founded.session.sign_in()["is_registrar"]
    registrar = Registrar(founded.session)

    joined = join(api(), registrar.invite(name="Ilse Neu", title="Dr."), SoftwareAuthenticator(ORIGIN), label="phone")
    (pending,) = registrar.pending()
    registrar.approve(pending)

    assert joined.session.sign_in()["state"] == "active"
    role = registrar.create_role(name="Coordination", eligible=[pending.person])
    (row,) = joined.session.take_role_seeds()
    assert row["role"] == str(role)
    actions = night.actions_of(hospital.id)
    assert {"identity.prepare_hospital", "identity.set_up_hospital", "identity.add_archive", "identity.approve_member"} <= set(actions)


def test_its_archive_becomes_a_device(founded):
    founded.session.sign_in()
    gateway = claim(
        api(), make_archive_link(founded.session, founded.archive, founded.archive_seed), SoftwareAuthenticator(ORIGIN), label="gateway"
    )

    assert gateway.sign_in()["person"] == str(founded.archive)
    assert not gateway.api.get("session")["is_registrar"]


def test_a_token_sets_up_once(token, founded):
    again = api()
    again.get("session")
    with pytest.raises(ApiError) as refused:
        again.post("setup/look", {"token": token})
    assert (refused.value.status, refused.value.code) == (410, "setup.used")


def test_of_two_who_set_it_up_at_once_one_does(night, token):
    def found():
        try:
            return found_hospital(api(), token, Profile(name="Renate Register"))
        except ApiError as error:
            return error.code

    answers = night.at_once(found, found)

    assert sorted(isinstance(answer, str) for answer in answers) == [False, True]
    hospital = HospitalSetup.objects.order_by("-created_at").first().hospital
    assert Membership.objects.filter(hospital=hospital, is_registrar=True).count() == 1


def test_a_token_expires(night, token):
    night.clock.advance(hours=25)
    with pytest.raises(ApiError) as refused:
        found_hospital(api(), token, Profile(name="Renate Register"))
    assert refused.value.code == "setup.expired"


def test_a_hospital_is_prepared_once(night):
    with pytest.raises(CommandError):
        call_command("hospital_setup", night.kreis.slug, "Again")


# partners


def accepting(registrar, place, root=None):
    statement = registrar.states("partner", place.id, Partner(root or place.root.public))
    return registrar.post("partners", {"hospital": place.id, "statement": shown(statement)})


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def reached(someone) -> set[str]:
    return {hospital["id"] for hospital in someone.get("directory").json()["hospitals"]}


def test_partners_reach_each_other_once_both_have_accepted(night):
    assert accepting(night.kreis.registrar, night.fern).status_code == 201
    assert str(night.fern.id) not in reached(night.adler)
    assert str(night.kreis.id) not in reached(night.outsider)

    assert accepting(night.fern.registrar, night.kreis).status_code == 201

    assert str(night.fern.id) in reached(night.adler)
    assert str(night.kreis.id) in reached(night.outsider)
    # One step: kreis' partners are not fern's.
    assert access.partner_hospitals(night.fern.id) == {night.kreis.id}
    assert "identity.accept_partner" in night.actions_of(night.fern)


def test_a_root_that_was_swapped_is_refused(night):
    assert code(accepting(night.kreis.registrar, night.fern, root=night.uni.root.public)) == (409, "partner.other_root")
    assert not Partnership.objects.filter(hospital=night.kreis.id, partner=night.fern.id).exists()


def test_a_partner_is_accepted_once(night):
    assert code(accepting(night.kreis.registrar, night.uni)) == (409, "partner.accepted")


def test_only_registrars_accept(night):
    for someone in (night.adler, night.pending, night.outsider):
        statement = shown(someone.states("partner", night.fern.id, Partner(night.fern.root.public)))
        assert someone.post("partners", {"hospital": night.fern.id, "statement": statement}).status_code == 403
    assert code(accepting(night.kreis.registrar, night.kreis)) == (404, "not_found")
