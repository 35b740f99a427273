"""A role gets new keys while its cases are open: messages go on, the next shift reads what was before, who was taken off reads nothing."""

import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from benchmarks.people import Talk
from messaging.attachments import CHUNK
from tests.cast import Night, Someone
from tests.identity.test_roles import Draft
from tests.messaging.people import envelope_json, epoch_json, recipients, refusals, seal, send, sent
from tests.messaging.test_attachments import uploaded
from tests.messaging.test_create_epoch import following, rotate
from wardline_client.protocol import ProtocolError
from wardline_client.protocol.encoding import decode, encode
from wardline_client.protocol.epochs import open_epoch
from wardline_client.protocol.keys import PrincipalKeys, open_history, open_role_seed, seal_history

pytestmark = pytest.mark.usefixtures("blob_dir")
FILE = os.urandom(CHUNK // 4)


@dataclass
class Renewed:
    """Uni's role after Brandt, who held it, was taken off: Dorn alone is eligible. ``message`` and ``file`` are of before."""

    draft: Draft
    message: UUID
    file: UUID
    prepared: Any  # what Brandt had ready to send a moment before


@pytest.fixture
def renewed(night: Night, talk: Talk) -> Renewed:
    role, message, file = night.uni.role, sent(night.adler, talk), uploaded(night.adler, talk, FILE)
    _, prepared = seal(night.brandt, talk, role=role.id)
    keys = PrincipalKeys(os.urandom(32))
    history = seal_history(former=role.keys.seed, current=keys.seed, principal=role.id, generation=1)
    made = {"keys": keys, "generation": 2, "role": role.id, "prev": role.statement, "history": history, "name": role.name}
    draft = Draft(night.uni.registrar, [night.dorn], **made)
    assert draft.post().status_code == 201
    return Renewed(draft, message, file, prepared)


def sealed_to(night: Night, renewed: Renewed) -> dict[UUID, bytes]:
    return recipients(night) | {night.uni.role.id: renewed.draft.keys.kem.public}


def test_a_message_does_not_wait_for_the_next_epoch(night: Night, talk: Talk, renewed: Renewed) -> None:
    for priority in ("urgent", "stat", "normal"):
        assert send(night.adler, talk, seal(night.adler, talk, priority=priority)[1]).status_code == 201


def test_the_next_epoch_is_for_the_new_keys_alone(night: Night, talk: Talk, renewed: Renewed) -> None:
    stale = rotate(night.adler, talk, following(night, talk, night.adler))
    fresh = following(night, talk, night.adler, recipients=sealed_to(night, renewed))

    assert (stale.status_code, stale.json()["code"]) == (409, "epoch.stale_recipients")
    assert [str(night.uni.role.id), encode(renewed.draft.keys.kem.kid)] in stale.json()["recipients"]
    assert rotate(night.adler, talk, fresh).status_code == 201


def test_the_next_shift_reads_the_open_case(night: Night, talk: Talk, renewed: Renewed) -> None:
    role = night.uni.role
    second = following(night, talk, night.adler, recipients=sealed_to(night, renewed))
    assert rotate(night.adler, talk, second).status_code == 201
    assert night.dorn.post(f"duty/{role.id}/take").status_code == 200

    (duty,) = [row for row in night.dorn.get("duty").json()["results"] if row["role"] == str(role.id)]
    seed = open_role_seed(sealed=decode(duty["sealed"]), user_kem=night.dorn.keys.kem, role_statement=renewed.draft.statement.h)
    former = open_history(sealed=decode(duty["keys"][1]["history"]), current=seed, principal=role.id, generation=1)
    epochs = night.dorn.get(f"conversations/{talk.id}/epochs").json()["results"]
    opened = [
        open_epoch(h=decode(row["h"]), wrap=decode(row["wraps"][0]["wrap"]), principal=role.id, kem=PrincipalKeys(each).kem)
        for row, each in zip(epochs, (former, seed), strict=True)
    ]

    assert opened == [talk.key, second.key]
    assert [row["id"] for row in night.dorn.get(f"conversations/{talk.id}/messages").json()["results"]] == [str(renewed.message)]


def test_what_is_sealed_after_does_not_open_with_the_former_seed(night: Night, talk: Talk, renewed: Renewed) -> None:
    """Even if the server gave it out: Brandt still has the seed of generation 1."""
    role, second = night.uni.role, following(night, talk, night.adler, recipients=sealed_to(night, renewed))
    place = [principal for principal, _ in second.header.to].index(role.id)

    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        open_epoch(h=second.h, wrap=second.w[place], principal=role.id, kem=role.keys.kem)


READS = ("", "/messages", "/epochs")


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after the next epoch"])
def test_who_was_taken_off_gets_nothing_whatever_was_right_before(night: Night, talk: Talk, renewed: Renewed, later: bool) -> None:
    brandt: Someone = night.brandt
    if later:
        fresh = following(night, talk, night.adler, recipients=sealed_to(night, renewed))
        assert rotate(night.adler, talk, fresh).status_code == 201
    envelope = {"envelope": envelope_json(renewed.prepared)}
    role, message = night.uni.role.id, renewed.message

    refused = [brandt.get(f"conversations/{talk.id}{part}") for part in READS]
    refused += [brandt.get(f"attachments/{renewed.file}"), brandt.get(f"attachments/{renewed.file}/content")]
    refused += [
        brandt.post(f"conversations/{talk.id}/messages", envelope),
        brandt.post(f"conversations/{talk.id}/delivered", {"sequence": 1}),
        brandt.post(f"conversations/{talk.id}/messages/{message}/acknowledge", {"role": role}),
        brandt.post(f"conversations/{talk.id}/epochs", {"epoch": epoch_json(following(night, talk, brandt, role=role))}),
        brandt.post(f"duty/{role}/take"),
        brandt.get(f"duty/{role}/seals"),
    ]

    assert {answer.status_code for answer in refused} == {404}
    assert str(talk.id) not in brandt.get("sync").content.decode()
    assert str(role) not in brandt.get("duty").content.decode()
    assert str(role) not in brandt.get("session").json()["roles_on_duty"]
    assert len(refusals(night, brandt)) == len(refused)
