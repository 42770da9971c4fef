"""The lab's front door: a WSGI application that records calls, lets faults happen, and hands the rest to moto."""

from __future__ import annotations

import io
import json
import logging
import re
import socket
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, parse_qsl
from xml.sax.saxutils import escape

from goldsmith.lab.faults import Fault
from goldsmith.lab.recorder import Call, Recorder

log = logging.getLogger("goldsmith.lab")

CONTROL = "/goldsmith-lab/"
"""Paths below this one are the lab's own."""

FAULT = "goldsmith.lab.fault"
"""Key of the WSGI environment that holds the kind of the fault that the action itself lets happen."""

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_EBS = (
    ("PUT", re.compile(r"^/snapshots/[^/]+/blocks/[^/]+$"), "PutSnapshotBlock"),
    ("GET", re.compile(r"^/snapshots/[^/]+/blocks/[^/]+$"), "GetSnapshotBlock"),
    ("GET", re.compile(r"^/snapshots/[^/]+/blocks$"), "ListSnapshotBlocks"),
    ("GET", re.compile(r"^/snapshots/[^/]+/changedblocks$"), "ListChangedBlocks"),
    ("POST", re.compile(r"^/snapshots/completion/[^/]+$"), "CompleteSnapshot"),
    ("POST", re.compile(r"^/snapshots$"), "StartSnapshot"),
)
"""Actions of the EBS direct API, which has no name of theirs in its requests."""

_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_JSON_CODE = re.compile(rb'"__type": ?"(?:[^"#]*#)?([^"]+)"')


class Gateway:
    """The application that the lab's server runs.

    Args:
        application: moto's.
        recorder: Takes the calls.
        control: Answers requests to the lab itself: takes the method, the path below `CONTROL`, the query and the
            JSON that was sent, and returns what is sent as JSON. A ``LookupError`` means that there is no such path, a
            ``ValueError`` that the request makes no sense.
    """

    def __init__(
        self, application: WSGI, recorder: Recorder, control: Callable[[str, str, dict[str, str], Any], Any]
    ) -> None:
        self._application = application
        self._recorder = recorder
        self._control = control

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        if "HTTP_ORIGIN" in environ:
            # Only a page in a browser says where it comes from, and whoever wrote that is not asked in.
            start_response("403 Forbidden", [("Content-Length", "0")])
            return []
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        path = environ.get("PATH_INFO", "/")
        if path.startswith(CONTROL):
            return self._answer_control(environ, path.removeprefix(CONTROL), body, start_response)
        return self._answer_call(environ, _call(environ, body), start_response)

    def _answer_call(self, environ: dict[str, Any], call: Call, start_response: Callable[..., Any]) -> Iterable[bytes]:
        fault, cleared = self._recorder.record(call)
        if fault is not None and fault.kind == "error":
            return _refuse(environ, call, fault, start_response)
        if fault is not None and fault.kind == "dropped":
            return _drop(environ, start_response)
        environ[FAULT] = fault.kind if fault else ""
        answer = _Answer()
        try:
            content = b"".join(self._application(environ, answer.start))
        except Exception as error:
            log.exception("%s %s", call.service, call.action)
            unknown = isinstance(error, NotImplementedError)
            failed = Fault(
                code="InvalidAction" if unknown else "LabFailure", message=f"the lab cannot do this: {error!r}"
            )
            return _refuse(environ, call, failed, start_response)
        call.status = answer.status
        call.error = _error_code(content) if answer.status >= 400 else ""
        if fault is not None and fault.kind == "lost":
            return _drop(environ, start_response)
        if fault is not None and fault.kind == "hold":
            self._recorder.hold(cleared)
        start_response(*answer.arguments)
        return [content]

    def _answer_control(
        self, environ: dict[str, Any], path: str, body: bytes, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        try:
            answer = self._control(environ["REQUEST_METHOD"], path, query, json.loads(body) if body else None)
        except LookupError as error:
            status, answer = "404 Not Found", {"error": str(error)}
        except (ValueError, TypeError) as error:
            status, answer = "400 Bad Request", {"error": str(error)}
        else:
            status = "200 OK"
        content = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
        return [content]


class _Answer:
    """Takes what an application answers, to be passed on later, or not."""

    def __init__(self) -> None:
        self.arguments: tuple[Any, ...] = ("500 Internal Server Error", [])

    def start(self, *arguments: Any) -> None:
        self.arguments = arguments[:2]

    @property
    def status(self) -> int:
        return int(str(self.arguments[0]).split()[0])


def _call(environ: dict[str, Any], body: bytes) -> Call:
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    region, service = scope.groups() if scope else ("", "")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    parameters: dict[str, str] = {}
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        parameters = dict(parse_qsl(body.decode(), keep_blank_values=True))
    elif environ.get("QUERY_STRING"):
        parameters = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
    elif target and body.startswith(b"{"):
        parameters = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in json.loads(body).items()
        }
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
    action = parameters.get("Action") or target.rpartition(".")[2]
    if service == "ebs":
        action = next((name for verb, shape, name in _EBS if verb == method and shape.match(path)), "")
    return Call(
        service=service,
        action=action or f"{method} {path}",
        region=region,
        parameters=parameters,
    )


def _error_code(content: bytes) -> str:
    found = _CODE.search(content) or _JSON_CODE.search(content)
    return found[1].decode() if found else "?"


def _drop(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Close the connection; what is written to it afterwards goes nowhere."""
    start_response("200 OK", [("Content-Length", "0")])
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return []


def _refuse(environ: dict[str, Any], call: Call, fault: Fault, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with an error, in the words of the service's protocol."""
    call.status, call.error = fault.http_status(), fault.code
    message = fault.text(call.service, call.action)
    if environ.get("HTTP_X_AMZ_TARGET") or call.service == "ebs":
        kind = "application/x-amz-json-1.1"
        content = json.dumps({"__type": fault.code, "message": message})
    else:
        kind = "text/xml"
        error = f"<Code>{escape(fault.code)}</Code><Message>{escape(message)}</Message>"
        if call.service == "ec2":
            content = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>lab</RequestID></Response>"
        else:
            content = (
                f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>lab</RequestId></ErrorResponse>"
            )
    data = content.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(data))), ("x-amzn-RequestId", "lab")]
    start_response(f"{call.status} {fault.code}", headers)
    return [data]
