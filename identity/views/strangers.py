"""Views for people who are not signed in yet.

Invariant: they need the CSRF token like all others, are counted by address, and what they fail at is counted against them.
"""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import APIView

from identity.authentication import AnyoneAuthentication
from identity.throttles import AttemptThrottle, FailureThrottle

COUNTED = frozenset({400, 401, 403, 404, 410})


class StrangersView(APIView):
    authentication_classes = [AnyoneAuthentication]
    permission_classes: list[Any] = []
    throttle_classes: list[Any] = [AttemptThrottle, FailureThrottle]

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if response.status_code in COUNTED:
            FailureThrottle().count(self.request)
        return response
