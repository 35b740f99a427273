"""A hospital's own sign-in service (OpenID Connect), and who is who there."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from identity.models.hospitals import Hospital
from identity.models.people import Person


class SsoProvider(models.Model):
    """What a registrar configured. A hospital has one at a time; another issuer or client is another row: its subjects are others."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="sso_providers")
    name = models.CharField(max_length=60)  # on the button
    issuer = models.CharField(max_length=255)
    client_id = models.CharField(max_length=255)
    client_secret = models.BinaryField(max_length=1024)  # identity.sealing
    is_required = models.BooleanField(default=False)  # a passkey alone does not sign in who is bound
    # Required, but it does not answer: a doctor at three in the morning gets in by passkey, and the log says so.
    is_passkey_fallback = models.BooleanField(default=True)
    # An account that the provider refuses ends the membership too, not only what is open.
    ends_membership = models.BooleanField(default=False)
    asks_offline = models.BooleanField(default=False)  # the scope offline_access, where a refresh token needs it
    failing_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital"], condition=Q(ended_at=None), name="ssoprovider_one_open")]


class SsoSubject(models.Model):
    """A person's account at the provider, proved by having signed in there."""

    class State(models.TextChoices):
        GOOD = "good"
        LOGGED_OUT = "logged_out"  # the provider logged the person out: the next sign-in is there
        REFUSED = "refused"  # the provider no longer vouches for the account: nobody signs in until it does

    provider = models.ForeignKey(SsoProvider, on_delete=models.PROTECT, related_name="subjects")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="sso_subjects")
    subject = models.CharField(max_length=255)
    label = models.CharField(max_length=255, blank=True)  # what the provider calls the account, for people to read
    state = models.CharField(max_length=10, choices=State, default=State.GOOD)
    refresh_token = models.BinaryField(max_length=8192, default=b"")  # identity.sealing; empty: the provider gave none
    proved_at = models.DateTimeField(default=timezone.now)  # last signed in there
    check_at = models.DateTimeField(default=timezone.now)  # when the provider is asked again
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Whoever asserts a known subject is that one person, and a person has one account.
            models.UniqueConstraint(fields=["provider", "subject"], condition=Q(ended_at=None), name="ssosubject_one_person"),
            models.UniqueConstraint(fields=["person"], condition=Q(ended_at=None), name="ssosubject_one_account"),
            models.CheckConstraint(condition=~Q(subject=""), name="ssosubject_not_empty"),
        ]


class SsoLogout(models.Model):
    """A logout token that was taken: each counts once (Back-Channel Logout 1.0, 2.6)."""

    digest = models.BinaryField(max_length=32, primary_key=True)  # SHA-256 of issuer and jti
    expires_at = models.DateTimeField()
