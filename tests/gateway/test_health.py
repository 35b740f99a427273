"""What monitoring sees, and the witness in the same process."""

import json
import subprocess

import httpx
import pytest

from tests.audit.signed import Signer, event, note
from tests.audit.witnesses import Configured
from tests.gateway.conftest import QUESTION
from tests.gateway.running import COMMAND, ENVIRONMENT
from tests.messaging.server import ROOT
from wardline_gateway.config import Config, ConfigError


def test_health_says_how_far_it_is_and_nothing_of_a_case(installed, case):
    installed.start()
    installed.wait_until_idle()
    status, empty = installed.health()
    case.decline()
    installed.wait_for(1)
    installed.wait_until_idle()
    _, filed = installed.health()
    asked = subprocess.run([*COMMAND, "health", installed.config], env=ENVIRONMENT, capture_output=True, text=True, check=False)

    assert (status, empty["filed"], empty["last_filed_at"], empty["witness"]) == (200, 0, None, "off")
    assert (filed["status"], filed["filed"], filed["waiting"], filed["behind_seconds"], filed["errors"]) == ("ok", 1, 0, 0, {})
    assert filed["last_sync_at"] >= filed["last_filed_at"] > filed["started_at"]
    assert (asked.returncode, json.loads(asked.stdout)["filed"]) == (0, 1)
    said = json.dumps(filed) + installed.log()
    assert [word for word in (str(case.id), str(case.conversation), "Adler", QUESTION) if word in said] == []
    installed.kill()
    assert subprocess.run([*COMMAND, "health", installed.config], env=ENVIRONMENT, capture_output=True, check=False).returncode == 1


def test_it_witnesses_as_the_witness_does(installed, tmp_path):
    log = Signer()
    witness = tmp_path / "witness"
    witness.mkdir()
    config = Configured.make(witness, [log.verifier_key])
    with installed.config.open("a") as file:
        file.write('\n[witness]\nconfig = "witness/witness.toml"\n')
    request = "old 0\n\n" + note([event(1), event(2)], log)
    installed.start()
    installed.wait_until_idle()
    cosigned = httpx.post(f"{config.url}/add-checkpoint", content=request, trust_env=False)
    shown = installed.health()[1]["witness"]
    assert installed.stop() == 0
    installed.start()
    installed.wait_until_idle(0)
    again = httpx.post(f"{config.url}/add-checkpoint", content=request, trust_env=False)

    assert (cosigned.status_code, shown) == (200, "serving")
    assert cosigned.text.startswith("— hohenfeld.example/witness ")
    assert (again.status_code, again.text) == (409, "2\n"), "it remembers"
    installed.stop()
    (witness / "witness.state").unlink()
    installed.start()
    assert installed.process.wait(30) == 1
    assert "one that has lost its file must not go on" in installed.log()


GOOD = {"service": "https://wardline.example", "folder": {"path": "record"}}


def toml(values):
    plain = [f"{name} = {json.dumps(value)}" for name, value in values.items() if not isinstance(value, dict)]
    tables = [f"[{name}]\n{toml(value)}" for name, value in values.items() if isinstance(value, dict)]
    return "\n".join([*plain, *tables])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"service": "http://wardline.example"}, "service is an address with https://"),
        ({"health": "0.0.0.0:8071"}, "of this machine alone"),
        ({"fhir": {"address": "https://his.example/fhir"}}, "Name one place"),
        ({"folder": {"path": "record", "mode": "fast"}}, "folder.mode"),
        ({"polls": 3}, "polls"),
        ({"language": "fr"}, "language is one of: de, en"),
        ({"time_zone": "Europe/Nowhere"}, "time_zone Europe/Nowhere is not known"),
        ({"poll_seconds": 0}, "poll_seconds is a number of seconds"),
        ({"folder": {}}, "folder.path is missing"),
    ],
)
def test_a_configuration_that_makes_no_sense_stops_the_start_with_a_sentence(tmp_path, change, said):
    path = tmp_path / "gateway.toml"
    path.write_text(toml(GOOD))
    assert Config.read(path).folder == tmp_path / "record"
    path.write_text(toml(GOOD | change))

    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        Config.read(path)


def test_the_example_is_one():
    config = Config.read(ROOT / "deploy" / "gateway" / "gateway.example.toml")
    assert (config.language, config.health) == ("de", ("127.0.0.1", 8071))
