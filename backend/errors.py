"""Errors in the words of the domain.

Invariant: a code, once published, keeps its meaning; the sentence beside it may improve. Nothing here knows of HTTP frameworks: the
transports (DRF's exception handler, the socket, FHIR's OperationOutcome) translate. Neither code nor sentence nor extra may carry
content, names or keys: they end up in logs and on screens of strangers.
"""


class DomainError(Exception):
    """Something the caller asked for that the domain refuses.

    Args:
        code: stable, ``part.snake_case``.
        detail: one English sentence that says what happened and what helps; clients translate by code.
        extra: JSON-ready facts the client can act on, e.g. ``state``.
    """

    status = 400

    def __init__(self, code: str, detail: str = "", **extra: object) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.extra = extra


class Invalid(DomainError):
    """The input is malformed or out of bounds."""

    status = 400


class Unauthenticated(DomainError):
    """Nobody is signed in, or the sign-in, device or membership has ended."""

    status = 401


class Forbidden(DomainError):
    """The actor is known and the object is theirs to see, but this action is not theirs to take."""

    status = 403


class NotFound(DomainError):
    """There is none, or it is not the actor's to see: deliberately one answer."""

    status = 404

    def __init__(self, code: str = "not_found", detail: str = "There is no such object.", **extra: object) -> None:
        super().__init__(code, detail, **extra)


class Conflict(DomainError):
    """The present state forbids it; ``extra`` carries the present state where there is one."""

    status = 409


class Changed(DomainError):
    """Somebody wrote since the version the caller saw; ``extra["version"]`` is the present one."""

    status = 412


class Gone(DomainError):
    """It existed and was used up or has expired (invitation, device link)."""

    status = 410


class TooLarge(DomainError):
    """The body is over the documented size."""

    status = 413


class TooMany(DomainError):
    """Rate limit; ``extra["retry_after"]`` in seconds."""

    status = 429


class Unavailable(DomainError):
    """A part the action needs is down; nothing was changed, the same call may be repeated."""

    status = 503
