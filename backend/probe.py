"""Asks this container's own server whether it lives: ``python -m backend.probe healthz``; exit code 0 if so."""

import http.client
import os
import sys
from urllib.parse import urlsplit


def main() -> int:
    # The server answers to its public name alone, and only what came by https.
    headers = {"Host": urlsplit(os.environ["PUBLIC_URL"]).netloc, "X-Forwarded-Proto": "https"}
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=4)
    try:
        connection.request("GET", "/" + sys.argv[1], headers=headers)
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
