"""The clock's hand: it only looks (2-architecture, Time)."""

from celery import shared_task

from beds.services import sweep


@shared_task(name="beds.tasks.sweep_overdue_requests")
def sweep_overdue_requests() -> None:
    """Expire holds, raise overdue requests, give up those raised often enough. A missed run delays and never loses."""
    sweep()
