"""Following the hospital's cases: look, read, file, wait.

Invariant: a round that fails is done again, later and later, and changes nothing that a repetition would not; what a round does not finish
is waiting in the next. A gateway whose device is revoked, or whose archive has ended, stops for good.
"""

import hashlib
import json
import logging
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
from fpdf.errors import FPDFException

from wardline_client.account import Account
from wardline_client.http import ApiError
from wardline_client.protocol import ProtocolError
from wardline_client.session import utc_now
from wardline_gateway.config import Config
from wardline_gateway.filing import Filer
from wardline_gateway.health import Health
from wardline_gateway.kept import Positions, Vault
from wardline_gateway.reading import read_case
from wardline_gateway.targets import Target, TargetError
from wardline_gateway.words import Words

Json = dict[str, Any]
log = logging.getLogger(__name__)

LONGEST_WAIT: Final = 300.0
_ENDED: Final = {
    "device.revoked": "This gateway's device was revoked. Nothing more is filed. Enrol it anew with a link from a registrar.",
    "membership.ended": "The archive this gateway stands for has ended. Nothing more is filed.",
    "device.unknown": "The service does not know this gateway's device. Enrol it anew with a link from a registrar.",
}


class Ended(Exception):
    """It must not go on; the message is a sentence for a person."""


class Gateway:
    def __init__(self, *, config: Config, account: Account, vault: Vault, positions: Positions, target: Target, health: Health) -> None:
        self.account, self.vault, self.positions, self.health = account, vault, positions, health
        self.stop = threading.Event()
        self._poll = config.poll_seconds
        self._filer = Filer(
            target=target,
            positions=positions,
            words=Words(config.language),
            zone=config.zone,
            gateway=account.session.keyring.device,
            now=utc_now,
        )
        self._is_in = False
        self._seen: tuple[str | None, Json] | None = None  # what ``sync`` said when everything was filed

    def run(self) -> None:
        """Until ``stop`` is set. Raises ``Ended``."""
        wait = self._poll
        while not self.stop.is_set():
            try:
                self.round()
                wait = min(wait * 2, LONGEST_WAIT) if self.health.failing else self._poll
            except (ApiError, ProtocolError, TargetError) as error:
                wait = self._failed(error.code, wait)
            except httpx.TransportError:
                wait = self._failed("service.unreachable", wait)
            self.stop.wait(wait)

    def _failed(self, code: str, wait: float) -> float:
        self.health.failed(code)
        log.warning("failed %s", code)
        # Not all gateways at the same moment, when the service comes back.
        return min(wait * 2, LONGEST_WAIT) * random.uniform(0.7, 1)  # noqa: S311 -- no secret

    def round(self) -> None:
        """Look once and file what is to be filed.

        Raises:
            ApiError, TargetError, ProtocolError, httpx.TransportError: to be tried again. Ended: not to be.
        """
        with self._signed_in():
            sync = self.account.api.get("sync")
            lasts = {row["id"]: row["last_sequence"] for row in sync["conversations"]}
            state = (sync["requests_changed_at"], lasts)
            waiting = [] if state == self._seen else self._waiting(lasts)
        self.health.last_sync_at = utc_now()
        self._note_waiting(waiting)
        left = [each for each in waiting[::-1] if not self.stop.is_set() and not self._try(*each, waiting)]
        self._note_waiting(left)
        if not left and not self.stop.is_set():
            self._seen, self.health.failing = state, None

    def _waiting(self, lasts: Json) -> list[tuple[Json, str]]:
        """Closed cases that are not filed as they are now, newest first."""
        marked = [(request, _mark(request, lasts)) for request in self.account.beds.requests("closed")]
        return [(request, mark) for request, mark in marked if self.positions.marks.get(UUID(request["id"])) != mark]

    def _try(self, request: Json, mark: str, waiting: list[tuple[Json, str]]) -> bool:
        """Whether it is filed. One case that cannot be read or is not taken must not keep the others waiting."""
        try:
            with self._signed_in():
                self._file(request, mark)
        except (ApiError, ProtocolError, TargetError) as error:
            if not _is_of_one_case(error):
                raise
            self.health.failed(error.code)
            return False
        except (LookupError, TypeError, ValueError, FPDFException):
            self.health.failed("case.malformed")
            return False
        waiting.remove((request, mark))
        self._note_waiting(waiting)
        return True

    def _file(self, request: Json, mark: str) -> None:
        case = read_case(self.account, request)
        filed = self._filer.file(case)
        if filed:
            self.health.filed += 1
            self.health.unverified += len(case.problems)
            self.health.last_filed_at = utc_now()
            log.info("filed version %d of a case", filed.version)
        for thread in case.threads:
            if thread.entries:
                place = {"sequence": thread.entries[-1].sequence}
                self.account.api.post(f"conversations/{thread.conversation}/delivered", place)
        self.positions.mark(case.id, mark)
        self.vault.save(self.account)

    def _note_waiting(self, waiting: list[tuple[Json, str]]) -> None:
        self.health.waiting = len(waiting)
        ends = [_ended_at(request) for request, _ in waiting]
        self.health.behind_since = min(ends, default=None)

    @contextmanager
    def _signed_in(self) -> Iterator[None]:
        """A sign-in lasts for hours at most; when it has ended, the next round begins with another."""
        try:
            if not self._is_in:
                self.vault.save(self.account, sign_ins_ahead=1)
                self.account.sign_in()
                self.vault.save(self.account)
                self._is_in = True
            yield
        except ApiError as error:
            if error.code in _ENDED:
                raise Ended(_ENDED[error.code]) from None
            if error.status == httpx.codes.UNAUTHORIZED:
                self._is_in = False
            raise


def health_of(config: Config) -> Health:
    return Health(now=utc_now, late_after=timedelta(seconds=3 * config.poll_seconds + 60), started_at=utc_now())


def _is_of_one_case(error: ApiError | ProtocolError | TargetError) -> bool:
    match error:
        case ApiError():
            return error.status < 500 and error.status not in (401, 408, 429)
        case TargetError():
            return error.is_of_document
        case _:
            return True


def _mark(request: Json, lasts: Json) -> str:
    members = [[row["id"], row["state"], row["version"], lasts.get(row["conversation"])] for row in request["candidates"]]
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()[:32]


def _ended_at(request: Json) -> datetime:
    return datetime.fromisoformat(request["closed_at"] or max(row["changed_at"] for row in request["candidates"]))
