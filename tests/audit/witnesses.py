"""Witnesses as tests run them: ``wardline-witness`` configured in a folder, served by a thread or by a process of its own."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from wardline_witness.cli import main
from wardline_witness.config import Config
from wardline_witness.server import Server
from wardline_witness.state import State
from wardline_witness.witness import Witness, verifier_key

NAME = "hohenfeld.example/witness"


@dataclass
class Configured:
    """A witness's configuration file, with key and state made."""

    path: Path
    port: int
    key: str

    @classmethod
    def make(cls, folder, logs, name=NAME):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        path = folder / "witness.toml"
        path.write_text(f'name = "{name}"\nlisten = "127.0.0.1:{port}"\nlogs = {list(logs)}\n'.replace("'", '"'))
        assert main(["init", str(path)]) == 0
        config = Config.read(path)
        return cls(path, port, verifier_key(config.name, config.signing_key()))

    @property
    def folder(self):
        return self.path.parent

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class Asked:
    def ask(self, verb, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.config.port, timeout=10)
        try:
            connection.request(verb, path, body)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
        finally:
            connection.close()

    def add(self, body):
        return self.ask("POST", "/add-checkpoint", body)


class InThread(Asked):
    def __init__(self, config):
        self.config = config
        read = Config.read(config.path)
        self.state = State(read.state)
        self.server = Server((read.host, read.port), Witness(name=read.name, key=read.signing_key(), logs=read.logs, state=self.state))
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        self.state.close()


class InProcess(Asked):
    def __init__(self, config):
        self.config = config
        self.process = subprocess.Popen([sys.executable, "-m", "wardline_witness.cli", "serve", str(config.path)])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                assert self.ask("GET", "/healthz")[0] == 200
                return
            except ConnectionRefusedError:
                assert self.process.poll() is None
                time.sleep(0.05)
        raise AssertionError("the witness did not come up")

    def stop(self, how):
        self.process.send_signal(how)
        return self.process.wait(10)
