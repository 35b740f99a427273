"""How a long list is cut.

Invariant: a page is ``{next, previous, results}`` and stable while rows are added; an index on the ordering makes every page cost the same.
"""

from rest_framework.pagination import CursorPagination


class Page(CursorPagination):
    """Newest first, ``?cursor=``, ``?limit=`` up to 200."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    ordering = "-created_at"
