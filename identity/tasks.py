"""What the worker does for people and devices. A missed run delays and never loses."""

from celery import shared_task

from identity.services import heads, restoring, shift_change, sso_checks, tidying


@shared_task(name="identity.tasks.sign_directory_heads")  # type: ignore[untyped-decorator]  # celery has no types
def sign_directory_heads() -> None:
    """Every second: sign what has been stated. A late head delays no statement."""
    heads.sign_heads()


@shared_task(name="identity.tasks.check_sso_accounts")  # type: ignore[untyped-decorator]  # celery has no types
def check_sso_accounts() -> None:
    """Twice a minute: of those signed in whose turn it is, does the hospital's provider still vouch for them?"""
    sso_checks.check_accounts()


@shared_task(name="identity.tasks.tidy_up")  # type: ignore[untyped-decorator]  # celery has no types
def tidy_up() -> None:
    """Once a day: offers, sign-ins, sessions and stored answers that nothing can come of any more."""
    tidying.tidy_up()


@shared_task(name="identity.tasks.expire_restorations")  # type: ignore[untyped-decorator]
def expire_restorations() -> None:
    """Every minute: attempts to get a key back that nobody brought to an end in time."""
    restoring.expire_restorations()


@shared_task(name="identity.tasks.tell_shift_changes")  # type: ignore[untyped-decorator]
def tell_shift_changes() -> None:
    """Turns that began or ended by plan since the last look: into the log, and to the sockets."""
    shift_change.tell()


@shared_task(name="identity.tasks.warn_of_gaps")  # type: ignore[untyped-decorator]
def warn_of_gaps() -> None:
    """Roles that nobody will hold in a day, in two hours, or now."""
    shift_change.warn_of_gaps()


@shared_task(name="identity.tasks.lay_out_rosters")  # type: ignore[untyped-decorator]
def lay_out_rosters() -> None:
    """Once a day: turns further ahead, as the rosters say."""
    shift_change.lay_out_rosters()
