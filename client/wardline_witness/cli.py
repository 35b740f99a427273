"""``wardline-witness init|key|serve CONFIG``.

Invariant: ``serve`` makes nothing that is missing: a witness without its state must not go on as if it had never cosigned anything.
"""

import argparse
import signal
import sys
import threading
from pathlib import Path

from wardline_witness.config import Config, ConfigError
from wardline_witness.server import Server
from wardline_witness.state import State, StateError
from wardline_witness.witness import Witness, verifier_key


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(prog="wardline-witness", description="Cosign checkpoints of transparency logs (C2SP tlog-witness).")
    parser.add_argument("what", choices=["init", "key", "serve"], help="make key and state, once; print the verifier key; run")
    parser.add_argument("config", type=Path, help="a TOML file (docs/witness.md)")
    options = parser.parse_args(arguments)
    try:
        config = Config.read(options.config)
        if options.what == "init":
            State.create(config.state)
            config.create_key()
        if options.what == "serve":
            _serve(config)
        else:
            print(verifier_key(config.name, config.signing_key()))  # noqa: T201 - what this program is asked for
    except (ConfigError, StateError) as reason:
        print(reason, file=sys.stderr)  # noqa: T201
        return 1
    except OSError as error:
        print(f"{error.filename or config.host}: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _serve(config: Config) -> None:
    """Until SIGTERM or SIGINT. A request that is being answered then has its answer, or its head is on the disk all the same."""
    state = State(config.state)
    try:
        witness = Witness(name=config.name, key=config.signing_key(), logs=config.logs, state=state)
        with Server((config.host, config.port), witness) as server:
            for number in (signal.SIGTERM, signal.SIGINT):
                # From a thread of its own: shutdown() waits for the loop that this handler interrupts.
                signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
            server.serve_forever(poll_interval=0.1)
    finally:
        state.close()


if __name__ == "__main__":
    sys.exit(main())
