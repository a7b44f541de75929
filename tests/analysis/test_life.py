"""Several servers on the path, and registrations that are held: real exchanges of the prober with the lab."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sipauthctl.analysis.life import SERVERS_OF_CLIENT, LifeWatch
from sipauthctl.analysis.reconstruction import Reconstruction
from sipauthctl.analysis.results import AssociationResult, State
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from sipauthctl.lab.deployment import Deployment
from tests.analysis.lives import records_of_life
from tests.analysis.sessions import GIVEN, NOTHING, Outcome, changed, outcome, session
from tests.probe.harness import Clock, run
from tests.probe.test_life import HOUR, forget, held, life, restart, suspended

PROBES = ("SUBSCRIBE", "MESSAGE")


@pytest.mark.parametrize("proxies", [1, 2, 3])
@pytest.mark.parametrize("forked", [False, True], ids=["chain", "forked"])
def test_every_proxy_has_its_own_association_and_numbers(proxies: int, forked: bool) -> None:
    result = run(lab={"proxies": proxies, "forked": forked}, options={"refreshes": 2, "probes": PROBES}, clock=Clock())
    seen = outcome(records_of_life(result), GIVEN)
    assert len(seen.associations) == proxies + 1
    assert {association.state for association in seen.associations} == {State.ESTABLISHED}
    assert {signature.verdict for signature in seen.signatures} == {Verdict.VALID}
    for association in seen.associations:
        numbers = [one.num for one in association.signatures if one.sender.value == "server"]
        assert numbers == list(range(1, len(numbers) + 1))
    assert seen.ids == []


def test_without_a_password_the_path_shows_no_false_finding() -> None:
    result = run(lab={"proxies": 2}, options={"refreshes": 1}, clock=Clock())
    assert outcome(records_of_life(result), NOTHING).ids == []


def test_a_signature_under_another_proxys_association_names_its_maker() -> None:
    seen = outcome(records_of_life(run("wrong-proxy-signs", clock=Clock())), GIVEN)
    (found,) = seen.findings
    assert found.id == "wrong-signer"
    assert "it names hs1.litwareinc.com, and is made under the association with hs2.litwareinc.com" in found.detail


def test_another_path_replaces_the_association() -> None:
    seen = outcome(records_of_life(run("path-change", options={"refreshes": 2}, clock=Clock())), GIVEN)
    assert [(found.id, found.severity.value) for found in seen.findings] == [("association-replaced", "info")]
    assert Verdict.MISSING not in {signature.verdict for signature in seen.signatures}


def test_a_proxy_that_stops_signing_is_no_other_path() -> None:
    """The same refresh, but nobody new on the path: the signature is missing."""
    records = records_of_life(run(lab={"proxies": 1}, options={"refreshes": 1}, clock=Clock()))
    place = max(r.place for r in records if b"Proxy-Authentication-Info" in r.raw) - 2
    raw = re.sub(rb"\r\nProxy-Authentication-Info: [^\r]*", b"", records[place - 1].raw)
    assert raw != records[place - 1].raw
    seen = outcome([replace(r, raw=raw) if r.place == place else r for r in records], GIVEN)
    assert "signature-missing" in seen.ids
    assert "association-replaced" not in seen.ids


@pytest.mark.parametrize("fault", ["snum-reset", "replay-after-refresh"])
def test_numbers_that_come_again(fault: str) -> None:
    result = run(fault, options={"refreshes": 2}, clock=Clock())
    assert "num-replayed" in outcome(records_of_life(result), GIVEN).ids


def test_requests_of_the_server_go_on_with_its_numbers() -> None:
    clock = Clock()
    clock.at(100, lambda deployment: deployment.send_message())
    seen = outcome(records_of_life(held(2 * HOUR, clock=clock)), GIVEN)
    home = next(one for one in seen.associations if one.targetname.startswith("hs2"))
    numbers = [one.num for one in home.signatures if one.sender.value == "server"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert seen.ids == []


def home(seen: Outcome) -> list[AssociationResult]:
    return [one for one in seen.associations if one.targetname.startswith("hs2")]


def test_the_eighth_hour() -> None:
    seen = outcome(records_of_life(held(24 * HOUR)), GIVEN)
    first, second, third = home(seen)
    assert [one.handshake for one in (first, second, third)] == [1, 2, 3]
    assert (first.made_for, third.ended_by) == ("", "")
    assert "it was 9 h 57 min old; associations live 8 h 0 min at most" in second.made_for
    assert first.ended_by.startswith("challenged again: it was 9 h 57 min old")
    assert [(found.id, found.severity.value) for found in seen.findings] == [("association-expired", "info")]
    assert {signature.verdict for signature in seen.signatures} == {Verdict.VALID}


def test_a_server_whose_associations_live_shorter() -> None:
    twenty = timedelta(seconds=20)
    result = held(60, lab={"sa_lifetime": twenty}, options={"association_lifetime": twenty}, clock=Clock(late=0.01))
    seen = outcome(records_of_life(result), GIVEN)
    first, second, third = home(seen)
    assert "20 s old, as the next one; it seems that this server lets none live longer" in first.ended_by
    assert "20 s old, as the one before" in second.ended_by
    assert second.made_for == f"the server {first.ended_by}"
    assert third.made_for == f"the server {second.ended_by}"
    assert {(found.id, found.severity.value) for found in seen.findings} == {
        ("association-expired", "info"),
        ("expires-too-short", "warning"),
    }
    assert "nothing tells" not in str([found.evidence for found in seen.findings])
    assert [step.remark for step in first.steps if step.remark.startswith("challenged")] == [first.ended_by]
    assert {signature.verdict for signature in seen.signatures} == {Verdict.VALID}


@pytest.mark.parametrize(
    ("faults", "lab", "drop"),
    [
        ((), {"sa_lifetime": timedelta(seconds=20)}, None),
        (("expires-too-short=60",), {"sa_idle": timedelta(seconds=10)}, None),
        ((), {}, forget),
        ((), {}, restart),
    ],
    ids=["lifetime", "idle", "forgotten", "restart"],
)
def test_a_capture_says_of_each_end_what_the_live_run_says(
    faults: tuple[str, ...], lab: dict[str, Any], drop: Callable[[Deployment], Awaitable[None]] | None
) -> None:
    clock = Clock(late=0.01)
    if drop is not None:
        clock.at(50, drop)
    result = held(200, *faults, lab=lab, clock=clock)
    name = "the association with hs2.litwareinc.com"
    live = [made.detail.replace(name, "it") for made in life(result).handshakes if made.ended is not None]
    seen = outcome(records_of_life(result), GIVEN)
    assert live
    assert [one.ended_by for one in home(seen) if one.ended_by] == [f"challenged again: {words}" for words in live]


def test_one_early_end_is_explained_by_the_lifetime_that_was_given() -> None:
    twenty = timedelta(seconds=20)
    records = records_of_life(held(30, lab={"sa_lifetime": twenty}, clock=Clock(late=0.01)))
    first, _ = home(outcome(records, GIVEN))
    assert "nothing tells why" in first.ended_by
    seen = outcome(records, GIVEN, lifetime=twenty)
    assert home(seen)[0].ended_by == "challenged again: it was 20 s old; associations live 20 s at most"
    severities = {found.id: found.severity.value for found in seen.findings}
    assert severities["association-expired"] == "info"


def test_an_idle_association_is_not_said_to_have_been_too_old() -> None:
    """Each is 30 s old when it is dropped, but because it was not used for 10 s."""
    ten = timedelta(seconds=10)
    seen = outcome(records_of_life(held(100, "expires-too-short=60", lab={"sa_idle": ten})), GIVEN)
    assert [one.handshake for one in home(seen)] == [1, 2, 3, 4, 5]
    ends = [one.ended_by for one in home(seen)[:3]]
    assert ["30 s, as the next one" in end for end in ends] == [True, False, False]
    assert all("it may be that this server drops idle ones" in end for end in ends)
    assert [(found.id, found.severity.value) for found in seen.findings] == [("association-expired", "warning")]


def test_associations_that_are_dropped_at_different_ages_leave_the_cause_open() -> None:
    clock = Clock()
    for seconds in (100, 200):
        clock.at(seconds, forget)
    seen = outcome(records_of_life(held(300, "expires-too-short=60", clock=clock)), GIVEN)
    first, second, _ = home(seen)
    assert "it was 2 min 0 s old" in first.ended_by
    assert "it was 1 min 30 s old" in second.ended_by
    assert all("nothing tells why" in one.ended_by for one in (first, second))


def test_a_restart_shows_by_the_new_connection() -> None:
    clock = Clock()
    clock.at(100, restart)
    seen = outcome(records_of_life(held(2 * HOUR, clock=clock)), GIVEN)
    (found,) = seen.findings
    assert (found.id, found.severity.value) == ("association-expired", "warning")
    assert "as after a restart of the server" in found.detail


def test_a_restart_shows_by_the_via_where_addresses_are_not_known() -> None:
    clock = Clock()
    clock.at(100, restart)
    records = [replace(one, source=None, destination=None) for one in records_of_life(held(2 * HOUR, clock=clock))]
    (found,) = outcome(records, GIVEN).findings
    assert "as after a restart of the server" in found.detail
    same = [replace(one, raw=re.sub(rb"(Via: SIP/2.0/TLS [^:]+):\d+", rb"\1:40000", one.raw)) for one in records]
    (found,) = outcome(same, NOTHING).findings
    assert "nothing tells why" in found.detail


def test_a_client_that_was_away_for_longer_than_its_registration_saw_no_restart() -> None:
    found = {finding.id: finding for finding in outcome(records_of_life(suspended()), GIVEN).findings}
    assert set(found) == {"association-expired", "registration-lapsed"}
    assert found["association-expired"].detail.endswith("nothing tells why the server dropped it.")


def of_two(life: Callable[[str], list[Record]], by: timedelta) -> tuple[list[str], list[AssociationResult]]:
    """Why the associations of ned and of nina, who came later, ended; and all of them."""
    later = [replace(one, time=one.time + by) for one in life("nina") if one.time is not None]
    seen = outcome(sorted([*life("ned"), *later], key=lambda record: str(record.time)), NOTHING)
    return [found.detail for found in seen.findings if found.id == "association-expired"], home(seen)


def test_a_restart_shows_by_the_other_clients() -> None:
    by = timedelta(seconds=1000)

    def life(user: str) -> list[Record]:
        clock = Clock()
        clock.at(1500 if user == "ned" else 500, forget)
        return records_of_life(held(1600, "expires-too-short=60", clock=clock, user=user))

    details, _ = of_two(life, by)
    told = [detail for detail in details if "another client was challenged again at the same time" in detail]
    assert len(details) == 2
    assert len(told) == 1  # of whoever was challenged after the other


def test_associations_of_two_clients_that_end_at_the_same_age_show_no_restart() -> None:
    hour = timedelta(hours=1)

    def life(user: str) -> list[Record]:
        short = {"lab": {"sa_lifetime": hour}, "options": {"association_lifetime": hour}}
        return records_of_life(held(4 * HOUR, clock=Clock(late=0.01), user=user, **short))

    details, ends = of_two(life, timedelta(minutes=2))
    assert all("it seems that this server lets none live longer" in detail for detail in details)
    assert len([end for end in ends if "lets none live longer" in end.ended_by]) == 6


def test_idle_associations_of_two_clients_show_no_restart() -> None:
    """They are dropped where they were not used for 10 s, at different ages."""

    def life(user: str) -> list[Record]:
        idle = {"lab": {"sa_idle": timedelta(seconds=10)}}
        return records_of_life(held(100, "expires-too-short=60", user=user, **idle))

    _, ends = of_two(life, timedelta(seconds=45))
    assert len([end for end in ends if "unused for" in end.ended_by or "last known" in end.ended_by]) == 8
    assert not any("another client" in end.ended_by for end in ends)


def test_what_another_client_lost_before_explains_nothing() -> None:
    """The server still used nina's association after ned had lost his, so that no restart explains both."""

    def life(user: str, drop: float) -> list[Record]:
        clock = Clock()
        clock.at(drop, forget)
        return records_of_life(held(600, "expires-too-short=60", clock=clock, user=user))

    both = sorted([*life("ned", 100), *life("nina", 200)], key=lambda record: str(record.time))
    seen = outcome(both, NOTHING)
    details = [found.detail for found in seen.findings if found.id == "association-expired"]
    assert len(details) == 2
    assert all("nothing tells why" in detail for detail in details)


def test_the_eighth_hour_of_another_client_is_no_restart() -> None:
    """Nina, who came later, is challenged a minute after ned, whose association had lived its time."""
    dropped = Clock()
    dropped.at(100, forget)
    nina = records_of_life(held(2 * HOUR, clock=dropped, user="nina"))
    came = timedelta(seconds=5 * 7170 + 60 - 7170)
    later = [replace(one, time=one.time + came) for one in nina if one.time is not None]
    both = sorted([*records_of_life(held(12 * HOUR)), *later], key=lambda record: str(record.time))
    found = [found for found in outcome(both, NOTHING).findings if found.id == "association-expired"]
    assert sorted(one.severity.value for one in found) == ["info", "warning"]
    assert not any("another client" in one.detail for one in found)


def test_a_dropped_association_leaves_the_cause_open() -> None:
    clock = Clock()
    clock.at(100, forget)
    (found,) = outcome(records_of_life(held(2 * HOUR, clock=clock)), GIVEN).findings
    assert "it was 1 h 59 min old and last known to the server" in found.detail
    assert "nothing tells why the server dropped it" in found.detail


@pytest.mark.parametrize("pause", [8, 10], ids=["before it registers anew", "before the refresh"])
def test_a_client_that_takes_its_registration_back_and_registers_anew_keeps_its_association(pause: int) -> None:
    """The REGISTERs are signed with it, however long the client pauses before, and so is a later refresh."""
    records = session()[:12]
    for place, old, new in ((7, b"CSeq:", b"Expires: 0\r\nCSeq:"), (8, b"Expires: 7200", b"Expires: 0")):
        records = changed(records, place, old, new)
    later = [replace(one, time=one.time + timedelta(hours=1)) for one in records[pause:] if one.time is not None]
    seen = outcome([*records[:pause], *later], NOTHING)
    assert [one.handshake_seen for one in seen.associations] == [True]


def test_of_a_life_that_was_seen_in_part_no_age_is_told() -> None:
    """The capture begins a minute before the end: with the refresh before the one that is challenged."""
    records = records_of_life(held(12 * HOUR))
    begin = next(place for place, one in enumerate(records) if one.time and one.time.hour == 19)
    (found,) = outcome(records[begin:], NOTHING).findings
    assert (found.id, found.severity.value) == ("association-expired", "info")
    assert found.detail.endswith(
        "challenges a signed REGISTER of sip:ned@litwareinc.com: how old it was is not known."
    )


def test_a_client_that_goes_on_signing_with_what_is_gone_is_told_once() -> None:
    clock = Clock()
    clock.at(100, forget)
    records = records_of_life(held(2 * HOUR, clock=clock))
    at = next(place for place, one in enumerate(records) if one.time and one.time >= clock.start + timedelta(hours=1))
    request, challenge = records[at : at + 2]
    assert challenge.raw.startswith(b"SIP/2.0 401")
    again = [
        replace(one, raw=re.sub(rb"CSeq: \d+", b"CSeq: 77", one.raw.replace(b'cnum="2"', b'cnum="3"')))
        for one in (request, challenge)
    ]
    seen = outcome([*records[: at + 2], *again], NOTHING)
    (found,) = [found for found in seen.findings if found.id == "association-expired"]
    assert "more like it" not in found.detail
    assert "how old" not in found.detail


def late_refresh() -> list[Record]:
    clock = Clock()

    async def oversleep(deployment: Deployment) -> None:
        clock.time += timedelta(seconds=300)

    clock.at(7100, oversleep)
    return records_of_life(held(3 * HOUR, clock=clock))


def test_a_refresh_that_comes_too_late() -> None:
    (found,) = outcome(late_refresh(), GIVEN).findings
    assert (found.id, found.severity.value) == ("registration-lapsed", "error")
    assert "ended 3 min 20 s before a refresh was answered" in found.detail


def test_a_client_that_meets_ever_new_servers_takes_no_ever_new_memory() -> None:
    watch = LifeWatch()
    records = records_of_life(held(1))
    ask = next(record for record in records if b'gssapi-data=""' in record.raw)
    reconstruction = Reconstruction(NOTHING)
    for number in range(10 * SERVERS_OF_CLIENT):
        raw = re.sub(rb'targetname="[^"]*"', b'targetname="hs%d.litwareinc.com"' % number, ask.raw)
        list(reconstruction.feed(replace(ask, raw=raw, place=number)))
    for tracked in list(reconstruction.close()):
        watch.began(tracked, records[0])
    (client,) = watch._clients.take_all()
    assert len(client.servers.take_all()) == SERVERS_OF_CLIENT


def test_where_an_answer_tells_no_time_no_end_is_claimed() -> None:
    def untold(record: Record) -> Record:
        raw = re.sub(rb"\r\nExpires: [^\r]*", b"", record.raw) if record.raw.startswith(b"SIP/2.0 200") else record.raw
        return replace(record, raw=re.sub(rb";expires=\d+", b"", raw))

    assert "registration-lapsed" not in outcome([untold(record) for record in late_refresh()], NOTHING).ids


def test_a_client_that_goes_on_without_a_refresh() -> None:
    records = records_of_life(held(2 * HOUR, options={"probes": ("OPTIONS",)}))
    options = next(record for record in records if record.raw.startswith(b"OPTIONS"))
    assert options.time is not None
    kept = [record for record in records if record.time is not None and record.time <= options.time]
    late = replace(options, time=options.time + timedelta(hours=3), place=999)
    seen = outcome([*kept[:-1], late], GIVEN)
    assert "registration-lapsed" in seen.ids
    assert "was not made again" in next(f.detail for f in seen.findings if f.id == "registration-lapsed")
    assert "registration-lapsed" not in outcome(records, GIVEN).ids


def test_times_of_different_inputs_are_not_compared() -> None:
    """A second log of the same registration, whose clock is hours behind."""
    records = records_of_life(held(2 * HOUR))
    other = [
        replace(record, input="other.log", time=record.time + timedelta(hours=5))
        for record in records
        if record.time is not None
    ]
    assert "registration-lapsed" not in outcome([*records, *other], GIVEN).ids


@pytest.mark.parametrize(("granted", "expected"), [(59, ["expires-too-short"]), (60, [])])
def test_registrations_that_are_granted_for_a_short_time(granted: int, expected: list[str]) -> None:
    assert outcome(records_of_life(run(f"expires-too-short={granted}", clock=Clock())), GIVEN).ids == expected


def test_a_registration_that_is_accepted_with_202() -> None:
    (found,) = outcome(records_of_life(run("answer=202", clock=Clock())), GIVEN).findings
    assert (found.id, found.severity.value) == ("unusual-success", "warning")


@pytest.mark.parametrize("proxies", [0, 2])
def test_a_healthy_life_has_no_finding(proxies: int) -> None:
    result = held(7 * HOUR, lab={"proxies": proxies}, options={"refreshes": 2, "probes": PROBES})
    seen = outcome(records_of_life(result), GIVEN)
    assert seen.ids == []
    assert {one.ended_by for one in seen.associations} == {""}
