"""First answers, kept so that a retry gets the same one.

Invariant: an answer is stored in the transaction of the action it answers, so there is never an answer without its action, nor an action
whose retry repeats it.
"""

from django.db import models
from django.utils import timezone


class FirstAnswer(models.Model):
    person = models.UUIDField()
    key = models.UUIDField()
    digest = models.BinaryField(max_length=32)  # SHA-256(method, path, body)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "key"], name="firstanswer_once")]
