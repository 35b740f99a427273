"""Who witnesses, and how many of them are enough: the service's policy file."""

from itertools import count

import pytest
from django.core.exceptions import ImproperlyConfigured

from audit.notes import key_id
from audit.policy import Policy, read_policy
from audit.status import status
from tests.audit.signed import Signer

pytestmark = pytest.mark.django_db


def test_one_key_signs_several_logs():
    first = Signer("one")
    typed = b"\x01" + first.private.public_key().public_bytes_raw()
    key = f"two+{key_id('two', typed).hex()}+{first.verifier_key.split('+', 2)[2]}"
    assert len(Policy.parse(f"log {first.verifier_key}\nlog {key}\nquorum none").logs) == 2
    with pytest.raises(ValueError, match="log two"):
        Policy.parse(f"log {key}\nlog {key}\nquorum none")


A, B, C = (Signer(name, kind=4) for name in "abc")
LINES = "".join(f"witness {each.name} {each.verifier_key}\n" for each in (A, B, C))


@pytest.mark.parametrize(
    ("quorum", "enough", "too_few"),
    [
        ("quorum none", "", None),
        ("quorum a", "a", "bc"),
        ("group g 2 a b c\nquorum g", "ac", "c"),
        ("group g all a b\ngroup h any g c\nquorum h", "c", "a"),
        ("# whose\n \t# say\ngroup g any a b\n\n\tquorum\tg", "b", "c"),
    ],
)
def test_a_quorum(quorum, enough, too_few):
    policy = Policy.parse(LINES + quorum)
    ids = {each.name: f"{each.name}+{each.key_id.hex()}" for each in (A, B, C)}
    assert policy.is_met({ids[name] for name in enough})
    assert too_few is None or not policy.is_met({ids[name] for name in too_few})


@pytest.mark.parametrize(
    "text",
    [
        "",
        LINES,
        LINES + "quorum a\nquorum b",
        LINES + "quorum d",
        LINES + "group a any b\nquorum a",
        LINES + "group none any b\nquorum none",
        LINES + "group g 4 a b c\nquorum g",
        LINES + "group g 0 a b c\nquorum g",
        LINES + "group g any\nquorum g",
        LINES + "group g any a a\nquorum g",
        LINES + "group g any a b\ngroup h any g a\nquorum h",
        LINES + f"witness d {A.verifier_key}\nquorum d",
        LINES + f"log {A.verifier_key}\nquorum a",
        f"witness l {Signer().verifier_key}\nquorum l",
        LINES + "quorum a extra",
    ],
    ids=count(),
)
def test_what_is_no_policy(text, settings, tmp_path):
    with pytest.raises(ValueError):  # noqa: PT011 -- which line, a person sees
        Policy.parse(text)
    settings.AUDIT_POLICY_FILE = tmp_path / "policy"
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        read_policy()
    settings.AUDIT_POLICY_FILE.write_text(text)
    with pytest.raises(ImproperlyConfigured, match="not a policy"):
        read_policy()
    assert ("no_policy", None) in status().problems
