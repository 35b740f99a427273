"""What the other parts ask identity: who is acting, who is behind a principal, whose keys are current."""

import asyncio

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.errors import Forbidden
from identity import access
from identity.actors import aactor_of_session, actor_of_session
from identity.services import current_keys
from tests.cast import new_cookie


def test_an_actor_is_one_query(night):
    with CaptureQueriesContext(connection) as queries:
        actor = actor_of_session(night.adler.session_key)

    assert len(queries) == 1
    assert (actor.person_id, actor.pseudonym, actor.hospital_id) == (night.adler.id, night.adler.pseudonym, night.kreis.id)
    assert (actor.device_id, actor.device_public_key) == (night.adler.device_id, night.adler.device_key.public)
    assert actor.principals == [night.adler.id, night.kreis.role.id]
    assert (actor.profession, actor.method, actor.is_registrar) == ("physician", "passkey", False)


@pytest.mark.parametrize("name", ["pending", "former_colleague", "revoked_device", "anonymous"])
def test_there_is_none_behind_other_cookies(night, name):
    assert actor_of_session(night.person(name).session_key) is None
    assert actor_of_session(new_cookie()) is None


def test_the_socket_asks_the_same(night):
    async def both():
        return await aactor_of_session(night.adler.session_key), await aactor_of_session(night.pending.session_key)

    assert asyncio.run(both()) == (night.adler.actor(), None)


def test_an_agent_is_a_pseudonym(night):
    actor = night.adler.actor()
    agent = actor.agent(night.kreis.role.id)

    assert (agent.person, agent.role, agent.hospital) == (night.adler.pseudonym, night.kreis.role.id, night.kreis.id)
    assert str(night.adler.id) not in repr(agent)


def test_a_role_is_acted_in_only_while_held(night):
    role = night.kreis.role.id
    assert night.adler.actor().require_role(role) == role
    assert night.adler.actor().require_role(None) is None
    for other in (night.conrad, night.brandt):
        with pytest.raises(Forbidden, match=r"role\.not_on_duty"):
            other.actor().require_role(role)


def test_people_behind_principals_are_one_query(night):
    principals = [night.adler.id, night.kreis.role.id, night.uni.role.id, night.former_colleague.id, night.pending.id]
    with CaptureQueriesContext(connection) as queries:
        people = access.people_behind(principals)

    assert len(queries) == 1
    assert people == {
        night.adler.id: [night.adler.id],
        night.kreis.role.id: [night.adler.id],
        night.uni.role.id: [night.brandt.id],
        night.former_colleague.id: [],
        night.pending.id: [],
    }


def test_partners_are_mutual(night):
    assert access.partner_hospitals(night.kreis.id) == {night.uni.id, night.nord.id, night.mitte.id}
    assert access.partner_hospitals(night.fern.id) == set()


def test_current_keys_are_one_query(night):
    principals = [night.adler.id, night.kreis.role.id, night.uni.archive.id]
    with CaptureQueriesContext(connection) as queries:
        keys = current_keys(principals)

    assert len(queries) == 1
    assert {principal: key.kem_public_key for principal, key in keys.items()} == {
        night.adler.id: night.adler.keys.kem.public,
        night.kreis.role.id: night.kreis.role.keys.kem.public,
        night.uni.archive.id: night.uni.archive.keys.kem.public,
    }
