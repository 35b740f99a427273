"""The connection itself: framing, TLS, limits, and what happens when a part goes away."""

import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import connection, transaction

from audit.models import IndexEntry
from beds.models import BedFact
from integration.models import TakenMessage
from tests.cast import Night
from tests.integration.adt import END, START, Line, Listener, Sending


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


@pytest.fixture
def adt(night: Night) -> Sending:
    return Sending(night.uni)


@pytest.fixture(scope="module")
def hasty(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """With little patience and little room."""
    little = {"MLLP_FIRST_WITHIN": "2", "MLLP_MESSAGE_WITHIN": "2", "MLLP_LARGEST": "4096", "MLLP_CONNECTIONS": "6"}
    with django_db_blocker.unblock(), Listener.started(tmp_path_factory.mktemp("mllp"), **little) as running:
        yield running


def block(message: str) -> bytes:
    return START + message.encode() + END


# ---- framing


def test_messages_one_after_the_other_without_waiting_are_answered_in_their_order(listener: Listener, adt: Sending) -> None:
    messages = [adt.says(event, "5-01") for event in ("A01", "A03", "A01")]
    with Line(listener.port) as line:
        line.writes(b"".join(map(block, messages)))

        assert [line.reads().msa[1] for _ in messages] == [message.split("|")[9] for message in messages]
    assert adt.status("5-01") == "O"


def test_byte_by_byte_and_what_lies_between_messages(listener: Listener, adt: Sending) -> None:
    with Line(listener.port) as line:
        for byte in b"\r\n \r\n" + block(adt.says("A01", "5-01")):
            line.writes(bytes([byte]))
        assert line.reads() == "AA"


def test_a_start_block_within_a_message_begins_it_anew(listener: Listener, adt: Sending) -> None:
    with Line(listener.port) as line:
        line.writes(START + adt.says("A01", "5-02").encode()[:80] + START + block(adt.says("A01", "5-01")))
        assert line.reads() == "AA"
    assert adt.status("5-01", "5-02") == "OU"


def test_half_a_message_and_then_nothing_is_none(listener: Listener, adt: Sending) -> None:
    with Line(listener.port) as line:
        line.writes(block(adt.says("A01", "5-01"))[:-2])
        line.socket.shutdown(socket.SHUT_WR)
        assert line.is_closed()
    assert adt.status("5-01") == "U"


def test_what_is_no_hl7_is_told_so(listener: Listener) -> None:
    with Line(listener.port) as line:
        for wrong in (b"", b"PID|1", b"MSH", b"MSH|^~\\&"[:7], b"MSH||||||||", b"MSH|^^^^|", "MSHÄ^~\\&|".encode(), b"MSH|^~\\&|\x00"):
            assert line.sends(wrong).msa[0] == "AR"


def test_what_is_no_mllp_is_hung_up_on(listener: Listener) -> None:
    with Line(listener.port) as line:
        line.writes(b"GET / HTTP/1.1\r\n" + b"x" * 2048)
        assert line.is_closed()


# ---- limits


def test_a_message_too_large_is_refused_by_its_name_and_the_line_goes_on(hasty: Listener, adt: Sending) -> None:
    large = adt.says("A01", "5-01") + "OBX|1|ED|||" + "A" * 20_000
    with Line(hasty.port) as line:
        answer = line.sends(large)
        assert answer == ("AR", "message.too_large")
        assert answer.msa[1] == large.split("|")[9]
        assert line.sends(adt.says("A01", "5-01")) == "AA"
        line.writes(START + b"A" * 4096 * 20)
        line.socket.settimeout(1.5)  # before a message's time is over
        assert line.is_closed()


def dripped(line: Line, raw: bytes) -> None:
    for byte in raw:
        line.writes(bytes([byte]))
        time.sleep(0.05)


def test_who_never_finishes_a_message_is_hung_up_on(hasty: Listener, adt: Sending) -> None:
    with Line(hasty.port) as line:
        assert line.sends(adt.says("A08", "5-01")) == "AA"
        started = time.monotonic()
        drips = block(adt.says("A01", "5-01"))
        with pytest.raises(ConnectionError):
            dripped(line, drips)
        assert time.monotonic() - started < 8
    assert adt.status("5-01") == "U"


def test_a_stranger_has_seconds_and_a_sender_has_the_night(hasty: Listener, adt: Sending) -> None:
    with Line(hasty.port) as stranger, Line(hasty.port) as sender:
        assert sender.sends(adt.says("A08", "5-01")) == "AA"
        assert stranger.sends(adt.says("A08", "5-01", MSH_4="NOBODY")) == ("AR", "sender.unknown")
        time.sleep(3)
        assert sender.sends(adt.says("A08", "5-01")) == "AA"
        assert stranger.is_closed()


def test_there_are_only_so_many_connections(hasty: Listener, adt: Sending) -> None:
    with ExitStack() as lines:
        opened = [lines.enter_context(Line(hasty.port)) for _ in range(6)]
        assert [line.sends(adt.says("A08", "5-01")) for line in opened] == ["AA"] * 6
        with Line(hasty.port) as seventh:
            seventh.socket.settimeout(1.5)  # before a stranger's time is over
            assert seventh.is_closed()


def test_a_sender_faster_than_the_database_waits_in_its_own_queue(listener: Listener, adt: Sending) -> None:
    """Nothing more is read of a line while its last message is under way: what the kernel holds is all that has been taken."""
    bed = adt.bed("5-01").pk
    message = block(adt.says("A08", "5-01") + "OBX|1|ED|||" + "A" * 100_000)
    with Line(listener.port) as line:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT FROM beds_bed WHERE id = %s FOR UPDATE", [bed])
            line.writes(block(adt.says("A01", "5-01")))
            line.socket.settimeout(2)
            with pytest.raises(TimeoutError):
                line.writes(message * 1_000)  # a hundred megabytes
            assert listener.resident_megabytes() < 400
        line.socket.settimeout(20)
        assert line.reads() == "AA"


# ---- who is at the other end


class Identity(NamedTuple):
    certificate: Path
    key: Path


def made(folder: Path, name: str) -> Identity:
    """Certified by itself."""
    key, named, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    draft = x509.CertificateBuilder().subject_name(named).issuer_name(named).public_key(key.public_key()).serial_number(7)
    dated = draft.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    signed = dated.add_extension(names, critical=False).sign(key, hashes.SHA256())
    found = Identity(folder / f"{name}.pem", folder / f"{name}.key")
    found.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    found.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return found


def by(server: Identity, sender: Identity | None) -> Callable[[socket.socket], ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=server.certificate)
    if sender:
        context.load_cert_chain(sender.certificate, sender.key)
    return lambda plain: context.wrap_socket(plain, server_hostname="mllp.local")


def test_by_tls_the_certificate_says_whose_beds_they_are(night: Night, tmp_path: Path) -> None:
    server, kis, other, stranger = (made(tmp_path, name) for name in ("mllp.local", "kis", "other", "stranger"))
    authorities = tmp_path / "senders.pem"
    authorities.write_bytes(kis.certificate.read_bytes() + other.certificate.read_bytes())
    adt = Sending(night.uni, certificates=[kis.certificate.read_bytes()])
    files = {"MLLP_CERTIFICATE_FILE": server.certificate, "MLLP_PRIVATE_FILE": server.key, "MLLP_CLIENT_CA_FILE": authorities}

    with Listener.started(tmp_path, **{name: str(path) for name, path in files.items()}) as listener:
        with Line(listener.port, by(server, kis)) as line:
            assert line.sends(adt.says("A01", "5-01")) == "AA"
        with Line(listener.port, by(server, other)) as line:
            assert line.sends(adt.says("A03", "5-01")) == ("AR", "sender.unknown")
        for unknown in (stranger, None):
            with pytest.raises((ssl.SSLError, ConnectionError, EOFError)), Line(listener.port, by(server, unknown)) as line:
                line.sends(adt.says("A03", "5-01"))
        with Line(listener.port) as plain:
            plain.writes(block(adt.says("A03", "5-01")))
            assert plain.is_closed()
    assert adt.status("5-01") == "O"


@pytest.mark.parametrize("given", [{"MLLP_HOST": "0.0.0.0"}, {"MLLP_CERTIFICATE_FILE": "/nowhere.pem"}])
def test_in_clear_it_listens_on_this_machine_alone(given: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="MLLP_"), Listener.started(Path("/tmp"), **given):
        pass


# ---- when a part goes away


def test_on_sigterm_it_finishes_and_answers_what_it_has(night: Night, tmp_path: Path, adt: Sending) -> None:
    with Listener.started(tmp_path) as listener, Line(listener.port) as idle, Line(listener.port) as half, Line(listener.port) as busy:
        half.writes(block(adt.says("A01", "5-02"))[:40])
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT FROM beds_bed WHERE id = %s FOR UPDATE", [adt.bed("5-01").pk])
            busy.writes(block(adt.says("A01", "5-01")))
            time.sleep(0.7)
            listener.process.send_signal(signal.SIGTERM)
            assert idle.is_closed()
            assert half.is_closed()
            with pytest.raises(OSError, match="refused"):
                Line(listener.port)
        assert busy.reads() == "AA"
        assert listener.process.wait(10) == 0
    assert adt.status("5-01", "5-02") == "OU"


def test_killed_before_its_answer_the_message_comes_again_and_counts_once(night: Night, tmp_path: Path, adt: Sending) -> None:
    """Whether it had committed or not: the sender cannot know, and need not."""
    messages = [adt.says("A01", f"5-0{number}") for number in range(1, 5)]
    for message in messages:
        with Listener.started(tmp_path) as listener, Line(listener.port) as line:
            line.writes(block(message))
            listener.process.kill()
    with Listener.started(tmp_path) as listener, Line(listener.port) as line:
        assert [line.sends(message) for message in messages] == ["AA"] * 4
    assert adt.status("5-01", "5-02", "5-03", "5-04") == "OOOO"
    assert TakenMessage.objects.filter(feed=adt.feed).count() == 4
    taken = IndexEntry.objects.filter(action="integration.take_message", subjects__contains=[adt.feed.pk])
    assert taken.count() == 4


def test_committed_and_killed_it_is_answered_again(night: Night, tmp_path: Path, adt: Sending) -> None:
    message = adt.says("A01", "5-01")
    with Listener.started(tmp_path) as listener, Line(listener.port) as line:
        line.writes(block(message))
        deadline = time.monotonic() + 10
        while not TakenMessage.objects.filter(feed=adt.feed).exists():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        listener.process.kill()
    with Listener.started(tmp_path) as listener, Line(listener.port) as line:
        assert line.sends(message) == "AA"
    assert BedFact.objects.filter(bed=adt.bed("5-01"), kind="admitted").count() == 1


def test_without_a_database_nothing_is_said_and_nothing_lost(night: Night, tmp_path: Path, adt: Sending) -> None:
    message = adt.says("A01", "5-01")
    nowhere = {"DATABASE_URL": "postgresql://nobody@/nothing?host=/nonexistent"}
    with Listener.started(tmp_path, **nowhere) as listener, Line(listener.port) as line:
        line.writes(block(message))
        assert line.is_closed()
        with Line(listener.port) as again:
            again.writes(block(message))
            assert again.is_closed()
        assert listener.stops() == 0
    with Listener.started(tmp_path) as listener, Line(listener.port) as line:
        assert line.sends(message) == "AA"


def ended_waiting(cursor: Any) -> int:
    """How many of the database's processes waited for a row of ours, and do not any more."""
    cursor.execute("SELECT pg_stat_clear_snapshot()")
    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
    return len(cursor.fetchall())


def test_the_database_dies_in_the_middle_and_the_message_comes_again(listener: Listener, adt: Sending) -> None:
    message = adt.says("A02", "5-01", "5-02")
    with Line(listener.port) as line:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT FROM beds_bed WHERE id = %s FOR UPDATE", [adt.bed("5-01").pk])
            line.writes(block(message))
            deadline = time.monotonic() + 20
            while not ended_waiting(cursor):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert line.is_closed()
    assert not TakenMessage.objects.filter(feed=adt.feed).exists()
    with Line(listener.port) as line:
        assert line.sends(message) == "AA"
    assert adt.status("5-01", "5-02") == "OU"


def test_transfers_that_cross_do_not_wait_for_each_other_for_ever(night: Night, listener: Listener, adt: Sending) -> None:
    def swap(bed: str, former: str) -> list[str]:
        with Line(listener.port) as line:
            return [line.sends(adt.says("A02", bed, former)).msa[0] for _ in range(15)]

    answers = night.at_once(*[lambda: swap("5-01", "5-02"), lambda: swap("5-02", "5-01")] * 2)

    assert answers == [["AA"] * 15] * 4


def test_without_its_audit_event_a_message_is_not_taken(listener: Listener, adt: Sending) -> None:
    message = adt.says("A01", "5-01")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_pending ADD CONSTRAINT mute CHECK (hospital <> %s) NOT VALID", [adt.place.id])
    try:
        with Line(listener.port) as line:
            line.writes(block(message))
            assert line.is_closed() or line.reads().msa[0] != "AA"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_pending DROP CONSTRAINT mute")
    assert adt.status("5-01") == "U"
    assert not TakenMessage.objects.filter(feed=adt.feed).exists()
    with Line(listener.port) as line:
        assert line.sends(message) == "AA"
