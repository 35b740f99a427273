"""The hospital's identity provider: npm ``oidc-provider`` in a process of its own (``server.mjs``), and a browser that signs in there.

Invariant: one provider per test process, on loopback; it ends with the process. ``npm ci`` takes exactly what ``package-lock.json`` says.
"""

import atexit
import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from demo.web import npm_command

FOLDER = Path(__file__).resolve().parent
LOCK = FOLDER.parent.parent / ".wardline" / "oidc.lock"
REDIRECT = "http://localhost:8000/"
SECRET = "a-secret-of-the-tests/with+signs"
CLIENTS = ("wardline", "wardline-uni")
Returned = dict[str, str]


class Provider:
    """A running one. ``accounts`` are the subjects it knows."""

    def __init__(self, accounts: Sequence[str], *, redirect: str = REDIRECT, logout: str | None = None, port: int = 0) -> None:
        install()
        client = {"client_secret": SECRET, "redirect_uris": [redirect], "grant_types": ["authorization_code", "refresh_token"]}
        if logout:
            client |= {"backchannel_logout_uri": logout}
        given = {"accounts": accounts, "clients": [{"client_id": name, **client} for name in CLIENTS], "port": port}
        npm, environment = npm_command()
        node = npm[0] if len(npm) > 1 else "node"
        words = [node, "server.mjs", json.dumps(given)]
        # Its stdin is ours: when this process is gone, however, the provider goes too.
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process = subprocess.Popen(words, cwd=FOLDER, env=environment, **pipes)
        assert self.process.stdout
        self.issuer = self.process.stdout.readline().strip()
        assert self.issuer.startswith("http://127.0.0.1:"), "the provider did not start"

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()

    def control(self, name: str, **body: str) -> None:
        """``disable`` and ``enable`` (``sub``), ``logout`` (``sub``, ``client``), ``rotate`` its keys."""
        httpx.post(f"{self.issuer}/control/{name}", json=body, trust_env=False).raise_for_status()

    def sign_in(self, address: str, login: str) -> Returned:
        """What a browser does from ``address`` on: the login page, and the query it is sent back to the app with."""
        with httpx.Client(trust_env=False, follow_redirects=False) as browser:
            answer = browser.get(address)
            for _ in range(6):
                if answer.is_redirect:
                    target = str(answer.next_request.url) if answer.next_request else ""
                    if not target.startswith(self.issuer):
                        return dict(parse_qsl(urlsplit(target).query))
                    answer = browser.get(target)
                else:
                    answer = browser.post(answer.url, data={"login": login})
        raise AssertionError(f"the provider led nowhere: {answer.status_code} {answer.text[:300]}")


@cache
def shared_provider() -> Provider:
    """For tests that only need one to be there; each uses subjects of its own."""
    provider = Provider(tuple(f"account-{number}" for number in range(2000)))
    atexit.register(provider.stop)
    return provider


@cache
def install() -> None:
    """The packages of ``package-lock.json``, once per change of it."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes begin at once
        stamp = FOLDER / "node_modules" / ".installed"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        npm, environment = npm_command()
        words = [*npm, "ci", "--no-audit", "--no-fund", "--no-progress", "--ignore-scripts"]
        done = subprocess.run(words, cwd=FOLDER, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        stamp.write_text(wanted)
