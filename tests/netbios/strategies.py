"""Names and answers at random."""

from __future__ import annotations

from hypothesis import strategies as st

from sipauthctl.netbios.names import NetbiosName
from sipauthctl.netbios.packets import (
    Answer,
    NameAnswer,
    NegativeAnswer,
    Owner,
    Question,
    RecordType,
    RegisteredName,
    StatusAnswer,
)

_texts = st.text(st.characters(codec="ascii", min_codepoint=0x21, max_codepoint=0x60), min_size=1, max_size=15)
_transactions = st.integers(0, 0xFFFF)


def names() -> st.SearchStrategy[NetbiosName]:
    """Names in upper case, so that they come back as they were."""
    return st.builds(NetbiosName, _texts.filter(lambda text: text != "*"), st.integers(0, 0xFF))


def questions() -> st.SearchStrategy[Question]:
    return st.builds(
        Question, _transactions, names(), st.sampled_from([RecordType.NAME, RecordType.STATUS]), st.booleans()
    )


def answers() -> st.SearchStrategy[Answer]:
    owners = st.builds(Owner, st.ip_addresses(v=4).map(str), st.booleans())
    registered = st.builds(RegisteredName, names(), st.booleans(), st.booleans(), st.booleans())
    return st.one_of(
        st.builds(NameAnswer, _transactions, names(), st.lists(owners, min_size=1, max_size=25).map(tuple)),
        st.builds(
            StatusAnswer,
            _transactions,
            names(),
            st.lists(registered, max_size=25).map(tuple),
            st.binary(min_size=6, max_size=6),
        ),
        st.builds(NegativeAnswer, _transactions, names(), st.integers(1, 15)),
    )
