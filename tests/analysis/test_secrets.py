"""Files of passwords and hashes: which secret is tried for whom, and that none is ever shown."""

from __future__ import annotations

import pytest

from sipauthctl.analysis.secrets import GivenSecret, Secrets, SecretsError, nt_hash_secrets, password_secrets
from sipauthctl.analysis.words import Method
from sipauthctl.association.verdict import Verdict
from sipauthctl.mechanisms.logon_name import LogonName
from tests.analysis.sessions import PASSWORD, outcome, session

HASH = "a4f49c406510bdcab6824ee7c30fd852"  # [MS-NLMP] 4.2.2.1.2, of the password `Password`


def names(given: tuple[GivenSecret, ...]) -> list[str | None]:
    return [None if one.name is None else one.name.text for one in given]


def test_one_line_is_one_secret_for_everybody() -> None:
    (given,) = password_secrets("pa:ss word\n")
    assert (given.name, given.method) == (None, Method.PASSWORD)
    assert Secrets((given,)).candidates("anyone", "ANY") == (given,)


def test_one_line_with_a_tab_is_a_table() -> None:
    assert names(password_secrets("ned\tsecret")) == ["ned"]


def test_a_table() -> None:
    text = "# lab accounts\nned:one:two\n\nLITWAREINC\\nina\tthree\n"
    given = password_secrets(text)
    assert names(given) == ["ned", "LITWAREINC\\nina"]
    assert [one.method for one in nt_hash_secrets(f"ned:{HASH}\nnina:{HASH}:{HASH}\n")] == [Method.NT_HASH] * 2


def test_a_colon_in_a_password_of_a_table_belongs_to_it() -> None:
    text = f"nina:x\nned:{PASSWORD}:y\n"
    assert {s.verdict for s in outcome(session(), Secrets(password_secrets(text))).signatures} == {
        Verdict.UNVERIFIABLE
    }
    text = f"nina:x\nned:{PASSWORD}\n"
    assert {s.verdict for s in outcome(session(), Secrets(password_secrets(text))).signatures} == {Verdict.VALID}


@pytest.mark.parametrize(
    ("name", "user", "domain", "fits"),
    [
        ("ned", "NED", "LITWAREINC", True),
        ("LITWAREINC\\ned", "ned", "litwareinc", True),
        ("OTHER\\ned", "ned", "LITWAREINC", False),
        ("OTHER\\ned", "ned", "", True),
        ("ned@litwareinc.com", "ned", "LITWAREINC", True),
        ("ned", "ned@litwareinc.com", "", True),
        ("nina", "ned", "LITWAREINC", False),
        ("ne", "ned", "", False),
    ],
)
def test_whose_a_secret_is(name: str, user: str, domain: str, fits: bool) -> None:
    given = password_secrets(f"{name}\tx")
    assert (Secrets(given).candidates(user, domain) == given) is fits


def test_the_most_exact_one_is_tried_first() -> None:
    exact, by_user = password_secrets("LITWAREINC\\ned\ta\nned\tb\n")
    (for_all,) = password_secrets("c")
    assert Secrets((for_all, by_user, exact)).candidates("ned", "LITWAREINC") == (exact, by_user, for_all)


def test_a_secret_can_be_given_for_one_user() -> None:
    given = password_secrets("x", LogonName("nina"))
    assert Secrets(given).candidates("ned", "") == ()


@pytest.mark.parametrize("text", ["", "\n \n", "ned:a\nnocolon\n", ":a\nned:b\n"])
def test_a_file_that_cannot_be_used(text: str) -> None:
    with pytest.raises(SecretsError):
        password_secrets(text)


def test_an_error_names_the_line_and_never_the_secret() -> None:
    with pytest.raises(SecretsError) as caught:
        nt_hash_secrets(f"ned:{HASH}\nnina:not-a-hash-but-secret\n")
    assert "line 2" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_no_repr_shows_a_secret() -> None:
    shown = repr(Secrets(password_secrets("hunter2"))) + repr(nt_hash_secrets(HASH))
    assert "hunter2" not in shown
    assert HASH not in shown.lower()
