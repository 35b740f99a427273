"""``wardline-gateway enrol|run|health CONFIG``.

Invariant: ``run`` makes nothing that is missing. The archive's link is read from standard input, since arguments are seen by every process
of the machine.
"""

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from wardline_client.account import Account
from wardline_client.http import Api, ApiError
from wardline_client.protocol import ProtocolError
from wardline_gateway.config import Config, ConfigError, trusting
from wardline_gateway.health import Health, HealthServer
from wardline_gateway.kept import Positions, Vault
from wardline_gateway.running import Ended, Gateway, health_of
from wardline_gateway.targets import target_of
from wardline_witness.config import Config as WitnessConfig
from wardline_witness.config import ConfigError as WitnessConfigError
from wardline_witness.server import Server as WitnessServer
from wardline_witness.state import State as WitnessState
from wardline_witness.state import StateError as WitnessStateError
from wardline_witness.witness import Witness

STOPPED, ENDED = 1, 3


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0; 1 with a sentence on standard error; 3 when this gateway may not go on, and starting again is no use."""
    parser = argparse.ArgumentParser(prog="wardline-gateway", description="File a hospital's closed cases into its record.")
    parser.add_argument("what", choices=["enrol", "run", "health"], help="take the archive's link from standard input, once; run; ask it")
    parser.add_argument("config", type=Path, help="a TOML file (docs/gateway.md)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it names addresses
    logging.getLogger("fpdf").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    try:
        config = Config.read(options.config)
        return {"enrol": _enrol, "run": _run, "health": _health}[options.what](config)
    except Ended as reason:
        return _say(str(reason), ENDED)
    except (ConfigError, WitnessConfigError, WitnessStateError) as reason:
        return _say(str(reason), STOPPED)
    except ApiError as error:
        return _say(f"The service refused: {error.code}. {error.detail}", STOPPED)
    except ProtocolError as error:
        return _say(f"The link does not open: {error.code}.", STOPPED)
    except httpx.TransportError:
        return _say("It cannot be reached.", STOPPED)
    except OSError as error:
        return _say(f"{error.filename or 'It'}: {error.strerror}.", STOPPED)


def _say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201 - what this program is asked for
    return code


def _enrol(config: Config) -> int:
    vault = Vault(config.state, config.key)
    if vault.path.exists():
        raise ConfigError(f"{vault.path} is there already: this gateway is enrolled. Move it away to enrol anew.")
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    vault.prepare()  # a link is good once: what can fail here fails before
    with _api(config) as api:
        account = Account.claim(api, sys.stdin.readline().strip(), label="Gateway")
        vault.save(account)
    return _say("Enrolled. Tell the registrar the archive has its gateway; back up key and state apart from each other.", 0)


def _run(config: Config) -> int:
    with ExitStack() as stack:
        vault, health = Vault(config.state, config.key), health_of(config)
        api = stack.enter_context(_api(config))
        account = vault.load(api)
        positions = Positions(config.state)
        stack.callback(positions.close)
        target = target_of(config)
        stack.enter_context(_serving(config, health))
        if config.witness:
            stack.enter_context(_witnessing(config.witness, health))
        gateway = Gateway(config=config, account=account, vault=vault, positions=positions, target=target, health=health)
        for number in (signal.SIGTERM, signal.SIGINT):
            # From a thread of its own: the handler may interrupt the very wait whose lock ``set`` takes.
            signal.signal(number, lambda *_: threading.Thread(target=gateway.stop.set).start())
        gateway.run()
    return 0


def _health(config: Config) -> int:
    host, port = config.health
    answer = httpx.get(f"http://{f'[{host}]' if ':' in host else host}:{port}/healthz", timeout=5, trust_env=False)
    print(json.dumps(answer.json(), indent=1))  # noqa: T201
    return 0 if answer.is_success else STOPPED


def _api(config: Config) -> Api:
    return Api(config.service, origin=config.origin, verify=trusting(config.ca))


@contextmanager
def _serving(config: Config, health: Health) -> Iterator[None]:
    with HealthServer(config.health, health) as server:
        server.start()
        yield
        server.shutdown()


@contextmanager
def _witnessing(path: Path, health: Health) -> Iterator[None]:
    """The same witness as ``wardline-witness serve``, in a thread; without its state it does not start, and neither does the gateway."""
    config = WitnessConfig.read(path)
    state = WitnessState(config.state)
    try:
        witness = Witness(name=config.name, key=config.signing_key(), logs=config.logs, state=state)
        with WitnessServer((config.host, config.port), witness) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            health.witness = "serving"
            yield
            server.shutdown()
    finally:
        state.close()


if __name__ == "__main__":
    sys.exit(main())
