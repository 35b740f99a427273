"""What nothing can come of any more is deleted; what somebody is still told of stays."""

from datetime import timedelta

from django.utils import timezone

from backend.models import FirstAnswer
from identity.models import DeviceLink, Invitation, SignIn
from identity.services.tidying import RETRIED_FOR, TOLD_FOR, tidy_up
from tests.identity.browser import Browser, new_token
from tests.identity.test_join import INVITED

DAY = timedelta(days=1)


def test_what_ended_long_ago_goes_and_the_log_keeps_it(night):
    adler, registrar = night.adler, night.kreis.registrar
    Browser().becomes(adler)
    adler.post("device-links", {"token": new_token(), "sealed": "c2VhbGVk"})
    registrar.post("invitations", INVITED)
    told = night.actions_of(night.kreis)

    tidy_up(timezone.now() + TOLD_FOR + 10 * DAY)

    assert not DeviceLink.objects.filter(person=adler.id).exists()
    assert not Invitation.objects.filter(created_by=registrar.id).exists()
    assert not FirstAnswer.objects.filter(person=adler.id).exists()
    assert not SignIn.objects.filter(person=adler.id, expires_at__lt=timezone.now() + DAY).exists()
    assert night.actions_of(night.kreis) == told


def test_what_can_still_be_used_or_asked_about_stays(night):
    adler, token = night.adler, new_token()
    Browser().becomes(adler)
    assert adler.post("device-links", {"token": token, "sealed": "c2VhbGVk"}).status_code == 201
    answers = FirstAnswer.objects.filter(person=adler.id).count()

    tidy_up(timezone.now() + RETRIED_FOR - DAY)

    assert answers > 0
    assert FirstAnswer.objects.filter(person=adler.id).count() == answers
    DeviceLink.objects.filter(used_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))
    # Not "unknown": its holder is told why it does not work.
    assert Browser().post("device-links/look", {"token": token}).json()["code"] == "link.expired"
    assert adler.get("duty").status_code == 200


def test_a_phone_that_comes_back_is_still_told_why(night):
    former = night.former_colleague

    tidy_up()

    assert former.get("session").json()["lapse"] == "membership.ended"
