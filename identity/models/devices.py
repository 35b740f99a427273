"""Devices, what opens on them, and who is signed in."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from identity.models.people import Person
from identity.models.sso import SsoSubject
from identity.models.statements import Statement


class Device(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="devices")
    public_key = models.BinaryField(max_length=32)
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=60, blank=True)
    is_recovered = models.BooleanField(default=False)  # became a device by the printed recovery code
    is_restored = models.BooleanField(default=False)  # became a device by two recovery officers of the hospital
    is_by_passkey = models.BooleanField(default=False)  # became a device by a synced passkey alone
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)


class Passkey(models.Model):
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="passkeys")
    credential_id = models.BinaryField(max_length=1024, unique=True)
    public_key = models.BinaryField(max_length=2048)
    sign_count = models.BigIntegerField(default=0)
    transports = models.JSONField(default=list, blank=True)
    is_synced = models.BooleanField(default=False)  # the authenticator may copy it to other devices
    # The person's own word about the hospital's root (protocol 3.4). Without one this passkey makes no further device.
    pin = models.BinaryField(max_length=64, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)


class SeedWrap(models.Model):
    """A wrapped copy of a user's seed and the share the server holds back (protocol 3.1)."""

    class Kind(models.TextChoices):
        PASSKEY = "passkey"
        RECOVERY = "recovery"
        DEVICE = "device"

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="seed_wraps")
    kind = models.CharField(max_length=8, choices=Kind)
    passkey = models.ForeignKey(Passkey, null=True, blank=True, on_delete=models.PROTECT)
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.PROTECT)
    generation = models.PositiveIntegerField()
    wrap = models.BinaryField(max_length=60)
    share = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)


class SignIn(models.Model):
    """One sign-in of one device; the session cookie names it. Ending it ends every request and socket that uses it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="sign_ins")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="sign_ins")
    method = models.CharField(max_length=16, default="passkey")  # or oidc
    # The account at the hospital's provider that this sign-in goes back to, and SHA-256 of the provider's session (sid), if it named one.
    sso_subject = models.ForeignKey(SsoSubject, null=True, blank=True, on_delete=models.SET_NULL, related_name="sign_ins")
    sso_session_digest = models.BinaryField(max_length=32, null=True)
    # SHA-256 of the session cookie: one indexed look-up per request, and no cookie in a dump of this table.
    session_digest = models.BinaryField(max_length=32, unique=True)
    # SHA-256 of the challenge the device signed: an assertion makes one sign-in, whatever the session store says when two arrive at once.
    challenge_digest = models.BinaryField(max_length=32, unique=True, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)  # to within ``authentication.SEEN_EVERY``
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)


class DeviceLink(models.Model):
    """A one-time offer of an old device to make another one a device of the same person (protocol 3.2)."""

    token_hash = models.BinaryField(max_length=32, primary_key=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT)
    created_by = models.ForeignKey(Device, null=True, on_delete=models.PROTECT, related_name="+")  # null: made on the host by an operator
    sealed = models.BinaryField(max_length=1024)  # empty: sealed only once the new device has been compared (``LinkClaim``)
    is_compared = models.BooleanField(default=False)
    # Offered by a registrar to somebody without a device: it carries no seed, the printed recovery code opens it (protocol 3.3).
    is_recovery = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # A link that is compared holds nothing that a photograph of it could open.
        constraints = [models.CheckConstraint(condition=Q(is_compared=False) | Q(sealed=b""), name="devicelink_compared_holds_no_seed")]


class LinkClaim(models.Model):
    """The one device that answered a link, and what the old device said of it once the digits were compared (protocol 3.2)."""

    link = models.OneToOneField(DeviceLink, primary_key=True, on_delete=models.CASCADE, related_name="claim")
    device_id = models.UUIDField()
    label = models.CharField(max_length=60, blank=True)
    public_key = models.BinaryField(max_length=32)
    kem_public_key = models.BinaryField(max_length=1216)
    opening = models.BinaryField(max_length=32, null=True)  # handed out once, for this claim: both sides make the digits of it
    sealed = models.BinaryField(max_length=2200, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    approved_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_at=None, sealed=None)
                | Q(approved_at__isnull=False, sealed__isnull=False, opening__isnull=False, refused_at=None),
                name="linkclaim_seed_only_once_compared",
            ),
        ]
