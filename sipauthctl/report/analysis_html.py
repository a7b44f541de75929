"""An analysis as one HTML file that needs nothing else: associations with their ladders, findings, a search field.

Everything from outside is made harmless and escaped, and the page's own policy forbids any script but the one here.
Written association by association, so that memory does not grow with the input.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from typing import TextIO

from sipauthctl.analysis.results import AssociationResult, ExplainedSignature, LadderStep
from sipauthctl.analysis.words import Sender
from sipauthctl.capture.record import Notice
from sipauthctl.findings import COMMAND_INDENT, Finding
from sipauthctl.report.analysis import inner_tls_words, life_lines, place_of, signature_summary
from sipauthctl.report.analysis_summary import TROUBLED_SHOWN, Tally, in_trouble, nothing_found, wrong_verdicts
from sipauthctl.report.findings import relation
from sipauthctl.report.text import safe

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin: 0; display: inline; }
input { font: inherit; padding: .4em; width: 24em; max-width: 100%; }
details, .finding { border: 1px solid #ccc; border-radius: 4px; margin: .6em 0; padding: .5em .8em; }
summary { cursor: pointer; }
table { border-collapse: collapse; margin: .5em 0; font: 13px/1.4 ui-monospace, monospace; }
td { padding: .1em .8em .1em 0; vertical-align: top; }
pre { font: 13px/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: .3em 0; }
.tag { border-radius: 3px; color: #fff; font-size: .8em; padding: .1em .5em; }
.established, .valid, .consistent { background: #17692f; }
.failed, .error, .invalid, .inconsistent { background: #a11; }
.incomplete, .warning, .missing, .unverifiable { background: #855b00; } .info { background: #1d5a94; }
.muted { color: #666; }
[hidden] { display: none; }
"""
_SCRIPT = """
document.getElementById("search").addEventListener("input", function (event) {
  var words = event.target.value.toLowerCase();
  document.querySelectorAll("[data-search]").forEach(function (element) {
    element.hidden = !element.textContent.toLowerCase().includes(words);
  });
});
"""
_TEXT_LIMIT = 4_000


class HtmlWriter:
    """Writes one page to a stream."""

    MARK = "<title>sipauthctl analyze</title>"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tally = Tally()
        digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode("ascii")
        policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
        stream.write(
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            f"{self.MARK}\n<style>{_STYLE}</style>\n</head>\n<body>\n"
            "<h1>Sign-ins and their signatures</h1>\n"
            '<p><input id="search" type="search" placeholder="Search" aria-label="Search"></p>\n'
        )

    def association(self, association: AssociationResult) -> None:
        """Writes one association; the first ones in trouble are unfolded."""
        self._tally.add(association)
        unfolded = in_trouble(association) and self._tally.troubled_count <= TROUBLED_SHOWN
        words = [association.state.value, *(one.value for one in wrong_verdicts(association))]
        tags = " ".join(map(_tag, words))
        purpose = f", {association.purpose}" if association.purpose else ""
        where = _text(place_of(association))
        title = f"{_text(association.user)} by {_text(association.scheme)}{purpose} at {where}"
        parts = [
            f"<details data-search{' open' if unfolded else ''}>",
            f"<summary>{tags} <h2>{title}</h2> "
            f'<span class="muted">{_text(signature_summary(association))}</span></summary>',
        ]
        parts += [f"<p>{_text(line)}</p>" for line in life_lines(association)]
        if association.inner_tls is not None:
            parts.append(f"<p>{_text(inner_tls_words(association.inner_tls))}</p>")
        if association.stopped_at:
            parts.append(f"<p>Stopped: {_text(association.stopped_at)}</p>")
        parts += ["<table>", *(_step(step) for step in association.steps), "</table>"]
        if association.steps_left_out:
            parts.append(f'<p class="muted">{association.steps_left_out} more messages</p>')
        parts += [_explained(explained) for explained in association.explained]
        self._stream.write("\n".join([*parts, "</details>\n"]))

    def end(
        self, inputs: list[tuple[str, str, int]], notices: Iterable[Notice], findings: tuple[Finding, ...]
    ) -> None:
        """Writes the findings and the inputs; `inputs` are path, kind and number of messages."""
        write = self._stream.write
        write("<h1>Findings</h1>\n")
        if not findings:
            messages = sum(messages for _, _, messages in inputs)
            write(f"<p>{nothing_found(self._tally, messages)}</p>\n")
        for finding in findings:
            write(_finding(finding, relation(finding, findings)))
        write("<h1>Inputs</h1>\n<table>\n")
        for path, kind, messages in inputs:
            write(f"<tr><td>{_text(path)}</td><td>{kind}</td><td>{messages} messages</td></tr>\n")
        write("</table>\n")
        for notice in notices:
            place = f":{notice.place}" if notice.place is not None else ""
            write(f"<p>{_text(notice.input)}{place}: {_text(notice.text)}</p>\n")
        write(f"<script>{_SCRIPT}</script>\n</body>\n</html>\n")
        self._stream.flush()


def _text(text: str) -> str:
    return escape(safe(text, _TEXT_LIMIT))


def _tag(word: str) -> str:
    return f'<span class="tag {word}">{word}</span>'


def _step(step: LadderStep) -> str:
    time = f"{step.time:%H:%M:%S.%f}"[:-3] if step.time is not None else ""
    arrow = "&rarr;" if step.sender is Sender.CLIENT else "&larr;"
    verdict = _tag(step.verdict.value) if step.verdict is not None else ""
    cells = (time, arrow, _text(step.text), verdict, _text(step.remark), f"{_text(step.input)}:{step.place}")
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _explained(explained: ExplainedSignature) -> str:
    signed = f"<pre>signed:   {_text(explained.signed)}</pre>" if explained.signed is not None else ""
    return (
        f"<p>Wrong signature of the {explained.sender.value} at {_text(explained.input)}:{explained.place}. "
        f"{_text(explained.sentence)}</p>{signed}<pre>expected: {_text(explained.expected)}</pre>"
        f"<p>{_text(explained.difference)}</p>"
    )


def _finding(finding: Finding, note: str) -> str:
    evidence = "".join(f"<pre>{_text(line)}</pre>" for line in finding.evidence)
    remedy = "".join(
        f"<pre>{_text(line.strip())}</pre>" if line.startswith(COMMAND_INDENT) else f"<p>{_text(line)}</p>"
        for line in finding.remedy.splitlines()
    )
    noted = f"<p>{note}</p>" if note else ""
    return (
        f'<div class="finding" data-search>{_tag(finding.severity.value)} <h2>{finding.id}</h2> '
        f"{_text(finding.title)}<p>{_text(finding.detail)}</p>{noted}{evidence}{remedy}"
        f'<p class="muted">see {_text(finding.reference)}</p></div>\n'
    )
