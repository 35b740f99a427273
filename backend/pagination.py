"""How a long list is cut.

Invariant: a page is ``{next, previous, results}`` and stable while rows are added; an index on the ordering makes every page cost the same.
"""

from datetime import UTC, datetime

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from backend.errors import Invalid


class Page(CursorPagination):
    """Newest first, ``?cursor=``, ``?limit=`` up to 200."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    ordering = "-created_at"

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Raises: Invalid: ``cursor.malformed``. The framework hands any text on to the database as a time."""
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                _require_moment(str(cursor.position))
        except (NotFound, ValueError, OverflowError):
            raise Invalid("cursor.malformed", "This is not a cursor of this list. Begin at its first page.") from None
        return cursor


def _require_moment(position: str) -> None:
    moment = datetime.fromisoformat(position)
    if moment.tzinfo is None:
        raise ValueError
    moment.astimezone(UTC)
