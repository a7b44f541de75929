"""The entry: records in, associations and findings out, in memory that does not grow with the input."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from sipauthctl.analysis.diagnosis import findings as association_findings
from sipauthctl.analysis.diagnosis.flow import ANSWER_SECONDS, of_dialog
from sipauthctl.analysis.reconstruction import Reconstruction
from sipauthctl.analysis.results import AssociationResult, InputCount
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.analysis.summary import FindingCollector
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.capture.record import Notice, Record
from sipauthctl.findings import Finding
from sipauthctl.sip.errors import SipError

_NOTICES_KEPT = 200


class Analysis:
    """One analysis: iterate `associations` to its end, then read the rest.

    Args:
        items: the messages in the order of time, and notices.
        secrets: what the user gave.
        local_times: the inputs whose times are those of a local clock of unknown zone (client logs).
    """

    def __init__(
        self, items: Iterable[Record | Notice], secrets: Secrets, *, local_times: Collection[str] = ()
    ) -> None:
        self._items = items
        self._local_times = frozenset(local_times)
        self._reconstruction = Reconstruction(secrets)
        self._collector = FindingCollector()
        self._counts: dict[str, list[int]] = {}
        self._last: datetime | None = None
        self.notices: list[Notice] = []
        """The notices of the readers, the first 200; `notices_left_out` counts the others."""
        self.notices_left_out = 0

    def associations(self) -> Iterator[AssociationResult]:
        """Each association when it is over; those that are open when the input ends come last."""
        for item in self._items:
            if isinstance(item, Notice):
                self._notice(item)
                continue
            count = self._counts.setdefault(item.input, [0, 0])
            count[0] += 1
            if item.time is not None:
                self._last = item.time if self._last is None else max(self._last, item.time)
            try:
                over = list(self._reconstruction.feed(item))
            except SipError:
                count[1] += 1
                continue
            yield from self._tell(over)
            self._dialogs()
        yield from self._tell(list(self._reconstruction.close()))
        self._dialogs()

    @property
    def inputs(self) -> tuple[InputCount, ...]:
        """How many messages each input gave, in the order of their first message."""
        return tuple(InputCount(path, messages, unreadable) for path, (messages, unreadable) in self._counts.items())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, errors first. Complete when `associations` is at its end."""
        return self._collector.findings()

    def _tell(self, over: list[Tracked]) -> Iterator[AssociationResult]:
        for tracked in over:
            tracked.cut_off = tracked.ends_input and self._just_now(tracked.ended)
            local = (tracked.challenge_input or _input_of(tracked)) in self._local_times
            found = association_findings(tracked, local_times=local)
            self._collector.add(found, f"{tracked.endpoint.address} {tracked.name.targetname}")
            yield tracked.result()

    def _dialogs(self) -> None:
        over, self._reconstruction.dialogs_over = self._reconstruction.dialogs_over, []
        for dialog in over:
            local = dialog.challenge is not None and dialog.challenge.input in self._local_times
            found = of_dialog(dialog, local_times=local, cut_off=self._just_now(dialog.last_time))
            server = dialog.challenge.server if dialog.challenge is not None else ""
            self._collector.add(found, f"{dialog.endpoint.address} {server}")

    def _just_now(self, time: datetime | None) -> bool:
        """Whether the input ends before an answer was due."""
        if time is None or self._last is None:
            return False
        return (self._last - time).total_seconds() < ANSWER_SECONDS

    def _notice(self, notice: Notice) -> None:
        if len(self.notices) < _NOTICES_KEPT:
            self.notices.append(notice)
        else:
            self.notices_left_out += 1


def analyze(items: Iterable[Record | Notice], secrets: Secrets, *, local_times: Collection[str] = ()) -> Analysis:
    """Analyses the messages of captures and logs; see `Analysis`."""
    return Analysis(items, secrets, local_times=local_times)


def _input_of(tracked: Tracked) -> str:
    return tracked.steps[0].input if tracked.steps else ""
