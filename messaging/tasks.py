"""What the worker looks for. A missed run delays and never loses."""

from celery import shared_task

from messaging import emergency
from messaging.delivery import owe_gap_pushes, owe_pushes, send_pushes


@shared_task(name="messaging.tasks.deliver_pushes")
def deliver_pushes() -> None:
    """Tell devices that have not stored what was sent to look."""
    owe_pushes()
    owe_gap_pushes()
    send_pushes()


@shared_task(name="messaging.tasks.note_ended_emergencies")
def note_ended_emergencies() -> None:
    """Put on record that an emergency access is over; it was over before."""
    emergency.note_ended()
