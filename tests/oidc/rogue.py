"""A provider that says what a test wants it to say: its documents, keys and tokens, over real HTTP on loopback.

For what a real provider never does: tokens for another audience, without a nonce, of another algorithm.
"""

import base64
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
Claims = dict[str, Any]


class Rogue:
    """``with Rogue() as rogue``. ``forge`` makes an ID token of the right claims into the one that is sent."""

    def __init__(self) -> None:
        self.key, self.other_key = RSAKey.generate_key(2048), RSAKey.generate_key(2048)
        self.forge: Callable[[Claims], str] = self.sign
        self.refresh: tuple[int, Claims] = (200, {"access_token": "a", "refresh_token": "second"})
        self.asked: list[Claims] = []
        self.nonce = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def sign(self, claims: Claims, *, header: Claims | None = None, key: RSAKey | None = None) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.thumbprint(), **(header or {})}, claims, key or self.key)

    def unsigned(self, claims: Claims) -> str:
        parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "none"}, claims))
        return ".".join(parts) + "."

    def sign_in(self, address: str, account: str) -> dict[str, str]:
        """Nobody is asked anything: the browser comes back at once."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.nonce = query["nonce"]
        return {"state": query["state"], "code": account}

    def claims(self, account: str, **changes: Any) -> Claims:
        now = int(time.time())
        good = {"iss": self.issuer, "aud": "wardline", "sub": account, "nonce": self.nonce, "iat": now, "exp": now + 300, "auth_time": now}
        return {**good, "sid": f"sid of {account}", **changes}

    def logout_token(self, account: str, **changes: Any) -> str:
        now = int(time.time())
        good = {"iss": self.issuer, "aud": "wardline", "iat": now, "exp": now + 120, "jti": f"{now} {account} {len(self.asked)}"}
        claims = {**good, "sub": account, "events": {LOGOUT_EVENT: {}}, **changes}
        return self.sign({name: value for name, value in claims.items() if value is not None}, header={"typ": "logout+jwt"})

    def answer(self, path: str, form: Claims) -> tuple[int, Claims]:
        match path:
            case "/.well-known/openid-configuration":
                endpoints = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
                return 200, {
                    "issuer": self.issuer,
                    "response_types_supported": ["code"],
                    **{name: f"{self.issuer}/{place}" for name, place in endpoints.items()},
                }
            case "/keys":
                return 200, {"keys": [self.key.as_dict(private=False) | {"kid": self.key.thumbprint(), "use": "sig", "alg": "RS256"}]}
            case "/token" if form.get("grant_type") == "refresh_token":
                self.asked.append(form)
                return self.refresh
            case "/token":
                self.asked.append(form)
                token = self.forge(self.claims(form["code"]))
                return 200, {"access_token": "a", "token_type": "Bearer", "id_token": token, "refresh_token": "first"}
        return 404, {}


def _handler(rogue: Rogue) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(*rogue.answer(self.path, {}))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._send(*rogue.answer(self.path, {name: values[0] for name, values in parse_qs(body).items()}))

        def _send(self, status: int, members: Claims) -> None:
            body = json.dumps(members).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    return Handler
