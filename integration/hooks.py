"""Webhooks: what a hospital's own systems are told by a call of ours. Part of ``integration.models``, which Django reads.

Invariant: what a webhook is owed is a row with a number, contiguous from 1, and is sent in that order, the next one not before the one
before was taken: at least once, never out of turn. What happened once is owed once, whoever looks how often.
"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from identity.models import Hospital


class Topic(models.TextChoices):
    ALARMS = "alarms"  # an escalation step called a duty role of the hospital
    TASKS = "tasks"  # a hospital was asked for a bed by this one, or this one by another, and every step since: a FHIR Subscription


class Happened(models.TextChoices):
    """What ``Notice.source`` is the number of."""

    ALARM = "alarm"
    MOVE = "move"


class Webhook(models.Model):
    """``generation`` numbers its secrets, which are derived and stored nowhere (``integration.signatures``); ``owed`` and ``looked_until``
    say how far was looked for what happened; ``not_before``, ``attempts`` and ``failing_since`` are of the notice that is next.

    ``halted_at``: it was given up, and waits for a registrar. ``client``: whose Subscription it is, with its ``reason``; one of those is
    called in earnest once its receiver has answered the first call (``confirmed_at``).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="webhooks")
    topic = models.CharField(max_length=8, choices=Topic)
    client = models.ForeignKey("integration.Client", null=True, blank=True, on_delete=models.PROTECT, related_name="subscriptions")
    name = models.CharField(max_length=60)
    reason = models.CharField(max_length=200, blank=True)
    endpoint = models.CharField(max_length=255)
    generation = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    owed = models.PositiveBigIntegerField(default=0)
    looked_until = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)  # 0: no answer
    last_taken_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    halted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(topic__in=Topic.values), name="webhook_topic_known"),
            models.CheckConstraint(condition=~Q(endpoint=""), name="webhook_has_endpoint"),
            models.CheckConstraint(
                condition=Q(topic="alarms", client=None) | Q(topic="tasks") & ~Q(client=None), name="webhook_tasks_are_a_clients"
            ),
        ]
        indexes = [models.Index(fields=["not_before"], condition=Q(ended_at=None, halted_at=None), name="webhook_live")]


class Notice(models.Model):
    """``source``: the row it is about, an alarm or a step of a candidate."""

    webhook = models.ForeignKey(Webhook, on_delete=models.PROTECT, related_name="notices")
    number = models.PositiveBigIntegerField()
    happened = models.CharField(max_length=5, choices=Happened, default=Happened.ALARM)
    source = models.PositiveBigIntegerField()
    taken_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["webhook", "number"], name="notice_number_once"),
            models.UniqueConstraint(fields=["webhook", "happened", "source"], name="notice_source_once"),
            models.CheckConstraint(condition=Q(happened__in=Happened.values), name="notice_happened_known"),
            models.CheckConstraint(condition=Q(number__gte=1), name="notice_counts_from_one"),
        ]
        indexes = [models.Index(fields=["webhook", "number"], condition=Q(taken_at=None), name="notice_waiting")]
