"""The provider says that somebody is out: by a logout token, or when it is asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from backend.realtime import CLOSE, RING
from identity.models import Membership, SignIn, SsoProvider, SsoSubject
from identity.services import sso_checks
from identity.tasks import check_sso_accounts
from messaging.delivery import send_pushes
from messaging.models import PendingPush, PushSubscription
from tests.audit.test_complete import make_vapid
from tests.cast import Caller, Night
from tests.identity.browser import Browser
from tests.identity.sso import Sso
from tests.oidc.rogue import Rogue


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture(scope="module")
def rogue() -> Iterator[Rogue]:
    with Rogue() as running:
        yield running


@pytest.fixture
def sso(night: Night, rogue: Rogue) -> Sso:
    rogue.refresh = (200, {"access_token": "a", "refresh_token": "second"})
    SsoSubject.objects.filter(ended_at=None).update(ended_at=timezone.now())  # of other tests: the clock would ask about them
    return Sso(night, rogue)  # type: ignore[arg-type]


@pytest.fixture
def phone(night: Night, sso: Sso) -> Browser:
    """Adler, signed in at the provider."""
    phone = sso.phone_of(night.adler)
    assert sso.signs_in(phone, sso.account_of(night.adler)).status_code == 200
    return phone


def send(token: str, **headers: str) -> Any:
    client = Caller(None).client
    client.cookies.clear()
    return client.post(
        "/api/v1/sso/logout", data=f"logout_token={token}", content_type="application/x-www-form-urlencoded", headers=headers
    )


@contextmanager
def listening(heard: list[str]) -> Iterator[str]:
    """Where a provider sends logout tokens to: a client that is registered with an address of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def due() -> None:
    SsoSubject.objects.filter(ended_at=None).update(check_at=timezone.now() - timedelta(seconds=1))


class TestLogoutToken:
    def test_ends_sign_ins_and_sockets_at_once(self, night, sso, rogue, phone, ear):
        sign_in = SignIn.objects.get(device=phone.device_id, ended_at=None)

        answer = send(rogue.logout_token(sso.account_of(night.adler)))

        assert answer.status_code == 200, answer.content
        assert phone.get("duty").status_code == 401
        assert night.adler.get("duty").status_code == 401  # her other device too: the account is out
        assert ear.frames(CLOSE, sign_in.pk)
        last = [event for event in night.audit_of(night.kreis) if event.action == "identity.log_out_by_sso"][-1]
        assert last.subjects["person"] == str(night.adler.pseudonym)

    def test_of_a_session_ends_that_one(self, night, sso, rogue, phone):
        account = sso.account_of(night.adler)

        assert send(rogue.logout_token(account, sub=None, sid=f"sid of {account}")).status_code == 200

        assert phone.get("duty").status_code == 401
        assert night.adler.get("duty").status_code == 200

    def test_who_was_logged_out_comes_back_by_way_of_the_provider(self, night, sso, rogue, phone):
        send(rogue.logout_token(sso.account_of(night.adler)))

        assert code(phone.signs_in()) == (401, "sso.required")
        assert sso.signs_in(phone, sso.account_of(night.adler)).status_code == 200
        phone.delete("session")
        assert phone.signs_in().status_code == 200

    def test_counts_once(self, night, sso, rogue, phone):
        token = rogue.logout_token(sso.account_of(night.adler))
        assert send(token).status_code == 200
        assert sso.signs_in(phone, sso.account_of(night.adler)).status_code == 200

        assert code(send(token)) == (400, "sso.token_refused")
        assert phone.get("duty").status_code == 200

    @pytest.mark.parametrize(
        "wrong",
        [
            {"aud": "another-client"},
            {"iss": "http://127.0.0.1:1"},
            {"events": {}},
            {"events": None},
            {"events": {"http://schemas.openid.net/event/backchannel-logout": "yes"}},
            {"nonce": "a-nonce"},
            {"sub": None},
            {"jti": None},
            {"exp": 1},
            {"iat": 1},
        ],
        ids=lambda wrong: "-".join(map(str, wrong.items())),
    )
    def test_forged_ends_nothing(self, night, sso, rogue, phone, wrong):
        assert code(send(rogue.logout_token(sso.account_of(night.adler), **wrong))) == (400, "sso.token_refused")

        assert phone.get("duty").status_code == 200

    def test_of_another_key_an_id_token_or_none_at_all_ends_nothing(self, night, sso, rogue, phone):
        account = sso.account_of(night.adler)
        claims = rogue.claims(account)
        head, body, _ = rogue.logout_token(account).split(".")
        others = [rogue.sign(claims), rogue.unsigned(claims), f"{head}.{body}.{'A' * 342}", "x", "a.b.c", ""]

        assert {send(token).status_code for token in others} == {400}
        assert phone.get("duty").status_code == 200

    def test_only_as_the_one_form_it_is(self, night, sso, rogue, phone):
        token = rogue.logout_token(sso.account_of(night.adler))
        client = Caller(None).client
        path = "/api/v1/sso/logout"

        form = "application/x-www-form-urlencoded"
        assert client.post(path, data=f"logout_token={token}&logout_token={token}", content_type=form).status_code == 400
        assert client.post(path, data={"logout_token": token}, content_type="application/json").status_code == 415
        assert phone.get("duty").status_code == 200

    def test_of_the_real_provider_is_taken(self, night, own_provider):
        heard: list[str] = []
        with listening(heard) as address:
            provider = own_provider("real-adler", logout=address)
            sso = Sso(night, provider)
            sso.accounts[night.adler.id] = "real-adler"
            phone = sso.phone_of(night.adler)
            sso.signs_in(phone, "real-adler")
            provider.control("logout", sub="real-adler", client="wardline")

        assert send(heard[0].removeprefix("logout_token=")).status_code == 200
        assert phone.get("duty").status_code == 401


class TestCheck:
    def test_a_good_account_stays_and_its_token_rotates(self, night, sso, rogue, phone):
        due()
        check_sso_accounts()
        due()
        check_sso_accounts()

        assert [form["refresh_token"] for form in rogue.asked if form.get("grant_type") == "refresh_token"][-2:] == ["first", "second"]
        assert phone.get("duty").status_code == 200

    def test_a_refused_account_is_out_in_one_act(self, night, sso, rogue, phone, ear):
        sign_in = SignIn.objects.get(device=phone.device_id, ended_at=None)
        rogue.refresh = (400, {"error": "invalid_grant"})
        due()

        check_sso_accounts()

        assert phone.get("duty").status_code == 401
        assert night.adler.get("duty").status_code == 401
        assert ear.frames(CLOSE, sign_in.pk)
        assert code(phone.signs_in()) == (401, "sso.refused")
        assert "identity.suspend_by_sso" in night.actions_of(night.kreis)
        assert Membership.objects.get(person=night.adler.id).state == "active"
        (account,) = night.kreis.registrar.get("hospital/sso/accounts").json()["results"]
        assert (account["state"], account["is_checked"]) == ("refused", False)

    def test_the_registrars_are_told(self, night, sso, rogue, phone, ear):
        rogue.refresh = (400, {"error": "invalid_grant"})
        due()

        check_sso_accounts()

        assert [frame.text for frame in ear.frames(RING, night.kreis.registrar.id)] == ['{"t":"members"}']

    def test_who_is_refused_is_rung_by_no_push(self, night, sso, rogue, phone, monkeypatch, tmp_path):
        monkeypatch.setattr(settings, "VAPID_KEY_FILE", make_vapid(tmp_path))
        PendingPush.objects.all().delete()
        subscription = PushSubscription.objects.create(device_id=phone.device_id, endpoint=f"https://push.example/{phone.device_id}")
        now = timezone.now() - timedelta(seconds=1)
        PendingPush.objects.create(subscription=subscription, urgency="high", not_before=now, owed_at=now)
        SsoSubject.objects.filter(person=night.adler.id).update(state="refused")

        assert send_pushes() == 0
        SsoSubject.objects.filter(person=night.adler.id).update(state="logged_out")
        assert send_pushes() == 1

    def test_the_provider_may_end_the_membership_too(self, night, sso, rogue, phone):
        sso.configure(ends_membership=True)
        rogue.refresh = (400, {"error": "invalid_grant"})
        due()

        check_sso_accounts()

        assert Membership.objects.get(person=night.adler.id).state == "ended"
        ended = [event for event in night.audit_of(night.kreis) if event.action == "identity.end_member"][-1]
        assert ended.agent["method"] == "clock"
        assert not SsoSubject.objects.filter(person=night.adler.id, ended_at=None).exists()

    def test_but_never_the_last_registrars(self, night, sso, rogue):
        sso.bind(night.kreis.registrar)
        sso.configure(ends_membership=True)
        rogue.refresh = (400, {"error": "invalid_grant"})
        due()

        check_sso_accounts()

        assert Membership.objects.get(person=night.kreis.registrar.id).state == "active"
        assert SsoSubject.objects.get(person=night.kreis.registrar.id, ended_at=None).state == "refused"

    @pytest.mark.parametrize("answer", [(503, {}), (500, {"error": "server_error"}), (401, {"error": "invalid_client"}), (200, {})])
    def test_a_provider_that_does_not_answer_ends_nothing_and_is_shown(self, night, sso, rogue, phone, answer):
        rogue.refresh = answer
        due()

        check_sso_accounts()

        assert phone.get("duty").status_code == 200
        provider = SsoProvider.objects.get(hospital=night.kreis.id, ended_at=None)
        assert provider.failing_since is not None
        rogue.refresh = (200, {"access_token": "a"})
        due()
        check_sso_accounts()
        provider.refresh_from_db()
        assert provider.failing_since is None

    def test_only_whose_turn_it_is_and_who_is_signed_in(self, night, sso, rogue, phone):
        asked = len(rogue.asked)
        check_sso_accounts()
        assert len(rogue.asked) == asked
        due()
        SignIn.objects.filter(person=night.adler.id).update(ended_at=timezone.now())
        assert sso_checks.check_accounts() == 0

    def test_a_refusal_that_comes_after_a_new_proof_is_about_the_old_one(self, night, sso, rogue, phone):
        subject = SsoSubject.objects.select_related("provider", "person").get(person=night.adler.id, ended_at=None)
        SsoSubject.objects.filter(pk=subject.pk).update(refresh_token=b"of a sign-in a moment ago")

        sso_checks._refuse(subject)

        assert phone.get("duty").status_code == 200

    def test_of_the_real_provider(self, night, own_provider):
        SsoSubject.objects.filter(ended_at=None).update(ended_at=timezone.now())
        provider = own_provider("real-adler")
        sso = Sso(night, provider)
        sso.accounts[night.adler.id] = "real-adler"
        phone = sso.phone_of(night.adler)
        assert sso.signs_in(phone, "real-adler").status_code == 200
        due()
        check_sso_accounts()
        assert phone.get("duty").status_code == 200

        provider.control("disable", sub="real-adler")
        due()
        check_sso_accounts()

        assert phone.get("duty").status_code == 401
        assert code(phone.signs_in()) == (401, "sso.refused")
        assert code(sso.proves(phone, "real-adler")) == (401, "sso.refused")
        provider.control("enable", sub="real-adler")
        assert sso.signs_in(phone, "real-adler").status_code == 200
