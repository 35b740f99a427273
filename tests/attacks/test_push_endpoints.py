"""A push endpoint is an address that a client chose and the server fetches."""

from typing import Any

import pytest

from messaging.pushes import is_allowed
from tests.cast import Night

VENDORS = ["fcm.googleapis.com", "*.notify.windows.com"]
KEYS = {
    "p256dh": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM",
    "auth": "tBHItJI5svbpez7KI4CCXg",
}
ELSEWHERE = [
    "https://evil.example\\.notify.windows.com/x",
    "https://evil.example#.notify.windows.com/",
    "https://evil.example?.notify.windows.com/",
    "https://evil.example%2f.notify.windows.com/",
    "https://fcm.googleapis.com@evil.example/",
    "https://fcm.googleapis.com\\@evil.example/",
    "https://fcm.googleapis.com.evil.example/",
    "https://fcm.googleapis.com:8443/",
    "http://fcm.googleapis.com/",
    "ftp://fcm.googleapis.com/",
    "https://notify.windows.com/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://localhost/",
    "https://127.1/",
    "//fcm.googleapis.com/",
    "https:fcm.googleapis.com",
    "https://[",
]


@pytest.mark.parametrize("endpoint", ELSEWHERE)
def test_it_leads_to_the_vendors_and_nowhere_else(night: Night, settings: Any, endpoint: str) -> None:
    settings.PUSH_HOSTS = VENDORS

    assert not is_allowed(endpoint)
    assert night.adler.post("push-subscriptions", {"endpoint": endpoint, "keys": KEYS}).status_code in (400, 403)


def test_a_vendors_is_taken(night: Night, settings: Any) -> None:
    settings.PUSH_HOSTS = VENDORS

    for endpoint in ("https://fcm.googleapis.com/fcm/send/abc", "https://wns2.notify.windows.com:443/w/?token=1"):
        assert night.adler.post("push-subscriptions", {"endpoint": endpoint, "keys": KEYS}).status_code == 201
