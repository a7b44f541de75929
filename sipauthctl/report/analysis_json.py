"""An analysis as JSON, written association by association, so that memory does not grow with the input."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from typing import Any, TextIO

from sipauthctl.analysis.results import AssociationResult, ExplainedSignature
from sipauthctl.analysis.signature_log import CheckedSignature
from sipauthctl.capture.record import Notice
from sipauthctl.findings import Finding
from sipauthctl.report.json_output import finding_list, readable

ANALYZE_SCHEMA = "sipauthctl/analyze/1"


class AnalysisWriter:
    """Writes one document to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._first = True
        stream.write(f'{{\n"schema": {json.dumps(ANALYZE_SCHEMA)},\n"associations": [')

    def association(self, association: AssociationResult) -> None:
        """Writes one association."""
        self._stream.write("\n" if self._first else ",\n")
        self._first = False
        about = _dumps(_association(association))
        self._stream.write(f'{about[:-1]}, "signatures": [')
        separator = ""
        for signature in association.signatures:  # of which there may be a million
            self._stream.write(separator + _signature(signature))
            separator = ", "
        self._stream.write("]}")

    def end(
        self, inputs: list[tuple[str, str, int]], notices: Iterable[Notice], findings: tuple[Finding, ...]
    ) -> None:
        """Writes what stands at the end; `inputs` are path, kind and number of messages."""
        counted = [{"path": path, "kind": kind, "messages": messages} for path, kind, messages in inputs]
        said = [{"kind": n.kind, "text": n.text, "input": n.input, "frame": n.place} for n in notices]
        self._stream.write(f'\n],\n"inputs": {_dumps(counted)},\n"notices": {_dumps(said)},\n')
        self._stream.write(f'"findings": {_dumps(finding_list(findings))}\n}}\n')
        self._stream.flush()


def _dumps(value: Any) -> str:
    return json.dumps(readable(value), ensure_ascii=True)


def _association(association: AssociationResult) -> dict[str, Any]:
    return {
        "scheme": association.scheme,
        "purpose": association.purpose,
        "handshake": association.handshake,
        "made_for": association.made_for,
        "ended_by": association.ended_by,
        "user": association.user,
        "client": association.client,
        "server": association.server,
        "realm": association.realm,
        "targetname": association.targetname,
        "opaque": association.opaque,
        "call_id": association.call_id,
        "epid": association.epid,
        "version": association.version,
        "state": association.state.value,
        "stopped_at": association.stopped_at,
        "inner_tls": asdict(association.inner_tls) if association.inner_tls is not None else None,
        "explained": [_explained(explained) for explained in association.explained],
    }


def _signature(signature: CheckedSignature) -> str:
    return (
        f'{{"input": {_text(signature.input)}, "frame": {signature.frame}, "from": {_text(signature.sender.value)}, '
        f'"num": {"null" if signature.num is None else signature.num}, "verdict": {_text(signature.verdict.value)}, '
        f'"method": {_text(signature.method.value if signature.method is not None else None)}, '
        f'"detail": {_text(signature.detail)}}}'
    )


@lru_cache(maxsize=256)  # the same few words, over and over
def _text(value: str | None) -> str:
    return _dumps(value)


def _explained(explained: ExplainedSignature) -> dict[str, Any]:
    return {
        "input": explained.input,
        "frame": explained.place,
        "from": explained.sender.value,
        "num": explained.num,
        "mistake": explained.mistake,
        "sentence": explained.sentence,
        "signed": explained.signed,
        "expected": explained.expected,
        "difference": explained.difference,
    }
