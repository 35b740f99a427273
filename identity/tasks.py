"""What the worker does for people and devices. A missed run delays and never loses."""

from celery import shared_task

from identity.services import heads, tidying


@shared_task(name="identity.tasks.sign_directory_heads")  # type: ignore[untyped-decorator]  # celery has no types
def sign_directory_heads() -> None:
    """Every second: sign what has been stated. A late head delays no statement."""
    heads.sign_heads()


@shared_task(name="identity.tasks.tidy_up")  # type: ignore[untyped-decorator]  # celery has no types
def tidy_up() -> None:
    """Once a day: offers, sign-ins, sessions and stored answers that nothing can come of any more."""
    tidying.tidy_up()
