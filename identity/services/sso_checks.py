"""Whether an account at the provider is still one: asked every few minutes for whoever is signed in.

Invariant: only the provider's own word that the grant is worth nothing ends anything; a provider that does not answer, or answers
otherwise, locks out no doctor at three in the morning and is shown as failing. A refusal is one act: sign-ins, sockets, pushes and shares
end together, and no passkey, link or printed code opens anything until the provider vouches again or a registrar ends the membership.
"""

from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from audit.events import CLOCK, Event
from audit.services import record
from backend.errors import Invalid, Unavailable
from backend.realtime import ring_after_commit
from identity import oidc, sealing
from identity.models import SsoProvider, SsoSubject
from identity.services import members
from identity.services.enrolment import registrars
from identity.services.leaving import leave
from identity.services.sign_in import end_sign_ins
from identity.services.sso_proofs import client_of, seal_refresh
from identity.services.sso_subjects import CHECK_EVERY

BATCH: Final = 100
# A worker that dies while it asks: the account is asked about again after this.
LEASE: Final = timedelta(minutes=1)

_CLAIM = """
    UPDATE identity_ssosubject SET check_at = %(lease)s WHERE id IN (
        SELECT subject.id FROM identity_ssosubject subject
        JOIN identity_ssoprovider provider ON provider.id = subject.provider_id AND provider.ended_at IS NULL
        WHERE subject.ended_at IS NULL AND subject.state = 'good' AND length(subject.refresh_token) > 0 AND subject.check_at <= %(now)s
            AND EXISTS (
                SELECT FROM identity_signin s WHERE s.person_id = subject.person_id AND s.ended_at IS NULL AND s.expires_at > %(now)s
            )
        ORDER BY subject.check_at LIMIT %(batch)s FOR UPDATE OF subject SKIP LOCKED
    ) RETURNING id
"""


def check_accounts() -> int:
    """Ask about those that are due; how many were asked about."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "lease": now + LEASE, "batch": BATCH})
        due = [subject for (subject,) in cursor.fetchall()]
    found = SsoSubject.objects.select_related("provider", "person").filter(pk__in=due).order_by("provider_id", "id")
    silent: set[object] = set()  # one that does not answer is not waited for once per person
    for subject in found:
        if subject.provider_id not in silent and not _check(subject):
            silent.add(subject.provider_id)
    return len(due)


def longest_failing_seconds() -> float:
    """Of the provider that has not answered for longest; 0: all do, or nobody was asked about."""
    since = SsoProvider.objects.filter(ended_at=None).exclude(failing_since=None).aggregate(Min("failing_since"))["failing_since__min"]
    return (timezone.now() - since).total_seconds() if since else 0.0


def _check(subject: SsoSubject) -> bool:
    """Whether the provider answered. It is asked outside any transaction."""
    provider = subject.provider
    try:
        token = sealing.unseal(bytes(subject.refresh_token), purpose=f"sso refresh {provider.id} {subject.subject}")
        tokens = oidc.refresh(oidc.discover(provider.issuer), client_of(provider), token)
    except sealing.Unreadable:
        # SECRET_KEY has changed: nothing can be asked until the person has signed in there again.
        _still(subject).update(refresh_token=b"")
        return True
    except oidc.GrantRefused:
        _refuse(subject)
    except (Unavailable, Invalid):
        SsoProvider.objects.filter(pk=provider.pk, failing_since=None).update(failing_since=timezone.now())
        return False
    else:
        # Where refresh tokens rotate, the old one is worth nothing from now on.
        renewed = seal_refresh(provider, subject.subject, tokens.refresh_token) or bytes(subject.refresh_token)
        _still(subject).update(refresh_token=renewed, check_at=timezone.now() + CHECK_EVERY)
    SsoProvider.objects.filter(pk=provider.pk).exclude(failing_since=None).update(failing_since=None)
    return True


def _still(subject: SsoSubject) -> "QuerySet[SsoSubject]":
    """The row, if the person has not signed in there meanwhile and brought another token."""
    return SsoSubject.objects.filter(pk=subject.pk, refresh_token=subject.refresh_token, ended_at=None)


@transaction.atomic
def _refuse(subject: SsoSubject) -> None:
    provider, person = subject.provider, subject.person
    # The membership's lock before the subject's, as where a registrar ends it.
    ending = members.to_end_by_provider(hospital_id=provider.hospital_id, person_id=person.id) if provider.ends_membership else None
    if not _still(subject).update(state=SsoSubject.State.REFUSED, refresh_token=b""):
        return
    end_sign_ins(person=person.id)
    record(event=Event("identity.suspend_by_sso", CLOCK, [provider.hospital_id], subjects={"person": person.pseudonym}))
    ring_after_commit(registrars(provider.hospital_id), {"t": "members"})
    if ending is not None:
        leave(ending, agent=CLOCK)
