"""One request that cannot be moved does not keep the clock from all the others.

Invariant: what fails has rolled back and is looked at again by the next run; it is in the log as an error, by its type alone. A database
that does not answer is no request's fault and ends the run.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import structlog
from django.db import InterfaceError, OperationalError, transaction

P = ParamSpec("P")
log = structlog.get_logger("wardline.beds")


def apart(step: Callable[P, bool]) -> Callable[P, bool]:
    """``step`` in a transaction of its own; ``False`` when it failed."""
    inside = transaction.atomic(step)

    @wraps(step)
    def run(*given: P.args, **named: P.kwargs) -> bool:
        try:
            return inside(*given, **named)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("beds.clock_failed")
            return False

    return run
