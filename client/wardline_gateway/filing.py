"""Filing one case: which version it is, what it replaces, and saying so before and after.

Invariant: a version is intended on the disk before it is put, and noted after; whoever finds an intention asks the target what became of
it. So a kill at any point neither loses a version nor files one twice.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from wardline_gateway.cases import Case
from wardline_gateway.documents import document_id, document_reference, provenance
from wardline_gateway.kept import Filing, Positions
from wardline_gateway.pages import render
from wardline_gateway.targets import Document, Target
from wardline_gateway.words import Words


class Filer:
    """``gateway`` is the id of this device, as Provenance names it."""

    def __init__(
        self, *, target: Target, positions: Positions, words: Words, zone: ZoneInfo, gateway: UUID, now: Callable[[], datetime]
    ) -> None:
        self._target, self._positions, self._words, self._zone = target, positions, words, zone
        self._gateway, self._now = gateway, now

    def file(self, case: Case) -> Filing | None:
        """The version made, ``None`` when the newest one says all this already. Raises ``TargetError``."""
        former = self._former(case)
        if former and former.fingerprint == case.fingerprint:
            return None
        filing = Filing(case.id, former.version + 1 if former else 1, case.fingerprint)
        self._positions.intend(filing)
        where = self._target.put(self._document(case, filing, former))
        filed = Filing(filing.case, filing.version, filing.fingerprint, where)
        self._positions.note_filed(filed)
        return filed

    def _former(self, case: Case) -> Filing | None:
        """The newest version that is there; also one that was put, and the gateway killed before it could note that."""
        intended = self._positions.intended(case.id)
        if intended and intended.fingerprint != case.fingerprint and (where := self._target.find(intended)):
            self._positions.note_filed(Filing(intended.case, intended.version, intended.fingerprint, where))
        return self._positions.filed(case.id)

    def _document(self, case: Case, filing: Filing, former: Filing | None) -> Document:
        at, language = self._now().astimezone(self._zone), self._words.language
        pdf = render(case, filing, words=self._words, zone=self._zone, at=at, replaces=former.version if former else None)
        reference = document_reference(case, filing, pdf, at=at, language=language, replaces=former)
        made = provenance(case, filing, target=f"DocumentReference/{document_id(filing)}", gateway=self._gateway, at=at)
        return Document(filing, pdf, reference, made)
