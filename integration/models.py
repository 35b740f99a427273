"""A hospital's software, as far as this service knows it.

Invariant: a client belongs to one hospital for good and proves itself with a key of its own: no secret of it is stored here, only public
keys and the SHA-256 of what it was handed for five minutes.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from identity.models import Hospital
from integration.feeds import Feed as Feed
from integration.feeds import FeedProblem as FeedProblem
from integration.feeds import FeedWard as FeedWard
from integration.feeds import TakenMessage as TakenMessage
from integration.hooks import Happened as Happened
from integration.hooks import Notice as Notice
from integration.hooks import Topic as Topic
from integration.hooks import Webhook as Webhook
from integration.scopes import SCOPES


class Client(models.Model):
    """``keys`` is a JWK Set of public keys; or ``keys_url`` says where the client publishes it. One of the two."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="integration_clients")
    name = models.CharField(max_length=60)
    scopes = ArrayField(models.CharField(max_length=40))
    keys = models.JSONField(null=True, blank=True)
    keys_url = models.CharField(max_length=255, blank=True)
    keys_changed_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(keys__isnull=False, keys_url="") | Q(keys=None) & ~Q(keys_url=""), name="client_keys_or_url"
            ),
            models.CheckConstraint(condition=Q(scopes__contained_by=list(SCOPES)) & ~Q(scopes=[]), name="client_scopes_known"),
        ]


class TakenAssertion(models.Model):
    """An assertion that was taken: each counts once (RFC 7523, 3; SMART: ``jti``)."""

    digest = models.BinaryField(max_length=32, primary_key=True)  # SHA-256 of client and jti
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField(db_index=True)


class AccessToken(models.Model):
    digest = models.BinaryField(max_length=32, primary_key=True)  # identity.tokens
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="tokens")
    scopes = ArrayField(models.CharField(max_length=40))
    expires_at = models.DateTimeField(db_index=True)
