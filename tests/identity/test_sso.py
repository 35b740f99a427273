"""Signing in at the hospital's own provider: a real one (``tests/oidc``), and what whoever comes with less than it takes is told."""

from datetime import timedelta

import pytest
from django.utils import timezone

from backend.errors import Unavailable
from identity.models import Invitation, SignIn, SsoProvider, SsoSubject
from tests.cast import Night
from tests.identity.browser import Browser, new_token
from tests.identity.sso import Sso, draft, signed
from tests.identity.test_join import Newcomer
from tests.oidc.provider import SECRET
from wardline_client.protocol import encode


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def sso(night: Night) -> Sso:
    return Sso(night)


@pytest.fixture
def phone(night: Night, sso: Sso) -> Browser:
    """Adler's second device, signed out; her account is connected."""
    return sso.phone_of(night.adler)


def test_a_bound_person_signs_in_on_a_device_of_theirs(night, sso, phone):
    answer = sso.signs_in(phone, sso.account_of(night.adler))

    assert answer.status_code == 200, answer.content
    session = answer.json()
    assert (session["person"], session["device"], session["state"]) == (str(night.adler.id), str(phone.device_id), "active")
    assert session["sso"] == {"name": "Klinik-Konto", "is_required": False, "label": f"{sso.account_of(night.adler)}@klinik.example"}
    assert phone.get("session/unlock").status_code == 200
    last = [event for event in night.audit_of(night.kreis) if event.action == "identity.sign_in"][-1]
    assert (last.agent["method"], last.agent["person"]) == ("oidc", str(night.adler.pseudonym))


def test_the_sign_in_ends_twelve_hours_after_the_proof(night, sso, phone):
    before = timezone.now()

    sso.signs_in(phone, sso.account_of(night.adler))

    made = SignIn.objects.get(device=phone.device_id, ended_at=None)
    assert before + timedelta(hours=11, minutes=59) < made.expires_at <= timezone.now() + timedelta(hours=12)


def test_the_cookie_is_a_new_one(night, sso, phone):
    challenge = sso.proves(phone, sso.account_of(night.adler)).json()["challenge"]
    planted = phone.cookie

    assert phone.post("session", signed(phone, challenge)).status_code == 200

    planter = Browser()
    planter.client.cookies["wardline"] = planted
    assert phone.cookie != planted
    assert planter.get("duty").status_code == 401


def test_a_proof_alone_is_no_sign_in(night, sso, phone):
    assert sso.proves(phone, sso.account_of(night.adler)).status_code == 200

    assert phone.get("duty").status_code == 401


def test_an_account_makes_no_device(night, sso, phone):
    """Whoever has the colleague's password, or runs the provider, still lacks a phone."""
    stranger = Browser()
    stranger.device_id = phone.device_id
    proved = sso.proves(stranger, sso.account_of(night.adler))

    assert code(stranger.post("session", signed(stranger, proved.json()["challenge"]))) == (401, "device.signature")
    other = Browser().becomes(night.brandt)
    other.delete("session")
    other_id, other.device_id = other.device_id, phone.device_id
    proved = sso.proves(other, sso.account_of(night.adler))
    other.device_id = other_id
    assert code(other.post("session", signed(other, proved.json()["challenge"]))) == (401, "device.unknown")


def test_a_proof_is_good_once_and_in_its_own_browser(night, sso, phone):
    body = signed(phone, sso.proves(phone, sso.account_of(night.adler)).json()["challenge"])

    assert code(Browser().post("session", body)) == (401, "challenge.unknown")
    assert phone.post("session", body).status_code == 200
    assert code(phone.post("session", body)) == (401, "challenge.unknown")


def test_a_proof_lasts_ten_minutes(night, sso, phone, monkeypatch):
    body = signed(phone, sso.proves(phone, sso.account_of(night.adler)).json()["challenge"])
    later = _later(601)
    monkeypatch.setattr("identity.services.sso_proofs.time.time", later)

    assert code(phone.post("session", body)) == (401, "challenge.unknown")


def _later(seconds: int):
    import time

    real = time.time
    return lambda: real() + seconds


def test_an_answer_is_taken_once(night, sso, phone):
    returned = sso.returned(phone, sso.account_of(night.adler), purpose="sign-in", device=str(phone.device_id))

    assert phone.post("sso/finish", returned).status_code == 200
    assert code(phone.post("sso/finish", returned)) == (401, "sso.unknown_attempt")


def test_a_code_is_worth_nothing_in_another_attempt(night, sso, phone):
    """Stolen on the way back: PKCE binds it to the browser that began (RFC 7636)."""
    stolen = sso.returned(phone, sso.account_of(night.adler), purpose="sign-in", device=str(phone.device_id))
    thief = Browser()
    own = sso.returned(thief, "account-nobody", purpose="sign-in", device=str(phone.device_id))

    assert code(thief.post("sso/finish", {**own, "error": "", "code": stolen["code"]})) == (401, "sso.refused")


def test_an_answer_that_was_not_asked_for_is_refused(night, sso, phone):
    """Login CSRF: a page that sends a victim's browser here with the attacker's code."""
    returned = sso.returned(phone, sso.account_of(night.adler), purpose="sign-in", device=str(phone.device_id))
    victim = Browser()
    victim.post("session/options")

    assert code(victim.post("sso/finish", returned)) == (401, "sso.unknown_attempt")
    assert code(phone.post("sso/finish", {**returned, "state": "of-somebody-else"})) == (401, "sso.unknown_attempt")
    assert code(phone.post("sso/finish", returned)) == (401, "sso.unknown_attempt")


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:1", ""])
def test_an_answer_of_another_provider_is_refused(night, sso, phone, issuer):
    """Mix-up (RFC 9207): also where who always names itself does not."""
    returned = sso.returned(phone, sso.account_of(night.adler), purpose="sign-in", device=str(phone.device_id))

    assert code(phone.post("sso/finish", {**returned, "iss": issuer})) == (401, "sso.wrong_issuer")


def test_an_account_that_is_nobodys_gets_nobody_in(night, sso, phone):
    assert code(sso.proves(phone, "account-1999")) == (401, "sso.not_bound")

    assert night.audit_of(night.kreis)[-1].detail["code"] == "sso.not_bound"


def test_another_hospitals_provider_cannot_assert_a_known_account(night, sso, phone):
    """The same issuer, the same subject, another hospital: the account of whom it knows there, and that is nobody."""
    elsewhere = Sso(night, place=night.uni)
    elsewhere.configure(client_id="wardline-uni")
    stranger = Browser().becomes(night.brandt)
    stranger.delete("session")

    assert code(elsewhere.proves(stranger, sso.account_of(night.adler))) == (401, "sso.not_bound")


def test_an_account_is_one_persons(night, sso, phone):
    conrad = night.conrad
    sso.keep_session(conrad)

    answer = conrad.post("sso/finish", sso.returned(conrad, sso.account_of(night.adler), purpose="bind"))

    assert code(answer) == (409, "sso.subject_taken")
    sso.bind(conrad)
    answer = conrad.post("sso/finish", sso.returned(conrad, "account-1998", purpose="bind"))
    assert code(answer) == (409, "sso.other_account")
    assert SsoSubject.objects.get(person=conrad.id).subject == sso.account_of(conrad)


def test_who_is_not_signed_in_binds_nothing(night, sso):
    assert code(Browser().post("sso/start", {"purpose": "bind"})) == (401, "session.ended")

    sso.keep_session(night.egger)
    returned = sso.returned(night.egger, "account-1997", purpose="bind")
    SignIn.objects.filter(pk=night.egger.sign_in_id).update(ended_at=timezone.now())
    assert code(night.egger.post("sso/finish", returned)) == (401, "sso.unknown_attempt")


def test_a_browser_signed_in_there_since_long_is_no_way_around_the_idle_lock(night, sso, phone, monkeypatch):
    """The provider is asked not to take it (``max_age``); one that does all the same is not believed."""
    returned = sso.returned(phone, sso.account_of(night.adler), purpose="sign-in", device=str(phone.device_id))
    monkeypatch.setattr("identity.services.sso_proofs._within", lambda provider: -120)

    assert code(phone.post("sso/finish", returned)) == (401, "sso.token_refused")


def test_the_provider_may_change_its_keys(night, own_provider):
    provider = own_provider("account-of-adler")
    sso = Sso(night, provider)
    sso.accounts[night.adler.id] = "account-of-adler"
    phone = sso.phone_of(night.adler)
    provider.control("rotate")

    assert sso.signs_in(phone, "account-of-adler").status_code == 200


def test_an_unknown_device_is_sent_nowhere(night, sso, phone):
    assert code(Browser().post("sso/start", {"purpose": "sign-in", "device": str(night.brandt.device_id)})) == (404, "sso.none")
    assert code(Browser().post("sso/start", {"purpose": "sign-in"})) == (404, "sso.none")


def test_a_phone_knows_of_it_before_anybody_is_signed_in(night, sso, phone):
    said = phone.get(f"session?device={phone.device_id}").json()

    assert said["sso"] == {"name": "Klinik-Konto", "is_required": False, "label": None}
    assert phone.get(f"session?device={night.brandt.device_id}").json()["sso"] is None


class TestRequired:
    @pytest.fixture
    def phone(self, night: Night, sso: Sso) -> Browser:
        phone = sso.phone_of(night.adler)
        sso.require()
        return phone

    def test_a_passkey_alone_is_not_enough(self, night, sso, phone):
        assert code(phone.signs_in()) == (401, "sso.required")
        refused = [event for event in night.audit_of(night.kreis) if event.action == "identity.sign_in" and event.outcome == "refused"]
        assert refused[-1].detail["code"] == "sso.required"

    def test_in_between_the_passkey_unlocks_and_lengthens_nothing(self, night, sso, phone):
        assert sso.signs_in(phone, sso.account_of(night.adler)).status_code == 200
        first = SignIn.objects.get(device=phone.device_id, ended_at=None)
        night.clock.advance(hours=2)

        answer = phone.signs_in()

        assert answer.status_code == 200, answer.content
        second = SignIn.objects.get(device=phone.device_id, ended_at=None)
        assert (second.method, second.expires_at, second.sso_subject_id) == ("passkey", first.expires_at, first.sso_subject_id)
        night.clock.advance(hours=11)
        assert code(phone.signs_in()) == (401, "sso.required")

    def test_another_device_of_the_same_person_has_begun_nothing(self, night, sso, phone):
        assert sso.signs_in(phone, sso.account_of(night.adler)).status_code == 200
        tablet = Browser().becomes(night.adler)
        tablet.client.cookies["wardline"] = phone.cookie

        assert code(tablet.signs_in()) == (401, "sso.required")

    def test_who_is_not_connected_yet_still_gets_in(self, night, sso, phone):
        other = Browser().becomes(night.conrad)
        other.delete("session")

        assert other.signs_in().status_code == 200

    @pytest.mark.parametrize(("is_allowed", "status"), [(True, 200), (False, 401)])
    def test_the_provider_is_down_at_three_in_the_morning(self, night, sso, phone, monkeypatch, is_allowed, status):
        sso.configure(is_required=True, is_passkey_fallback=is_allowed)
        monkeypatch.setattr("identity.oidc.outbound.call", _nobody_answers)

        answer = phone.signs_in()

        assert answer.status_code == status
        last = [event for event in night.audit_of(night.kreis) if event.action == "identity.sign_in"][-1]
        assert (last.outcome, last.detail.get("sso")) == (("success", "unreachable") if is_allowed else ("refused", None))

    def test_nobody_joins_without_it(self, night, sso, phone):
        newcomer = Newcomer(night)

        assert code(newcomer.joins()) == (403, "sso.required")


def _nobody_answers(*_: object, **__: object) -> None:
    raise Unavailable("sso.unreachable")


def test_who_joins_with_it_is_connected_and_shown_to_the_registrar(night, sso):
    newcomer = Newcomer(night)
    assert newcomer.looked["sso"] == {"name": "Klinik-Konto", "is_required": False}
    account = sso.account_of(night.pending)
    returned = sso.returned(newcomer.browser, account, purpose="join", token=newcomer.token)
    assert newcomer.browser.post("sso/finish", returned).json()["label"] == f"{account}@klinik.example"

    assert newcomer.joins().status_code == 201

    (waiting,) = [each for each in night.kreis.registrar.get("members/pending").json()["results"] if each["person"] == newcomer.id]
    assert waiting["account"] == f"{account}@klinik.example"
    assert SignIn.objects.get(device=newcomer.browser.device_id).method == "oidc"


def test_a_proof_for_one_invitation_is_none_for_another(night, sso):
    sso.require()
    first, second = Newcomer(night), Newcomer(night)
    second.browser = first.browser
    returned = sso.returned(first.browser, sso.account_of(night.pending), purpose="join", token=first.token)
    assert first.browser.post("sso/finish", returned).status_code == 200

    assert code(second.joins()) == (403, "sso.required")
    assert Invitation.objects.filter(person_id=second.id, used_at=None).exists()


class TestSettings:
    def test_the_secret_never_comes_out(self, night, sso):
        shown = night.kreis.registrar.get("hospital/sso")

        assert SECRET not in shown.content.decode()
        kept = bytes(SsoProvider.objects.get(hospital=night.kreis.id, ended_at=None).client_secret)
        assert SECRET.encode() not in kept
        assert shown.json()["redirect_uri"] == "http://localhost:8000/"

    def test_a_secret_is_kept_where_none_is_given(self, night, sso, phone):
        sso.configure(client_secret="", name="Anders")

        assert sso.signs_in(phone, sso.account_of(night.adler)).status_code == 200

    @pytest.mark.parametrize(
        ("changes", "status", "error"),
        [
            ({"issuer": "http://127.0.0.1:1"}, 503, "sso.unreachable"),
            ({"issuer": "ftp://127.0.0.1"}, 400, "sso.address_refused"),
            ({"issuer": "http://user:secret@127.0.0.1:1"}, 400, "sso.address_refused"),
            ({"issuer": "not an address"}, 400, "sso.address_refused"),
            ({"client_id": "wardline-uni", "client_secret": ""}, 400, "sso.secret_missing"),
            ({"is_required": True}, 409, "sso.try_first"),
        ],
    )
    def test_is_asked_and_refused(self, night, sso, changes, status, error):
        answer = night.kreis.registrar.put("hospital/sso", draft(sso.provider, **changes))

        assert code(answer) == (status, error)
        assert night.kreis.registrar.get("hospital/sso").json()["provider"]["issuer"] == sso.provider.issuer

    def test_an_issuer_with_a_stroke_too_many_is_told_so(self, night, sso):
        answer = night.kreis.registrar.put("hospital/sso", draft(sso.provider, issuer=sso.provider.issuer + "/"))

        assert code(answer) == (400, "sso.issuer_mismatch")

    def test_another_client_is_another_provider(self, night, sso, phone):
        """Subjects may differ between clients: who was somebody is nobody until they have signed in again."""
        sso.configure(client_id="wardline-uni")

        assert code(sso.proves(phone, sso.account_of(night.adler))) == (401, "sso.not_bound")

    def test_without_it_everybody_signs_in_by_passkey(self, night, sso, phone):
        sso.require()

        assert night.kreis.registrar.delete("hospital/sso").status_code == 204

        assert phone.signs_in().status_code == 200
        assert code(phone.post("sso/start", {"purpose": "sign-in", "device": str(phone.device_id)})) == (404, "sso.none")

    def test_unbinding_ends_what_was_signed_in_by_it(self, night, sso, phone):
        sso.signs_in(phone, sso.account_of(night.adler))

        answer = night.kreis.registrar.post(f"members/{night.adler.id}/sso/unbind")

        assert answer.status_code == 200
        assert phone.get("duty").status_code == 401
        assert night.adler.get("duty").status_code == 200
        assert code(sso.proves(phone, sso.account_of(night.adler))) == (401, "sso.not_bound")

    def test_only_of_the_own_hospital(self, night, sso, phone):
        for person in (night.adler.id, night.brandt.id):
            assert night.uni.registrar.post(f"members/{person}/sso/unbind").status_code == 404
        assert night.uni.registrar.get("hospital/sso/accounts").json()["results"] == []


def test_a_link_is_no_way_around_a_refusal(night, sso, phone):
    """Nor is anything else that opens on a new device."""
    token = new_token()
    SsoSubject.objects.filter(person=night.adler.id).update(state="refused")
    assert night.adler.post("device-links", {"token": token, "sealed": encode(b"sealed")}).status_code in (201, 400)
    assert code(phone.signs_in()) == (401, "sso.refused")
