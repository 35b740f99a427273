"""Escalation chains of duty roles, and the alarms they raised. Part of ``beds.models``, which Django reads.

Invariant: a chain stays within its hospital: composite foreign keys (in the migration) tie a step's role and its target to the step's own
hospital. An alarm has one outcome, reached or failed with its reason, or none yet.
"""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from beds.escalation import STEPS_AT_MOST, WAIT_AT_LEAST, WAIT_AT_MOST, Failure, How, Variant, Whom
from identity.models import DutyRole, Hospital


class EscalationChain(models.Model):
    """Whose chain was written how often; its row is the lock of the steps."""

    role = models.OneToOneField(DutyRole, primary_key=True, on_delete=models.PROTECT, related_name="escalation_chain")
    version = models.PositiveIntegerField(default=0)  # If-Match


class EscalationStep(models.Model):
    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="escalation_steps")
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="+")
    variant = models.CharField(max_length=9, choices=[(v.value, v.value) for v in Variant])
    position = models.PositiveSmallIntegerField()  # from 1, without gaps
    wait = models.PositiveIntegerField()  # seconds since the step before
    target_role = models.ForeignKey(DutyRole, null=True, blank=True, on_delete=models.PROTECT, related_name="+")  # null: ``role`` itself
    whom = models.CharField(max_length=8, choices=[(v.value, v.value) for v in Whom])
    how = models.CharField(max_length=5, choices=[(v.value, v.value) for v in How])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["role", "variant", "position"], name="escalationstep_position_once"),
            models.CheckConstraint(condition=Q(position__range=(1, STEPS_AT_MOST)), name="escalationstep_position_range"),
            models.CheckConstraint(condition=Q(wait__range=(WAIT_AT_LEAST, WAIT_AT_MOST)), name="escalationstep_wait_range"),
            models.CheckConstraint(condition=Q(target_role=None) | ~Q(target_role=F("role")), name="escalationstep_target_is_another"),
            models.CheckConstraint(condition=Q(variant__in=[one.value for one in Variant]), name="escalationstep_variant_known"),
            models.CheckConstraint(condition=Q(whom__in=[one.value for one in Whom]), name="escalationstep_whom_known"),
            models.CheckConstraint(condition=Q(how__in=[one.value for one in How]), name="escalationstep_how_known"),
        ]


class Alarm(models.Model):
    """A duty role was called to a candidate: at ``position`` 0 by the asking itself, from 1 on by the clock."""

    candidate = models.ForeignKey("beds.Candidate", on_delete=models.PROTECT, related_name="alarms")
    position = models.PositiveSmallIntegerField()
    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="+")
    whom = models.CharField(max_length=8, choices=[(v.value, v.value) for v in Whom])
    how = models.CharField(max_length=5, choices=[(v.value, v.value) for v in How])
    raised_at = models.DateTimeField(default=timezone.now)
    reached_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=16, blank=True, choices=[(v.value, v.value) for v in Failure])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["candidate", "position"], name="alarm_position_once"),
            models.CheckConstraint(condition=Q(position__lte=STEPS_AT_MOST), name="alarm_position_range"),
            models.CheckConstraint(condition=Q(reached_at=None) | Q(failed_at=None), name="alarm_one_outcome"),
            models.CheckConstraint(condition=Q(failed_at=None) ^ ~Q(failure=""), name="alarm_failed_has_reason"),
            models.CheckConstraint(condition=Q(failure__in=["", *(one.value for one in Failure)]), name="alarm_failure_known"),
            models.CheckConstraint(condition=Q(whom__in=[one.value for one in Whom]), name="alarm_whom_known"),
            models.CheckConstraint(condition=Q(how__in=[one.value for one in How]), name="alarm_how_known"),
        ]
        indexes = [models.Index(fields=["candidate"], condition=Q(reached_at=None, failed_at=None), name="alarm_open")]
