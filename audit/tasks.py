"""What the worker does for the logs. Celery only looks; every guarantee is in the functions it calls."""

from celery import shared_task

from audit.checkpoints import sign_checkpoints
from audit.exports.jobs import expire_exports, run_exports
from audit.sequencer import integrate_all
from audit.witnessing import gather


@shared_task(name="audit.tasks.integrate_audit")  # type: ignore[untyped-decorator]  # celery has no types
def integrate_audit() -> None:
    """Sequence what waits in every log, then sign what has grown."""
    try:
        integrate_all()
    finally:
        sign_checkpoints()  # a log that is broken does not keep the others from being signed


@shared_task(name="audit.tasks.gather_cosignatures")  # type: ignore[untyped-decorator]
def gather_cosignatures() -> None:
    """Ask the witnesses about what was signed since they were last asked. A task of its own: a slow witness keeps nobody waiting."""
    gather()


@shared_task(name="audit.tasks.make_exports")  # type: ignore[untyped-decorator]  # celery has no types
def make_exports() -> None:
    """A slice of the exports that wait, and away with what was kept long enough."""
    run_exports()
    expire_exports()
