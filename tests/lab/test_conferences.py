"""An anonymous user at the lab's conference: challenged by Digest, let in with the passcode alone."""

from __future__ import annotations

from dataclasses import replace

from sipauthctl.association.digest import DigestInfo, answer_challenge
from sipauthctl.mechanisms.digest import DigestAlgorithm
from sipauthctl.sip.message import Response
from tests.lab.anonymous import CONFERENCE, challenge_of, invite, join, with_credentials
from tests.lab.test_registrar import World


def test_an_anonymous_invite_is_challenged_as_the_specification_shows() -> None:
    """[MS-SIPAE] 4.5: Digest alone, MD5-sess, qop auth, the organizer as realm, and a Date."""
    response = World().ask(invite(1))
    challenge = challenge_of(response)
    assert (response.status, len(response.headers.get_all("WWW-Authenticate"))) == (401, 1)
    assert (challenge.algorithm, challenge.qop) == (DigestAlgorithm.MD5_SESS, ("auth",))
    assert challenge.realm == "ned@litwareinc.com"
    assert response.headers.get("Date")


def test_the_passcode_opens_the_conference() -> None:
    world = World()
    messages = join(world.ask, CONFERENCE.passcode)
    response = messages[-1]
    assert isinstance(response, Response)
    assert response.status == 200
    info = DigestInfo.of(response.headers.get("Authentication-Info") or "")
    assert info is not None
    assert info.rspauth
    assert [event.what for event in world.log] == ["challenge", "joined"]


def test_another_passcode_does_not() -> None:
    world = World()
    response = join(world.ask, "314159")[-1]
    assert isinstance(response, Response)
    assert response.status == 401
    assert not challenge_of(response).stale
    assert world.log[-1].what == "refused"
    assert "271828" not in repr(world.log)


def test_a_conference_that_does_not_exist() -> None:
    assert World().ask(invite(1, conference="sip:ned@litwareinc.com;gruu;opaque=app:conf:focus:id:NONE")).status == 404


def test_a_response_is_good_once() -> None:
    world = World()
    request = join(world.ask, CONFERENCE.passcode)[2]
    again = world.ask(request)  # type: ignore[arg-type]
    assert (again.status, challenge_of(again).stale) == (401, True)


def test_a_nonce_of_somebody_else_is_stale() -> None:
    world = World()
    challenge = replace(challenge_of(world.ask(invite(1))), nonce="made-up")
    request = invite(2)
    credentials = answer_challenge(challenge, request, "alice", CONFERENCE.passcode, cnonce="1")
    assert challenge_of(world.ask(with_credentials(request, credentials))).stale


def test_a_response_for_another_address_is_refused() -> None:
    world = World()
    challenge = challenge_of(world.ask(invite(1)))
    elsewhere = invite(2, conference="sip:nina@litwareinc.com;gruu;opaque=app:conf:focus:id:1")
    credentials = answer_challenge(challenge, elsewhere, "alice", CONFERENCE.passcode, cnonce="1")
    assert world.ask(with_credentials(invite(2), credentials)).status == 401
    assert world.log[-1].what == "refused"


def test_a_damaged_header_is_refused() -> None:
    world = World()
    request = invite(1)
    damaged = request.with_headers(request.headers.add("Authorization", 'Digest realm="ned@litwareinc.com", nonce'))
    assert world.ask(damaged).status in (400, 401)
