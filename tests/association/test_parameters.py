"""Authentication headers are read alike however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association.parameters import AuthParameters
from sipauthctl.sip.errors import ParseError

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=8), st.sampled_from([", ", ",", " ,\t"]))
def test_what_is_written_is_read(params: list[tuple[str, str]], separator: str) -> None:
    escaped = ((name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in params)
    text = "NTLM " + separator.join(f'{name}="{value}"' for name, value in escaped)
    assert AuthParameters.parse(text) == AuthParameters("NTLM", tuple(params))


@given(st.lists(st.tuples(NAMES, st.text("abc123=/+.:-", min_size=1)), min_size=1, max_size=8))
def test_bare_values_are_read(params: list[tuple[str, str]]) -> None:
    text = "Kerberos " + ", ".join(f"{name} = {value}" for name, value in params)
    assert AuthParameters.parse(text) == AuthParameters("Kerberos", tuple(params))


@pytest.mark.parametrize("text", ["", "=", 'NTLM realm="a', "NTLM realm", "NTLM realm=", 'realm="a"', "NTLM a=b c=d"])
def test_other_text_is_refused_or_kept_as_it_stands(text: str) -> None:
    if text in ("NTLM realm=", "NTLM a=b c=d"):
        assert AuthParameters.parse(text).scheme_text == "NTLM"
    else:
        with pytest.raises(ParseError):
            AuthParameters.parse(text)
