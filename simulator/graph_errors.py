"""Graph's error bodies, one shape per workload.

Promise: directory errors are plain, Intune's hold JSON inside a string, PIM's hold JSON of another shape; request ids and
dates are inside the body as in life. Evidence: the project's reference ``microsoft.md`` §5 and ``failures.md`` section C.
Must not know: when an error happens.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from simulator.answers import Answer
from simulator.clock import Clock
from simulator.model import GRAPH_APP_ID

JSON_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
EMPTY_GUID = "00000000-0000-0000-0000-000000000000"
BEARER = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    f'client_id="{GRAPH_APP_ID}"'
)


class GraphErrors:
    """Builds error answers for one request, whose ids appear in every body."""

    def __init__(self, clock: Clock, request_id: str, client_request_id: str) -> None:
        """Remember the request's ids."""
        self._clock = clock
        self.request_id = request_id
        self.client_request_id = client_request_id

    def plain(self, status: int, code: str, message: str, **headers: str) -> Answer:
        """Return ``{"error": {"code", "message", "innerError"}}``. Header names use underscores for dashes."""
        inner = {
            "date": self._clock.moment().strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": self.request_id,
            "client-request-id": self.client_request_id,
        }
        return self._answer(status, {"error": {"code": code, "message": message, "innerError": inner}}, headers)

    def unauthenticated(self, message: str, code: str = "InvalidAuthenticationToken") -> Answer:
        """Return the 401 for a token that is missing, malformed, expired or meant for someone else."""
        return self.plain(401, code, message, WWW_Authenticate=BEARER)

    def throttled(self, retry_after: str | None, message: str = "Please retry again later.") -> Answer:
        """Return directory's and the gateway's 429 (``code`` TooManyRequests, status repeated inside)."""
        inner = {
            "code": "429",
            "date": self._clock.moment().strftime("%Y-%m-%dT%H:%M:%S"),
            "message": "Please retry after",
            "request-id": self.request_id,
            "status": "429",
        }
        headers = {} if retry_after is None else {"Retry_After": retry_after}
        body = {"error": {"code": "TooManyRequests", "innerError": inner, "message": message}}
        return self._answer(429, body, headers)

    def intune(
        self, status: int, message: str, *, code: str = "Forbidden", inner: str = "Forbidden", **headers: str
    ) -> Answer:
        """Return Intune's error: the real message is JSON in a string, itself holding JSON in a string."""
        activity = str(uuid.uuid4())
        text = (
            f"{message} - Operation ID (for customer support): {EMPTY_GUID} - Activity ID: {activity} - Url: "
            "https://fef.msub03.manage.microsoft.com/DeviceFE/StatelessDeviceFEService/deviceManagement/managedDevices"
            "?api-version=5025-03-10"
        )
        nested = {
            "_version": 3,
            "Message": text,
            "CustomApiErrorPhrase": "",
            "RetryAfter": None,
            "ErrorSourceService": "",
            "HttpHeaders": "{}",
        }
        outer: dict[str, Any] = {
            "ErrorCode": inner,
            "Message": json.dumps(nested, indent=2),
            "Target": None,
            "Details": None,
            "InnerError": None,
            "InstanceAnnotations": [],
        }
        return self.plain(status, code, json.dumps(outer), **headers)

    def intune_scopes(self, scopes: list[str], status: int = 403, code: str = "Forbidden") -> Answer:
        """Return Intune's refusal that names the permissions one of which is needed."""
        message = (
            "Application is not authorized to perform this operation. Application must have one of the following "
            f"scopes: {', '.join(scopes)}"
        )
        return self.intune(status, message, code=code)

    def pim_scopes(self, scopes: list[str]) -> Answer:
        """Return Privileged Identity Management's refusal, ``PermissionScopeNotGranted`` inside ``UnknownError``."""
        inner: dict[str, Any] = {
            "errorCode": "PermissionScopeNotGranted",
            "message": f"Authorization failed due to missing permission scope {','.join(scopes)}.",
            "target": None,
            "details": None,
            "innerError": None,
            "instanceAnnotations": [],
        }
        return self.plain(403, "UnknownError", json.dumps(inner))

    def denied(self) -> Answer:
        """Return the directory's 403."""
        return self.plain(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")

    def access_denied(self) -> Answer:
        """Return Conditional Access's refusal of an app without the permission; it names none."""
        return self.plain(
            403, "AccessDenied", "You cannot perform the requested operation, required scopes are missing in the token."
        )

    def access_unlicensed(self) -> Answer:
        """Return Conditional Access's answer to a tenant without Entra ID P1."""
        return self.plain(403, "AccessDenied", "Your tenant is not licensed for this feature. Please upgrade your subscription to "
                          "access it.")  # fmt: skip

    @staticmethod
    def _answer(status: int, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Answer(status, json.dumps(body).encode(), {"Content-Type": JSON_TYPE, **named})
