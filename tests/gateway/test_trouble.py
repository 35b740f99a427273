"""What is not proved, does not open or is not there is marked; a gateway that may not go on stops; nothing decrypted stays behind."""

import json
import stat
from dataclasses import replace

import pytest
from django.utils import timezone

from identity.models import Device, SignIn
from messaging.models import Message
from tests.faults.stack import wait_until
from tests.gateway.conftest import PATIENT, QUESTION, archive_link, photograph
from tests.gateway.running import Installed, Relay, resource
from tests.gateway.valid import is_pdfa, text_of
from wardline_client import pictures
from wardline_gateway.kept import Vault

SECRET = "Bitte sofort, Sättigung 78."


def filed_text(folder):
    return text_of(is_pdfa((folder / "document.pdf").read_bytes()))


def run_once(installed):
    installed.start()
    (folder,) = installed.wait_for(1)
    installed.wait_until_idle()
    return folder


def forge(message):
    """The service changes a bit of what somebody signed."""
    row = Message.objects.get(pk=message["id"])
    Message.objects.filter(pk=row.pk).update(signature=bytes([row.signature[0] ^ 1, *row.signature[1:]]))


def send_under_another_key(case, text):
    here = case.adler.conversations.get(case.conversation)
    key = here.keys[here.epoch]
    here.keys[here.epoch] = bytes(32)
    case.adler.send_text(case.conversation, text)
    here.keys[here.epoch] = key


def test_what_is_forged_unreadable_or_withheld_is_filed_as_that(installed, case):
    forge(forged := case.adler.send_text(case.conversation, SECRET))
    send_under_another_key(case, SECRET)
    body, attachment = pictures.upload(case.adler.api, case.conversation, pictures.clean(photograph()))
    case.adler.conversations.send(case.conversation, replace(body, key=bytes(32)), attachments=[attachment])
    withheld = case.adler.send_text(case.conversation, SECRET)
    case.adler.send_text(case.conversation, "Danach")
    Message.objects.filter(pk=withheld["id"]).delete()
    case.decline()
    folder = run_once(installed)
    text, provenance = filed_text(folder), resource(folder, "provenance")

    assert SECRET not in text
    assert "NICHT GEPRÜFT (signature.invalid) Die Unterschrift dieser Nachricht ist nicht nachgewiesen." in text
    assert f"NICHT GEPRÜFT: Nord, 2 (signature.invalid), {forged['id']}" in text
    assert "NICHT LESBAR (message.unreadable) Diese Nachricht ließ sich hier nicht entschlüsseln." in text
    assert "NICHT LESBAR: Nord, 3 (message.unreadable)" in text
    assert "NICHT LESBAR: Nord, 4 (image.unreadable)" in text
    assert "Vom Dienst nicht erhaltene Nachrichten: 5" in text
    assert "Nachrichten mit geprüfter Unterschrift: 3" in text
    assert "Keine Nachricht ist ungeprüft" not in text
    signed = [signature["when"] for signature in provenance["signature"]]
    assert len(signed) == 3
    assert installed.health()[1]["unverified_or_unreadable"] == 3


def test_nothing_decrypted_is_in_the_state_or_the_log(installed, case, unit):
    case.adler.send_photograph(case.conversation, photograph(), caption="Thorax")
    case.arrive(unit)
    run_once(installed)
    installed.stop()
    kept = [path for path in installed.folder.rglob("*") if path.is_file() and installed.record not in path.parents]
    everything = b"".join(path.read_bytes() for path in kept)

    for secret in (QUESTION, PATIENT.family, PATIENT.given, "Ada Adler", "Thorax"):
        assert secret.encode() not in everything
        assert json.dumps(secret).strip('"').encode() not in everything
    assert {path.name for path in (installed.folder / "state").iterdir()} == {"account.sealed", "positions.json", "lock"}
    for path in (installed.folder / "state" / "account.sealed", installed.folder / "gateway.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def revoke(mitte):
    archive = mitte.founded.archive
    mitte.registrar.registrar.revoke(Device.objects.get(person=archive).pk, archive, "lost")


def test_a_revoked_gateway_stops_and_files_nothing(installed, case, mitte):
    installed.start()
    installed.wait_until_idle()
    revoke(mitte)
    case.decline()

    assert installed.process.wait(30) == 3
    assert "This gateway's device was revoked. Nothing more is filed." in installed.log()
    installed.start()
    assert installed.process.wait(30) == 3
    assert installed.filed() == []


def test_a_sign_in_that_ended_is_begun_again(installed, case, mitte):
    installed.start()
    installed.wait_until_idle()
    SignIn.objects.filter(person=mitte.founded.archive).update(ended_at=timezone.now())
    case.decline()

    assert len(installed.wait_for(1)) == 1


def test_it_survives_a_service_that_is_away(installed, case, service):
    relay = Relay(service.port)
    installed.config.write_text(installed.config.read_text().replace(service.origin, relay.origin))
    installed.start()
    wait_until(lambda: installed.is_said("failing", "service.unreachable"), seconds=40, what="it has noticed")
    case.decline()
    with relay.passing():
        assert len(installed.wait_for(1, seconds=60)) == 1
        installed.wait_until_idle()
        assert installed.health()[0] == 200


def test_a_second_one_on_the_same_state_does_not_start(installed):
    installed.start()
    installed.wait_until_idle()
    first = installed.process
    installed.config.write_text(installed.config.read_text().replace(str(installed.port), "0"))
    installed.start()

    assert installed.process.wait(30) == 1
    assert "Another gateway works with" in installed.log()
    first.kill()
    first.wait(20)


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_others_can_read_is_not_used(installed, mode):
    (installed.folder / "gateway.key").chmod(mode)
    installed.start()

    assert installed.process.wait(30) == 1
    assert "readable by it alone" in installed.log()


def test_it_holds_the_archives_key_and_no_roles(installed, case, mitte):
    case.decline()
    run_once(installed)
    installed.stop()
    account = Vault(installed.folder / "state", installed.folder / "gateway.key").load(case.adler.api)

    assert account.person == mitte.founded.archive
    assert account.session.keyring.role_seeds == {}
    assert "role" not in json.dumps(account.dump())


def test_a_link_is_good_once(mitte, tmp_path_factory, service, case):
    link = archive_link(mitte)
    folders = [tmp_path_factory.mktemp("again") for _ in range(2)]
    first, second = (Installed(folder, service.origin, case.adler.api.origin) for folder in folders)
    first.enrol(link)
    with pytest.raises(AssertionError, match="refused"):
        second.enrol(link)
    assert not (second.folder / "state" / "account.sealed").exists()
