"""The torture messages of RFC 4475."""

from __future__ import annotations

import pytest

from sipauthctl.sip.errors import IncompleteMessage, ParseError
from sipauthctl.sip.framer import StreamFramer
from sipauthctl.sip.message import Request, Response, parse_message
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.uri import SipUri
from sipauthctl.sip.via import Via
from tests.sip import torture


def request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def response(data: bytes) -> Response:
    message = parse_message(data)
    assert isinstance(message, Response)
    return message


class TestValid:
    def test_wsinv_folds_escapes_and_odd_white_space(self) -> None:
        message = request(torture.WSINV)
        assert (message.method, message.uri) == ("INVITE", "sip:vivekg@chair-dnrc.example.com;unknownparam")
        assert message.to == NameAddr(None, "sip:vivekg@chair-dnrc.example.com", (("tag", "1918181833n"),))
        assert message.from_ == NameAddr('J Rosenberg \\"', "sip:jdrosen@example.com", (("tag", "98asjd8"),))
        assert message.call_id == "wsinv.ndaksdj@192.0.2.1"
        assert (message.cseq.number_text, message.cseq.number, message.cseq.method) == ("0009", 9, "INVITE")
        assert message.headers.get("Max-Forwards") == "0068"
        assert message.headers.get("Subject") == ""
        assert message.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
        assert message.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
        assert message.headers.values("Route") == ("<sip:services.example.com;lr;unknownwith=value;unknown-no-value>",)
        vias = [Via.parse(value) for value in message.headers.values("Via")]
        assert [(via.transport, via.host, via.param("branch")) for via in vias] == [
            ("UDP", "192.0.2.2", "390skdjuw"),
            ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
            ("UDP", "192.168.255.111", "z9hG4bK30239"),
        ]
        (contact,) = NameAddr.parse_list(message.headers.values("Contact"))
        assert contact.display_name == 'Quoted string ""'
        assert contact.params == (("newparam", "newvalue"), ("secondparam", None), ("q", "0.33"))
        assert message.body == torture.SDP

    def test_intmeth_takes_every_character_that_the_grammar_allows(self) -> None:
        message = request(torture.INTMETH)
        assert message.method == message.cseq.method == "!interesting-Method0123456789_*+`.%indeed'~"
        user = "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
        assert SipUri.parse(message.uri).user == user + ":&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
        assert message.to.display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
        assert message.to.uri == f"sip:{user}@example.com"
        assert message.from_.display_name == "token1~` token2'+_ token3*%!.-"
        assert message.from_.param("fromParam''~+*_!.-%") == "работающий"
        assert message.from_.tag == "_token~1'+`*%!-."
        assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
        assert message.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"

    def test_esc01_leaves_escapes_as_they_stand(self) -> None:
        message = request(torture.ESC01)
        assert SipUri.parse(message.uri).user == "sips%3Auser%40example.com"
        assert SipUri.parse(message.uri).host == "example.net"
        assert message.call_id == "esc01.239409asdfakjkn23onasd0-3234"
        assert message.headers.get("Content-Type") == "application/sdp"
        (contact,) = NameAddr.parse_list(message.headers.values("Contact"))
        assert contact.uri == "sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31"

    def test_escnull_has_two_contacts_and_a_compact_content_length(self) -> None:
        message = request(torture.ESCNULL)
        assert message.to.uri == "sip:null-%00-null@example.com"
        assert [contact.uri for contact in NameAddr.parse_list(message.headers.values("m"))] == [
            "sip:%00@host5.example.com",
            "sip:%00%00@host5.example.com",
        ]
        assert message.headers.get("Content-Length") == "0"

    def test_esc02_escapes_are_none_in_methods_and_header_names(self) -> None:
        message = request(torture.ESC02)
        assert message.method == "RE%47IST%45R"
        assert message.to.display_name == "%Z%45"
        assert message.headers.get_all("Contact") == (
            "<sip:alias1@host1.example.com>",
            "<sip:alias3@host3.example.com>",
        )
        assert message.headers.get("C%6Fntact") == "<sip:alias2@host2.example.com>"

    def test_lwsdisp_needs_no_space_before_the_bracket(self) -> None:
        sender = request(torture.LWSDISP).from_
        assert sender == NameAddr("caller", "sip:caller@example.com", (("tag", "323"),))

    def test_longreq_counts_every_spelling_of_via(self) -> None:
        message = request(torture.LONGREQ)
        hosts = [Via.parse(value).host for value in message.headers.values("Via")]
        assert hosts == [f"sip{number}.example.com" for number in range(33, 16, -1)]
        assert SipUri.parse(message.to.uri).port == 6000
        assert SipUri.parse(message.to.uri).param("verylongParameterNameWithNoValue") == ""
        assert message.from_.tag == "12982424"

    def test_dblreq_as_a_datagram_ends_with_its_content_length(self) -> None:
        message = request(torture.DBLREQ)
        assert (message.method, message.body) == ("REGISTER", b"")
        assert message.call_id == "dblreq.0ha0isndaksdj99sdfafnl3lk233412"
        assert message.to_bytes() == torture.DBLREQ

    def test_dblreq_as_a_stream_is_two_messages(self) -> None:
        framer = StreamFramer()
        framer.feed(torture.DBLREQ)
        messages = [framer.next(), framer.next()]
        assert [message.method for message in messages if isinstance(message, Request)] == ["REGISTER", "INVITE"]

    def test_semiuri_keeps_parameters_of_the_user_part(self) -> None:
        message = request(torture.SEMIURI)
        uri = SipUri.parse(message.uri)
        assert (uri.user, uri.host, uri.params) == ("user;par=u%40example.net", "example.com", ())
        assert len(message.headers.values("Accept")) == 6

    def test_transports_reads_unknown_ones(self) -> None:
        vias = [Via.parse(value) for value in request(torture.TRANSPORTS).headers.values("Via")]
        assert [via.transport for via in vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]

    def test_unreason_has_a_phrase_beyond_ascii(self) -> None:
        message = response(torture.UNREASON)
        assert (message.status, message.reason) == (200, torture.UNREASON_PHRASE)

    def test_noreason_has_an_empty_phrase(self) -> None:
        message = response(torture.NOREASON)
        assert (message.status, message.reason) == (100, "")

    def test_unkscm_is_a_request_whose_uri_is_no_sip_uri(self) -> None:
        message = request(torture.UNKSCM)
        assert message.uri == "nobodyKnowsThisScheme:totallyopaquecontent"
        with pytest.raises(ParseError):
            SipUri.parse(message.uri)

    @pytest.mark.parametrize(
        "name",
        [
            "WSINV",
            "INTMETH",
            "ESC01",
            "ESCNULL",
            "ESC02",
            "LWSDISP",
            "LONGREQ",
            "SEMIURI",
            "TRANSPORTS",
            "UNREASON",
            "NOREASON",
        ],
    )
    def test_comes_back_byte_for_byte(self, name: str) -> None:
        data = getattr(torture, name)
        framer = StreamFramer()
        framer.feed(data)
        framed = framer.next()
        assert parse_message(data).to_bytes() == data
        assert isinstance(framed, Request | Response)
        assert framed.to_bytes() == data


class TestInvalid:
    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("CLERR", "Content-Length is 9999, but only 150 bytes"),
            ("NCL", "Content-Length is not a number: '-999'"),
            ("LTGTRURI", "not a SIP start line"),
            ("LWSRURI", "not a SIP start line"),
            ("LWSSTART", "not a SIP start line"),
            ("TRWS", "not a SIP start line"),
            ("BADVERS", "not SIP version 2.0: 'SIP/7.0'"),
            ("BIGCODE", "not a SIP status line"),
            ("MCL01", "several Content-Length headers differ"),
        ],
    )
    def test_is_no_message(self, name: str, says: str) -> None:
        with pytest.raises(ParseError, match=says.replace(".", r"\.")):
            parse_message(getattr(torture, name))

    def test_clerr_on_a_stream_waits_for_the_rest(self) -> None:
        framer = StreamFramer()
        framer.feed(torture.CLERR)
        assert framer.next() is None
        with pytest.raises(IncompleteMessage):
            framer.close()

    @pytest.mark.parametrize("name", ["SCALAR02", "SCALARLG"])
    def test_an_overlarge_cseq_is_refused_when_it_is_read(self, name: str) -> None:
        with pytest.raises(ParseError, match="CSeq"):
            _ = parse_message(getattr(torture, name)).cseq

    def test_badinv01_has_a_via_that_is_none(self) -> None:
        good, bad = request(torture.BADINV01).headers.values("Via")
        assert Via.parse(good).host == "192.0.2.15"
        with pytest.raises(ParseError):
            Via.parse(bad)

    @pytest.mark.parametrize("name", ["QUOTBAL", "BADASPEC"])
    def test_a_damaged_to_is_refused_when_it_is_read(self, name: str) -> None:
        with pytest.raises(ParseError):
            _ = request(getattr(torture, name)).to

    def test_badaspec_has_a_good_from(self) -> None:
        assert request(torture.BADASPEC).from_.display_name == "Bell, Alexander"

    def test_baddn_is_read_for_what_it_means(self) -> None:
        # RFC 4475 3.1.2.15 lets an element infer the missing quotes in a header that holds one address only.
        message = request(torture.BADDN)
        assert (message.from_.display_name, message.from_.tag) == ("Bell, Alexander", "43")

    def test_insuf_lacks_headers(self) -> None:
        message = request(torture.INSUF)
        for name in ("call_id", "from_", "to"):
            with pytest.raises(ParseError, match="the message has no"):
                getattr(message, name)

    def test_escruri_keeps_the_headers_of_the_uri_apart(self) -> None:
        uri = SipUri.parse(torture.ESCRURI)
        assert (uri.user, uri.host, uri.headers) == ("user", "example.com", "?Route=%3Csip:example.com%3E")
