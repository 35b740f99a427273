"""The witness that Hohenfeld runs for the demo's logs: ``wardline-witness`` as a process of its own, with a folder of its own.

Invariant: the service asks it only once it is there and knows every log (until then the policy asks nobody).
"""

import socket
import subprocess
import sys
from pathlib import Path

import httpx

from demo.steps import Stop

NAME = "hohenfeld.example/witness"
MODULE = "wardline_witness.cli"


def policy_file(state: Path) -> Path:
    """The policy of the service, and with its ``log`` lines an auditor's too."""
    return state / "witness" / "policy"


def ask_nobody(state: Path) -> None:
    policy_file(state).parent.mkdir(mode=0o700, exist_ok=True)
    policy_file(state).write_text("quorum none\n")


def configure(state: Path, address: str) -> tuple[list[str], str]:
    """The module and its arguments that serve all logs there are now, and the policy that names it; key and state are made once.

    Raises:
        Stop: key or state cannot be made.
    """
    logs = [row["key"] for row in httpx.get(f"{address}/audit/logs/", trust_env=False).json()["results"]]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = state / "witness" / "witness.toml"
    lines = "".join(f'  "{key}",\n' for key in logs)
    config.write_text(f'name = "{NAME}"\nlisten = "127.0.0.1:{port}"\nlogs = [\n{lines}]\n')
    is_new = not config.with_name("witness.state").exists()
    command = [sys.executable, "-m", MODULE, "init" if is_new else "key", config]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    if done.returncode:
        raise Stop(f"The witness: {done.stderr.strip()}")
    believed = "".join(f"log {key}\n" for key in logs)
    policy = f"{believed}witness hohenfeld {done.stdout.strip()} http://127.0.0.1:{port}\nquorum hohenfeld\n"
    return [MODULE, "serve", str(config)], policy
