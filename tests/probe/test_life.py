"""The life of a registration after sign-in: a lab and a prober under one clock that no test waits for."""

from __future__ import annotations

import asyncio
import io
import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from rich.console import Console

from sipauthctl.association.known_secrets import KnownSecrets
from sipauthctl.association.verdict import Verdict
from sipauthctl.diagnosis.ending import EndCause
from sipauthctl.findings import Severity
from sipauthctl.lab.deployment import Deployment
from sipauthctl.probe import kept
from sipauthctl.probe.events import RequestReceived, RequestSent, ResponseReceived, ResponseSent, StrayResponse
from sipauthctl.probe.results import FirstReason, Life, Outcome
from sipauthctl.probe.trace import Trace
from sipauthctl.report.json_output import registration_document
from sipauthctl.report.ladder import Ladder
from tests.probe.harness import Clock, Run, run
from tests.report.schemas import validate

HOUR = 3600.0


def held(seconds: float, *faults: str, clock: Clock | None = None, **more: Any) -> Run:
    options = {"hold": timedelta(seconds=seconds), **more.pop("options", {})}
    return run(*faults, clock=clock or Clock(), options=options, **more)


def life(result: Run) -> Life:
    return result.registration.hops[-1].life


def reasons(result: Run) -> list[str]:
    return [made.reason.value for made in life(result).handshakes]


def at_home(result: Run, *kinds: str) -> list[float]:
    """When the home server did one of these, in seconds from the start."""
    start = result.lab[0].time
    return [
        (event.time - start).total_seconds()
        for event in result.lab
        if event.what in kinds and event.server.startswith("hs2")
    ]


def test_a_day_has_a_refresh_before_each_end_and_a_handshake_each_eighth_hour() -> None:
    result = held(24 * HOUR)
    assert result.registration.outcome is Outcome.REGISTERED
    # Refreshes come 30 s before the end of 7200 s; the first one after 8 hours is challenged.
    assert reasons(result) == ["sign-in", "lifetime", "lifetime"]
    times = at_home(result, "registered", "refreshed")
    assert times == [7170.0 * number for number in range(13)]
    assert {refresh.trusted for refresh in life(result).refreshes} == {True}
    assert life(result).lapses == ()
    assert [f"{f.severity.value} {f.id}" for f in result.registration.findings] == ["info association-expired"]
    assert not result.registration.failed


def test_with_an_association_life_of_20_seconds_a_minute_takes_three_handshakes() -> None:
    twenty = timedelta(seconds=20)
    clock = Clock(late=0.01)  # as every timer is; else the last association would be 20 s old at the end too
    result = held(60, lab={"sa_lifetime": twenty}, options={"association_lifetime": twenty}, clock=clock)
    assert reasons(result) == ["sign-in", "lifetime", "lifetime"]
    assert [made.age_seconds for made in life(result).handshakes] == [None, 20.08, 20.08]
    assert life(result).lapses == ()
    assert all(made.association is not None for made in life(result).handshakes)
    times = at_home(result, "registered", "refreshed", "de-registered")
    assert max(after - before for before, after in pairwise(times)) < 5  # never unregistered
    verdicts = {event.signature.verdict for event in result.lab if event.signature is not None}
    assert verdicts == {Verdict.VALID}


def test_a_shorter_life_than_the_usual_is_told_from_idleness() -> None:
    """Both end at the same age each time; only one had outlived as long a rest before."""
    young = held(60, lab={"sa_lifetime": timedelta(seconds=20)}, clock=Clock(late=0.01))
    idle = held(100, "expires-too-short=60", lab={"sa_idle": timedelta(seconds=10)}, clock=Clock(late=0.01))
    found = [next(f for f in run.registration.findings if f.id == "association-expired") for run in (young, idle)]
    assert reasons(young) == ["sign-in", "lifetime", "lifetime"]
    assert reasons(idle) == ["sign-in", "unknown", "unknown", "unknown"]
    assert [one.severity for one in found] == [Severity.INFO, Severity.WARNING]
    assert "was 20 s old, as the next one; it seems that this server lets none live longer" in found[0].detail
    assert "unused for 30 s, as the next one; it may be that this server drops idle ones" in found[1].detail
    assert [made.idle_seconds for made in life(idle).handshakes[1:]] == [30.01, 30.01, 30.01]


def test_a_new_handshake_stays_on_the_same_registration() -> None:
    result = held(30, lab={"sa_lifetime": timedelta(seconds=20)})
    requests = [event.request for event in result.events if isinstance(event, RequestSent)]
    assert len({request.call_id for request in requests}) == 1
    assert len({request.from_.param("epid") for request in requests}) == 1
    assert [request.cseq.number for request in requests] == list(range(1, len(requests) + 1))


def test_a_client_that_was_away_for_longer_than_its_registration_saw_no_restart() -> None:
    result = suspended()
    assert reasons(result) == ["sign-in", "unknown"]
    assert len(life(result).lapses) == 1


def test_an_early_end_that_nothing_explains_is_unknown() -> None:
    clock = Clock()
    clock.at(100, forget)
    result = held(2 * HOUR, clock=clock)
    assert reasons(result) == ["sign-in", "unknown"]
    assert life(result).handshakes[1].age_seconds == 7170.0
    (finding,) = result.registration.findings
    assert (finding.id, finding.severity) == ("association-expired", Severity.WARNING)
    assert "was 1 h 59 min old and last known to the server 1 h 59 min before; nothing tells why" in finding.detail


def test_an_early_end_is_explained_by_the_one_before_and_by_the_next_one() -> None:
    result = held(60, lab={"sa_lifetime": timedelta(seconds=20)}, clock=Clock(late=0.01))
    named = "the association with hs2.litwareinc.com was 20 s old, as"
    assert [made.detail[: len(named) + 15] for made in life(result).handshakes[1:]] == [
        f"{named} the next one; ",
        f"{named} the one before",
    ]


async def forget(deployment: Deployment) -> None:
    deployment.home.authenticator.forget()


async def restart(deployment: Deployment) -> None:
    await deployment.restart()


def suspended() -> Run:
    """A computer that sleeps for three hours, during which its connections and the association end."""
    clock = Clock()

    async def sleep_on(deployment: Deployment) -> None:
        clock.time += timedelta(hours=3)
        await deployment.restart()

    clock.at(100, sleep_on)
    return held(5 * HOUR, clock=clock)


def test_a_restart_is_told_from_a_dropped_association() -> None:
    clock = Clock()
    clock.at(100, restart)
    result = held(2 * HOUR, clock=clock)
    assert reasons(result) == ["sign-in", "restart"]
    assert life(result).reconnections == 1
    assert result.registration.outcome is Outcome.REGISTERED
    assert "as after a restart" in result.registration.findings[0].detail


def test_a_connection_that_breaks_is_made_anew_and_the_association_signs_on() -> None:
    clock = Clock()

    async def disconnect(deployment: Deployment) -> None:
        for server in deployment._sip_servers:
            await server.disconnect()

    clock.at(100, disconnect)
    result = held(2 * HOUR, clock=clock)
    assert reasons(result) == ["sign-in"]
    assert life(result).reconnections == 1
    assert result.ids == []
    assert len(at_home(result, "refreshed")) >= 1


def test_keep_alives_go_at_half_of_the_timeout() -> None:
    result = held(1000)
    assert life(result).keep_alives == 6  # every 150 of 1000 seconds, as ms-keep-alive names 300
    assert life(result).refreshes == ()


@pytest.mark.parametrize(("granted", "interval"), [(100, 70.0), (60, 30.0), (40, 20.0), (4, 2.0), (1, 0.5)])
def test_the_rule_for_refreshes(granted: int, interval: float) -> None:
    result = held(4 * interval + 0.1, f"expires-too-short={granted}")
    assert at_home(result, "registered", "refreshed") == [interval * number for number in range(5)]
    assert life(result).lapses == ()
    assert result.ids == (["expires-too-short"] if granted < 60 else [])


def test_a_202_registers_as_a_200_does() -> None:
    result = run("answer=202", "refresh-answer=202", lab={"redirect": False}, options={"refreshes": 1})
    assert result.registration.outcome is Outcome.REGISTERED
    assert [f"{f.severity.value} {f.id}" for f in result.registration.findings] == ["warning unusual-success"]
    assert not result.registration.lost
    assert len(result.lab_did("de-registered")) == 1


def test_a_server_that_grants_no_time_is_not_asked_over_and_over() -> None:
    result = held(60, "expires-too-short=0")
    assert result.ids == ["registration-lost", "expires-too-short"]
    assert life(result).refreshes == ()
    assert result.registration.failed


def test_a_refresh_that_comes_too_late_is_a_lapse() -> None:
    clock = Clock()

    async def oversleep(deployment: Deployment) -> None:
        clock.time += timedelta(seconds=300)  # as a computer that was suspended

    clock.at(7100, oversleep)
    result = held(3 * HOUR, clock=clock)
    (lapse,) = life(result).lapses
    assert lapse.until is not None
    assert not result.registration.lost
    assert (lapse.until - lapse.since).total_seconds() == 200.0
    assert "error registration-lapsed" in [f"{f.severity.value} {f.id}" for f in result.registration.findings]
    assert "3 min 20 s before a refresh was answered" in result.registration.findings[0].detail


def test_a_server_that_does_not_come_back_loses_the_registration() -> None:
    clock = Clock()

    async def stop(deployment: Deployment) -> None:
        for server in deployment._sip_servers:
            await server.stop()

    clock.at(100, stop)
    result = held(3 * HOUR, clock=clock)
    assert result.ids == ["registration-lost", "registration-lapsed"]  # it ended by itself: nothing is left
    assert "connection refused" in result.registration.findings[0].detail
    assert result.registration.findings[0].evidence == ()
    assert life(result).lapses[0].until is None
    assert result.registration.lost
    assert clock.elapsed < 3 * HOUR + 60


def test_an_account_that_is_locked_meanwhile_is_told() -> None:
    clock = Clock()

    async def lock(deployment: Deployment) -> None:
        from sipauthctl.lab.accounts import AccountState, accounts_with

        deployment.directory.__init__(  # type: ignore[misc]
            accounts_with(AccountState.LOCKED_OUT),
            deployment.directory.dns_domain,
            deployment.directory.names,
        )

    clock.at(7 * HOUR, lock)
    result = held(10 * HOUR, clock=clock)
    assert reasons(result) == ["sign-in", "lifetime"]
    assert life(result).handshakes[1].association is None
    ids = [f"{f.severity.value} {f.id}" for f in result.registration.findings]
    assert ids == [
        "error credentials-refused",
        "warning registration-lost",
        "warning association-expired",
        "warning registration-left",
    ]
    assert len(result.lab_did("refused")) == 1  # one attempt, lest the account be locked for good


def test_ctrl_c_ends_the_hold_and_takes_the_registration_back() -> None:
    from tests.probe.test_interrupt import interrupted_hold

    registration, lab = asyncio.run(interrupted_hold(Clock(), 100.0))
    assert registration.outcome is Outcome.REGISTERED
    assert [event.what for event in lab if event.what in ("registered", "de-registered")] == [
        "registered",
        "de-registered",
    ]


@pytest.mark.parametrize("proxies", [1, 2, 3])
@pytest.mark.parametrize("forked", [False, True], ids=["chain", "forked"])
def test_a_registration_through_several_proxies(proxies: int, forked: bool) -> None:
    result = run(lab={"proxies": proxies, "forked": forked}, options={"refreshes": 2})
    assert result.registration.outcome is Outcome.REGISTERED
    assert result.ids == []
    assert reasons(result) == ["sign-in", *["next-server"] * proxies]
    checks = [event.signature for event in result.lab if event.signature is not None]
    assert all(check.trusted and check.problem is None for check in checks)
    last = [event.request for event in result.events if isinstance(event, RequestSent)][-1]
    assert len(last.headers.get_all("Proxy-Authorization")) == proxies
    assert len(last.headers.get_all("Authorization")) == 1


def test_each_proxys_signature_is_counted_by_its_name() -> None:
    result = run(lab={"proxies": 2}, options={"refreshes": 1})
    (hop,) = result.registration.hops
    by_name: dict[str | None, list[int | None]] = {}
    for check in hop.signatures:
        if check.sender == "server":
            by_name.setdefault(check.targetname, []).append(check.num)
    assert sorted(map(str, by_name)) == ["hs1.litwareinc.com", "hs2.litwareinc.com", "hs3.litwareinc.com"]
    for numbers in by_name.values():
        assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("method", ["OPTIONS", "SUBSCRIBE", "MESSAGE"])
def test_a_probe_is_signed_from_its_first_request_on(method: str) -> None:
    result = run(options={"probes": (method,)})
    assert result.ids == []
    probes = life(result).probes
    assert {(probe.method, probe.status, probe.trusted) for probe in probes} == {(method, 200, True)}
    requests = [e.request for e in result.events if isinstance(e, RequestSent) and e.request.method == method]
    assert len(requests) == len(probes)  # none was challenged
    assert all("gssapi-data" not in (request.headers.get("Authorization") or "") for request in requests)
    assert [probe.in_dialog for probe in probes] == [False, True, True][: len(probes)]


def test_a_dialog_keeps_the_set_of_credentials_that_its_first_request_needed() -> None:
    result = run(lab={"proxies": 2}, options={"probes": ("SUBSCRIBE",)})
    requests = [e.request for e in result.events if isinstance(e, RequestSent) and e.request.method == "SUBSCRIBE"]
    sets = [len(r.headers.get_all("Proxy-Authorization")) + len(r.headers.get_all("Authorization")) for r in requests]
    assert sets == [1, 2, 3, 3, 3]
    assert len({request.call_id for request in requests}) == 1
    assert [request.to.tag is not None for request in requests] == [False, False, False, True, True]
    assert requests[3].headers.get_all("Route") == (
        "<sip:hs1.litwareinc.com;transport=tls;lr>",
        "<sip:hs3.litwareinc.com;transport=tls;lr>",
    )
    assert result.ids == []


def test_requests_of_the_server_are_verified_and_answered_with_a_signature() -> None:
    result = run(lab={"proxies": 1}, options={"probes": ("SUBSCRIBE", "OPTIONS")})
    received = [event for event in result.events if isinstance(event, RequestReceived)]
    assert [event.request.method for event in received] == ["NOTIFY"] * 3
    assert all(check.verdict is Verdict.VALID for event in received for check in event.signatures)
    assert all(len(event.signatures) == 2 for event in received)
    assert len([event for event in result.events if isinstance(event, ResponseSent)]) == 3
    heard = result.lab_did("client answered")
    assert len(heard) == 2 * 3
    assert all(event.signature is not None and event.signature.trusted for event in heard)


def test_a_message_of_the_server_comes_in_while_the_registration_is_held() -> None:
    clock = Clock()
    clock.at(100, lambda deployment: deployment.send_message())
    result = held(2 * HOUR, clock=clock)
    (request,) = life(result).server_requests
    assert (request.method, request.verdicts) == ("MESSAGE", (Verdict.VALID,))
    numbers = [check.num for check in result.registration.hops[-1].signatures if check.sender == "server"]
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_unsigned_message_of_the_server_is_told() -> None:
    clock = Clock()
    clock.at(100, lambda deployment: deployment.send_message())
    result = held(2 * HOUR, "unsigned-request", clock=clock)
    assert result.ids == ["signature-missing"]
    (found,) = result.registration.findings
    assert found.detail == "The MESSAGE of hs2.litwareinc.com: the message carries no signature."
    (request,) = life(result).server_requests
    assert (request.method, request.verdicts) == ("MESSAGE", (Verdict.MISSING,))


def test_of_several_proxies_only_the_nearest_is_missed() -> None:
    result = run("unsigned-request", lab={"proxies": 2}, options={"probes": ("SUBSCRIBE",)})
    missing = [check for check in result.registration.hops[-1].signatures if check.verdict is Verdict.MISSING]
    assert {check.targetname for check in missing} == {"hs1.litwareinc.com"}
    assert result.ids == ["signature-missing"]


def test_of_a_server_that_floods_its_client_all_is_counted_and_a_part_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits lowered; the one wrong signature comes long after they are reached."""
    monkeypatch.setattr(kept, "CHECKS_KEPT", 20)
    monkeypatch.setattr(kept, "REQUESTS_KEPT", 5)
    clock = Clock()

    async def flood(deployment: Deployment) -> None:
        for _ in range(60):
            await deployment.send_message()

    clock.at(100, flood)
    result = held(2 * HOUR, "replay-after-refresh", clock=clock)
    hop = result.registration.hops[-1]
    assert (len(hop.life.server_requests), hop.life.server_requests_left_out) == (5, 55)
    assert len([check for check in hop.signatures if check.sender == "server"]) == 20 + 1
    replayed = [event for event in result.events if isinstance(event, StrayResponse)]
    came = [
        e for e in result.events if isinstance(e, RequestReceived) or (isinstance(e, ResponseReceived) and e.signature)
    ]
    at_home = [event for event in came if event.server == hop.server]
    assert hop.verdicts("server").total() == len(at_home) + len(replayed)
    assert result.ids == ["num-replayed"]
    document = registration_document(result.registration)
    validate(document, "register")
    assert document["hops"][-1]["server_requests_left_out"] == 55


REFUSED_REFRESHES = [
    ("404:4005", "user-not-enabled", "4005;"),
    ("403:4003", "remote-access-off", "4003;"),
    ("504:1010", "next-hop-failed", "1010;"),
    ("503", "server-diagnostic", "503 Service Unavailable"),
]


@pytest.mark.parametrize(("answer", "id_", "quoted"), REFUSED_REFRESHES)
def test_a_refused_refresh_is_told_as_a_refused_sign_in_is(answer: str, id_: str, quoted: str) -> None:
    result = run(f"refresh-answer={answer}", clock=Clock(), options={"refreshes": 1})
    found = result.registration.findings
    assert [f"{f.severity.value} {f.id}" for f in found] == [f"error {id_}", "warning registration-lost"]
    assert any(quoted in line for line in found[0].evidence)
    assert result.registration.lost


CASES: list[tuple[list[str], dict[str, Any], list[str]]] = [
    (["forgets-association"], {}, ["warning association-expired"]),
    (["forgets-association"], {"options": {"refreshes": 2}}, ["warning association-expired"]),
    (["forgets-association"], {"lab": {"proxies": 2}, "options": {"refreshes": 3}}, ["warning association-expired"]),
    (["wrong-proxy-signs"], {}, ["error wrong-signer", "warning registration-left"]),
    (["snum-reset"], {"options": {"refreshes": 1}}, ["error num-replayed", "warning registration-lost"]),
    (
        ["snum-reset"],
        {"options": {"hold": timedelta(hours=3)}},
        ["error num-replayed", "warning registration-lost"],
    ),
    (["replay-after-refresh"], {"options": {"refreshes": 1}}, ["error num-replayed"]),
    (["path-change"], {"options": {"refreshes": 2}}, ["info association-replaced"]),
    (["expires-too-short"], {}, ["warning expires-too-short"]),
    (["expires-too-short=59"], {}, ["warning expires-too-short"]),
    (["expires-too-short=60"], {}, []),
]


@pytest.mark.parametrize(
    ("faults", "setup", "findings"), CASES, ids=[" ".join([*c[0], *map(str, c[1].values())]) for c in CASES]
)
def test_a_fault_of_the_life_gives_its_finding_and_no_other(
    faults: list[str], setup: dict[str, Any], findings: list[str]
) -> None:
    result = run(*faults, clock=Clock(), **setup)
    assert [f"{f.severity.value} {f.id}" for f in result.registration.findings] == findings
    assert result.deployment.home.bindings.current(result.lab[-1].time) == ()


@pytest.mark.parametrize("proxies", [0, 2])
def test_a_healthy_life_has_no_finding(proxies: int) -> None:
    result = held(7 * HOUR, lab={"proxies": proxies}, options={"refreshes": 2, "probes": ("SUBSCRIBE", "MESSAGE")})
    assert result.ids == []
    assert life(result).handshakes[0].reason is FirstReason.SIGN_IN
    assert result.lab_did("not-preauthenticated") == []


@pytest.mark.parametrize("forked", [False, True], ids=["chain", "forked"])
def test_each_server_that_dropped_its_association_is_named_and_asks_once(forked: bool) -> None:
    result = run("forgets-association", lab={"proxies": 3, "forked": forked}, options={"refreshes": 3}, clock=Clock())
    again = [made for made in life(result).handshakes if made.reason is EndCause.UNKNOWN]
    hosts = [f"hs{number}.litwareinc.com" for number in (1, 2, 3, 4)]
    assert sorted(made.server for made in again) == hosts
    (finding,) = result.registration.findings
    who, _, what = finding.detail.partition(" challenged a registered client again 4 times: ")
    assert sorted(who.replace(" and ", ", ").split(", ")) == hosts
    assert "as the" not in what
    verdicts = {event.signature.verdict for event in result.lab if event.signature is not None}
    assert verdicts == {Verdict.VALID}


def test_after_another_path_the_new_association_signs() -> None:
    result = run("path-change", options={"refreshes": 2})
    assert "other-path" in reasons(result)
    last = [event.request for event in result.events if isinstance(event, RequestSent)][-1]
    (value,) = last.headers.get_all("Proxy-Authorization")
    assert 'targetname="hs5.litwareinc.com"' in value


def test_an_answer_that_comes_again_stands_in_the_trace_and_in_the_ladder() -> None:
    result = run("replay-after-refresh", options={"refreshes": 1})
    trace, shown = io.BytesIO(), io.StringIO()
    for observer in (Trace(trace, Clock().now, KnownSecrets()), Ladder(Console(file=shown, width=80))):
        for event in result.events:
            observer(event)
    numbers = re.findall(rb'targetname="hs2[^\r]*snum="(\d+)"', trace.getvalue())
    assert numbers == [b"1", b"2", b"1", b"3"]
    assert re.search(r"<- 200 OK +answers nothing, snum=1 valid:\s+number 1 was used before\n", shown.getvalue())


def test_a_short_registration_is_said_of_the_registrar_behind_the_proxies() -> None:
    (finding,) = run("expires-too-short", lab={"proxies": 2}).registration.findings
    assert finding.detail.startswith("hs2.litwareinc.com grants a registration 4 s")


def test_the_wrong_signer_is_named() -> None:
    finding, left = run("wrong-proxy-signs").registration.findings
    assert "to the de-registration cannot be believed: it names" in left.detail
    assert "it names hs1.litwareinc.com, and hs2.litwareinc.com made it" in finding.detail
