"""A hospital's FHIR server, small: create, conditional create and search, and everything that can go wrong between it and the gateway."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.gateway.valid import is_fhir


class Record(ThreadingHTTPServer):
    """``trouble`` is what the next calls meet, one each: a status, ``"stall"``, or ``"lost"``: done, and the answer never arrives."""

    daemon_threads = True

    def __init__(self, token: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token, self.lock = token, threading.Lock()
        self.resources: dict[str, dict[str, dict]] = {"DocumentReference": {}, "Provenance": {}}
        self.trouble: list[int | str] = []
        self.met: list[int | str] = []
        self.creates = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/fhir"

    def search(self, kind: str, query: str) -> list[dict]:
        [(name, [value])] = parse_qs(query).items()
        return [each for each in self.resources[kind].values() if value in _values(each, name)]

    def create(self, resource: dict, unless: str | None) -> tuple[int, str]:
        kind = resource["resourceType"]
        with self.lock:
            found = self.search(kind, unless) if unless else []
            if len(found) > 1:
                return 412, ""
            if found:
                return 200, found[0]["id"]
            self.creates += 1
            id = f"his-{self.creates}"
            self.resources[kind][id] = is_fhir({**resource, "id": id})
            return 201, id

    @classmethod
    @contextmanager
    def serving(cls, token: str = "") -> Iterator["Record"]:
        with cls(token) as record:
            threading.Thread(target=record.serve_forever, daemon=True).start()
            yield record
            record.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: Record

    def do_GET(self) -> None:
        if not self._is_well():
            return
        parts = urlsplit(self.path)
        found = self.server.search(parts.path.rsplit("/", 1)[1], parts.query)
        self._answer(200, {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in found]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._is_well():
            return
        status, id = self.server.create(json.loads(body), self.headers["If-None-Exist"])
        self._answer(status, {}, f"{self.server.address}/{self.path.rsplit('/', 1)[1]}/{id}/_history/1")

    def _is_well(self) -> bool:
        self.is_lost = False
        if self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}":
            self._answer(401, {})
            return False
        with self.server.lock:
            trouble = self.server.trouble.pop(0) if self.server.trouble else None
            self.server.met += [trouble] if trouble else []
        if trouble == "stall":
            time.sleep(2)
        if isinstance(trouble, int):
            self._answer(trouble, {})
        self.is_lost = trouble == "lost"
        return trouble in (None, "lost")

    def _answer(self, status: int, body: dict, location: str | None = None) -> None:
        if self.is_lost:
            self.close_connection = True
            return
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(data)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _values(resource: dict, name: str) -> list[str]:
    if name == "identifier":
        return [f"{each['system']}|{each['value']}" for each in resource["identifier"]]
    return [each["reference"] for each in resource["target"]]
