"""The deployment shape says what `docs/operations.md` promises. Where Docker Compose is installed, it reads the file too."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = {"migrate", "web", "worker", "beat", "mllp"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_every_service_is_there_and_checked(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == OURS | {"postgres", "redis", "proxy"}
    built_in = {"web"}  # the image's own health check
    assert {name for name, service in services.items() if "healthcheck" not in service} == built_in
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()


def test_nothing_gains_privileges_and_only_the_proxy_and_the_adt_listener_listen(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert ("ports" in service) == (name in ("proxy", "mllp"))
        assert service.get("read_only") is (True if name != "postgres" else None), name
        assert not service.get("privileged"), name


def test_our_processes_have_no_capability_and_are_not_root(compose: dict[str, Any]) -> None:
    assert all(compose["services"][name]["cap_drop"] == ["ALL"] and "cap_add" not in compose["services"][name] for name in OURS)
    assert re.search(r"^USER wardline$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_secrets_come_from_files_and_from_nowhere_else(compose: dict[str, Any]) -> None:
    declared = set(compose["secrets"])
    for name, service in compose["services"].items():
        assert set(service.get("secrets", [])) <= declared
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN|KEY", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert str(value).startswith("/run/secrets/"), f"{name}: {variable}"


def test_only_migrations_are_given_the_owner_of_the_tables(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert ("migrate_database_url" in service["secrets"]) == (name == "migrate"), name
        assert ("MIGRATE_DATABASE_URL_FILE" in service["environment"]) == (name == "migrate"), name
        assert "postgres_password" not in service["secrets"]


def test_processes_start_after_the_migrations(compose: dict[str, Any]) -> None:
    for name in OURS - {"migrate"}:
        assert compose["services"][name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_adt_messages_come_by_tls_and_with_a_certificate_where_they_come_at_all(compose: dict[str, Any]) -> None:
    listener = compose["services"]["mllp"]
    assert listener["profiles"] == ["mllp"]
    assert {"MLLP_CERTIFICATE_FILE", "MLLP_PRIVATE_FILE", "MLLP_CLIENT_CA_FILE"} <= listener["environment"].keys()


def test_the_image_has_every_part_of_the_server() -> None:
    copied = set(re.findall(r"^COPY (\S+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert {"audit", "backend", "beds", "identity", "integration", "messaging", "client/wardline_client", "manage.py"} <= copied
    assert all((ROOT / name).exists() for name in copied)
    sent = set(re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert {"audit", "backend", "beds", "client", "identity", "integration", "messaging", "web"} <= sent


def test_secrets_are_made_once(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets"
    shutil.copy(ROOT / "deploy" / "make-secrets", script)
    subprocess.run([script], check=True, capture_output=True)
    folder = tmp_path / "secrets"
    first = {path.name: path.read_text() for path in folder.iterdir()}
    subprocess.run([script], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == first
    assert set(first) == set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["secrets"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(first["secret_key"]) >= 50
    owner, app = (urlsplit(first[name]) for name in ("migrate_database_url", "database_url"))
    assert (owner.username, owner.password) == ("wardline", first["postgres_password"].strip())
    assert app.username == "wardline_app"
    assert app.password not in (None, owner.password)


def test_docker_compose_reads_the_file() -> None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
            environment = {**os.environ, "WARDLINE_HOST": "wardline.hospital.test"}
            done = subprocess.run([*command, "config", "-q"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return
    # Without Docker, the tests above read the same file.
    assert "services:" in (ROOT / "docker-compose.yml").read_text()


def test_the_gateway_is_as_confined_as_the_service() -> None:
    [service] = yaml.safe_load((ROOT / "deploy" / "gateway" / "docker-compose.yml").read_text())["services"].values()
    assert (service["read_only"], service["cap_drop"], service["ulimits"]["core"]) == (True, ["ALL"], 0)
    assert "no-new-privileges:true" in service["security_opt"]
    assert "ports" not in service
    image = (ROOT / "deploy" / "gateway" / "Dockerfile").read_text()
    assert re.search(r"^USER gateway$", image, re.MULTILINE)
    copied = re.findall(r"^COPY ((?:client|requirements)\S+) \S+$", image, re.MULTILINE)
    assert {"client/wardline_gateway", "client/wardline_client", "client/wardline_witness", "requirements/gateway.txt"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    assert "!requirements/gateway.txt" in (ROOT / ".dockerignore").read_text()


def test_the_gateways_unit_gives_up_when_it_was_revoked_and_writes_where_it_must_alone() -> None:
    unit = (ROOT / "deploy" / "gateway" / "wardline-gateway.service").read_text().splitlines()
    hardening = {"NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "CapabilityBoundingSet=", "LimitCORE=0"}
    assert {"RestartPreventExitStatus=3", "Restart=on-failure", *hardening} <= set(unit)
    assert [line for line in unit if line.startswith("ReadWritePaths")] == ["ReadWritePaths=-/srv/record"]
    if shutil.which("systemd-analyze"):
        command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "deploy/gateway/wardline-gateway.service"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
