"""The entry: records in, associations and findings out, in memory that does not grow with the input."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sipauthctl.analysis.diagnosis import findings as association_findings
from sipauthctl.analysis.diagnosis import kdc, of_the_server, trace
from sipauthctl.analysis.diagnosis.flow import ANSWER_SECONDS, DialogEnd, of_dialog
from sipauthctl.analysis.kdc_errors import KdcErrors
from sipauthctl.analysis.reading import without_quote
from sipauthctl.analysis.reconstruction import Reconstruction
from sipauthctl.analysis.refused import Refusal, Termination
from sipauthctl.analysis.results import AssociationResult, InputCount, State
from sipauthctl.analysis.secrets import GivenSecret, Secrets
from sipauthctl.analysis.server_errors import ServerErrors
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.association.known_secrets import KnownSecrets
from sipauthctl.association.offers import host_of
from sipauthctl.association.redaction import without_tokens
from sipauthctl.association.security_association import LIFETIME
from sipauthctl.capture.record import UNFINISHED, KdcError, Notice, Record
from sipauthctl.diagnosis.ranking import MOST_FINDINGS, FindingCollector, merged
from sipauthctl.findings import Finding, Scope, Severity, catalogue, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import SipError

_ANSWER = b"SIP/"
_NOTICES_KEPT = 200
_REFUSED_HELD = 256
_OF_EXACT_BYTES = frozenset({"signature-invalid", "redirect-unsigned"})


class Analysis:
    """One analysis: iterate `associations` to its end, then read the rest.

    Args:
        items: the messages in the order of time, and notices.
        secrets: what the user gave.
        local_times: the inputs whose times are those of a local clock of unknown zone (client logs).
        about: the SIP URI of the one user who is asked about. What is found on others and does not concern the server
            then stands in `of_others` alone. Empty for everybody.
        lifetime: how long the servers keep an association.
        known: is given the tokens that clients send, so that no output shows them.
    """

    def __init__(
        self,
        items: Iterable[Record | Notice],
        secrets: Secrets,
        *,
        local_times: Collection[str] = (),
        about: str = "",
        lifetime: timedelta = LIFETIME,
        known: KnownSecrets | None = None,
    ) -> None:
        self._items = items
        self._known = known or KnownSecrets()
        self._local_times = frozenset(local_times)
        self._about = about.lower()
        self._reconstruction = Reconstruction(secrets, lifetime)
        self._collector = FindingCollector(counting=True)
        self._counts: dict[str, list[int]] = {}
        self._unread: dict[str, Notice] = {}
        self._last: datetime | None = None
        self._ends: dict[str, datetime] = {}
        self._cut: set[str] = set()
        self._server_errors = ServerErrors()
        self._damaged: set[str] = set()
        self._kdc_errors = KdcErrors()
        self._refused: deque[Tracked] = deque()
        self._refusals: deque[Refusal | Termination] = deque()
        self._fitted: dict[GivenSecret, set[str]] = {}
        self.notices: list[Notice] = []
        """The notices of the readers that are no findings, the first 200, and one that counts the others."""
        self.unfinished: dict[str, str] = {}
        """Why inputs were not read to their end, a sentence for each of them."""
        self._notices_left_out = 0
        self.of_others: list[tuple[str, str]] = []
        """Where one user was asked about: the ids of findings on others, each with the SIP URI, empty where it is not
        known; the first 200. Complete when `associations` is at its end."""

    def associations(self) -> Iterator[AssociationResult]:
        """Each association when it is over; those that are open when the input ends come last."""
        for item in self._items:
            if isinstance(item, Notice):
                self._notice(item)
                continue
            count = self._counts.get(item.input)
            if count is None:
                count = self._counts[item.input] = [0, 0]
            count[0] += 1
            if not item.raw.startswith(_ANSWER):
                self._known.add_request(item.raw)
            if item.time is not None:
                self._last = item.time if self._last is None else max(self._last, item.time)
                self._ends[item.input] = max(self._ends.get(item.input, item.time), item.time)
            try:
                over = self._reconstruction.feed(item)
            except SipError as unread:
                count[1] += 1
                self._unread.setdefault(item.input, _unread(item, unread))
                continue
            if over:
                yield from self._tell(over)
            self._refusals.extend(self._reconstruction.refused.over())
            while len(self._refusals) > _REFUSED_HELD:
                self._judge_refusal(self._refusals.popleft())
            if self._reconstruction.memory.dialogs_over:
                self._dialogs()
        yield from self._tell(self._reconstruction.close())
        while self._refused:
            self._judge(self._refused.popleft())
        while self._refusals:
            self._judge_refusal(self._refusals.popleft())
        self._dialogs()
        if self._notices_left_out:
            text = f"{self._notices_left_out} more notes on the inputs are left out."
            self.notices.append(Notice("left-out", text, self.notices[-1].input))
        for path, first in self._unread.items():
            text = f"{self._counts[path][1]} of {self._counts[path][0]} messages cannot be read as SIP; {first.text}"
            self.notices.append(replace(first, text=text))
        rest = self._server_errors.rest()
        self._collect(trace.of_others(rest, "A server trace says, of no sign-in that is in the input"), "", "")
        for error, sign_in in self._kdc_errors.pairs():
            self._collect(kdc.findings(error, sign_in), sign_in.user, "")

    @property
    def inputs(self) -> tuple[InputCount, ...]:
        """How many messages each input gave, in the order of their first message."""
        return tuple(InputCount(path, messages, unreadable) for path, (messages, unreadable) in self._counts.items())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings in order, see `diagnosis.ranking`. Complete when `associations` is at its end."""
        return self._collector.ranked()

    def _tell(self, over: list[Tracked]) -> Iterator[AssociationResult]:
        for tracked in over:
            cut = self._cut_inputs(step.input for step in tracked.steps)
            tracked.input_is_cut = bool(cut)
            tracked.cut_off = tracked.ends_input and self._just_now(tracked.ended, cut)
            self._note_secret(tracked)
            established = tracked.state is State.ESTABLISHED
            self._kdc_errors.sign_in(
                tracked.who,
                tracked.where,
                tracked.client,
                (tracked.began, tracked.ended),
                established=established,
                by_kerberos=established and tracked.scheme is Scheme.KERBEROS,
            )
            if tracked.state is State.FAILED:
                # What explains a refusal may stand after it: an error of the server, another sign-in.
                self._refused.append(tracked)
                if len(self._refused) > _REFUSED_HELD:
                    self._judge(self._refused.popleft())
            else:
                self._judge(tracked)
            yield tracked.result()

    def _note_secret(self, tracked: Tracked) -> None:
        """Remembers whose a secret is that was given for everybody, once it fits somebody."""
        check = tracked.secret
        if check is not None and check.verifier is not None and check.given is not None and check.given.name is None:
            self._fitted.setdefault(check.given, set()).add(_logon(tracked))

    def _judge(self, tracked: Tracked) -> None:
        """Notes the findings on one association."""
        tracked.one_way = not self._reconstruction.responses
        tracked.server_errors = self._server_errors.of(tracked.call_id)
        given = tracked.secret.given if tracked.secret is not None else None
        fitted = self._fitted.get(given, set()) if given is not None else set()
        tracked.secret_of_another = bool(fitted) and _logon(tracked) not in fitted
        local = (tracked.challenge_input or _input_of(tracked)) in self._local_times
        found = [self._doubted(one) for one in association_findings(tracked, local_times=local)]
        of_server = of_the_server(tracked, found, local_times=local)
        subject = tracked.endpoint.address, tracked.name.targetname
        self._collect(found, *subject, of_server, None if tracked.opaque is None else without_tokens(tracked.opaque))

    def _collect(
        self,
        found: Iterable[Finding],
        user: str,
        server: str,
        of_server: Collection[Finding] | None = None,
        association: str | None = None,
    ) -> None:
        """Notes findings on a user at a server; `of_server` are those of them that concern the server."""
        host = without_tokens(host_of(server)) or None
        for one in found:
            common = catalogue()[one.id].scope is Scope.SERVER if of_server is None else one in of_server
            other = (one.id, user)
            if self._about in ("", user) or common:
                told = replace(one, user=user or None, server=host, association=association)
                self._collector.add([told], user, server)
            elif other not in self.of_others and len(self.of_others) < MOST_FINDINGS:
                self.of_others.append(other)

    def _doubted(self, found: Finding) -> Finding:
        """A wrong signature in a log that lost or changed lines may be the log's fault."""
        where = found.evidence[0].rpartition(":")[0] if found.evidence else ""
        if found.id not in _OF_EXACT_BYTES or where not in self._damaged:
            return found
        detail = f"{found.detail} But lines of this log are missing or changed, which alone can make it wrong."
        return replace(found, detail=detail, severity=Severity.WARNING)

    def _judge_refusal(self, refusal: Refusal | Termination) -> None:
        """Notes the findings on an answer that no handshake ends with, with what a server trace says of it."""
        user = refusal.user.address
        errors = self._server_errors.of(refusal.call_id)
        told = trace.of_refused(errors, user, refusal.server, refusal.scheme)
        self._collect(merged([*refusal.findings(trace.codes_in(errors)), *told]), user, refusal.server)

    def _dialogs(self) -> None:
        for dialog in self._reconstruction.dialogs_over():
            local = dialog.challenge is not None and dialog.challenge.input in self._local_times
            cut = self._cut_inputs(input_ for input_, _, _ in dialog.highest)
            end = DialogEnd(
                cut_off=self._just_now(dialog.last_time, cut),
                input_is_cut=bool(cut),
                one_way=not self._reconstruction.responses,
                elsewhere=self._reconstruction.signed_in_otherwise(dialog),
            )
            found = of_dialog(dialog, end, local_times=local)
            server = dialog.challenge.server if dialog.challenge is not None else ""
            if not dialog.went_on:
                times = (dialog.first_time, dialog.last_time)
                user = dialog.endpoint.address
                self._kdc_errors.sign_in(user, server, dialog.client, times, established=False, by_kerberos=False)
            errors = () if dialog.went_on else self._server_errors.untold(dialog.call_id)
            told = trace.of_others(errors, f"A server trace says of {dialog.endpoint.address}")
            self._collect([*found, *told], dialog.endpoint.address, server)

    def _cut_inputs(self, inputs: Iterable[str]) -> set[str]:
        """These inputs, if none of them was read to its end."""
        seen = set(inputs)
        return seen if seen <= self._cut else set()

    def _just_now(self, time: datetime | None, cut: Collection[str] = ()) -> bool:
        """Whether the input ends before an answer was due; without times nothing shows that it was. Of inputs that are
        cut off only their own end counts, not that of others."""
        ends = [self._ends[input_] for input_ in cut if input_ in self._ends]
        last = max(ends, default=self._last)
        if time is None or last is None:
            return True
        return (last - time).total_seconds() < ANSWER_SECONDS

    def _notice(self, notice: Notice) -> None:
        if notice.input_is_cut:
            self._cut.add(notice.input)
        if notice.kind in UNFINISHED:
            self.unfinished.setdefault(notice.input, f"{notice.input} is not read to its end: {notice.text}")
        if notice.kind == "damaged-message":
            self._damaged.add(notice.input)
        if isinstance(notice, KdcError):
            self._kdc_errors.add(notice)
        elif notice.kind in ("security-error", "routing-error"):
            self._server_errors.add(notice)
        elif notice.kind == "undecrypted-tls":
            # Beside SIP that can be read, TLS may well be of something else.
            severity = Severity.INFO if notice.input in self._counts else None
            found = finding("tls-not-decrypted", notice.text, [notice.input], severity=severity)
            self._collector.add([found], server=notice.input)
        elif len(self.notices) < _NOTICES_KEPT:
            self.notices.append(notice)
        else:
            self._notices_left_out += 1


def _unread(record: Record, error: SipError) -> Notice:
    # The error quotes the message after a colon; what cannot be read may well be a token.
    return Notice("unreadable-messages", f"of the first one: {without_quote(error)}.", record.input, record.place)


def _logon(tracked: Tracked) -> str:
    return tracked.authenticate.user.lower() if tracked.authenticate is not None else ""


def _input_of(tracked: Tracked) -> str:
    return tracked.steps[0].input if tracked.steps else ""
