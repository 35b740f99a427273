"""ADT feeds: who may tell about which beds. Part of ``integration.models``, which Django reads.

Invariant: a feed belongs to one hospital for good and is proved by a certificate, an address, or both: one without proof cannot be stored.
What is kept of a message are its control id, a digest of what it says of beds, and why it was refused: no column here can hold more of it.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from identity.models import Hospital, Unit

LABEL = "{bed}"


class Feed(models.Model):
    """``application`` and ``facility`` are what the sender calls itself (MSH-3.1, MSH-4.1); two hospitals' may say the same.

    ``certificates``: SHA-256 of the DER of those it may show, in hex; ``networks``: where it may come from. Of each list that is not empty
    one has to fit.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="feeds")
    application = models.CharField(max_length=60)
    facility = models.CharField(max_length=60, blank=True)
    certificates = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    networks = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(certificates=[]) | ~Q(networks=[]), name="feed_is_proved"),
            models.CheckConstraint(condition=~Q(application=""), name="feed_is_named"),
        ]
        indexes = [models.Index(fields=["application", "facility"], condition=Q(ended_at=None), name="feed_by_name")]


class FeedWard(models.Model):
    """A point of care as the sender writes it (PV1-3.1). ``unit`` null: it is not kept here, what happens there changes no bed.

    ``label`` makes a bed's name here of the room and bed there: ``{bed}``, ``{room}-{bed}``.
    """

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="wards")
    point_of_care = models.CharField(max_length=60)
    unit = models.ForeignKey(Unit, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=40, default=LABEL)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feed", "point_of_care"], name="feedward_once"),
            models.CheckConstraint(condition=Q(label__contains=LABEL), name="feedward_label_names_the_bed"),
        ]


class TakenMessage(models.Model):
    """A message that was accepted: its control id counts once."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="taken")
    control_id = models.CharField(max_length=199)
    digest = models.BinaryField(max_length=32)
    taken_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["feed", "control_id"], name="takenmessage_once")]
        indexes = [models.Index(fields=["feed", "-taken_at"], name="takenmessage_by_time")]


class FeedProblem(models.Model):
    """What was refused, by reason and place in the message; ``control_id`` is the last one's, by which the sender finds it."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="problems")
    code = models.CharField(max_length=40)
    place = models.CharField(max_length=12, blank=True)
    count = models.PositiveIntegerField(default=1)
    control_id = models.CharField(max_length=199, blank=True)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["feed", "code", "place"], name="feedproblem_once")]
