"""After how long an untouched phone locks: the hospital's own, within bounds."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from identity.models import Hospital


def test_a_registrar_sets_it_for_the_own_hospital_alone(night):
    before = night.brandt.get("session").json()["idle_lock_seconds"]
    assert before == 15 * 60

    answer = night.kreis.registrar.put("hospital/idle-lock", {"minutes": 5})

    assert (answer.status_code, answer.json()) == (200, {"minutes": 5})
    assert night.adler.get("session").json()["idle_lock_seconds"] == 300
    assert night.brandt.get("session").json()["idle_lock_seconds"] == before
    event = night.audit_of(night.kreis)[-1]
    assert (event.action, event.detail["minutes"]) == ("identity.change_idle_lock", 5)


@pytest.mark.parametrize("minutes", [0, 61])
def test_never_and_a_whole_shift_are_refused(night, minutes):
    assert night.kreis.registrar.put("hospital/idle-lock", {"minutes": minutes}).status_code == 400
    with pytest.raises(IntegrityError), transaction.atomic():
        Hospital.objects.filter(pk=night.kreis.id).update(idle_lock_after=timedelta(minutes=minutes))
