"""The Graph client: one resource, a listing, a batch, each by its contract.

Promise: the bearer token goes to the configured Graph host only; every call asks first whether the run may go on, carries an id of its own,
waits as long as Microsoft asks and no shorter, and ends in data or in one reason. Must not know what the data means.

Source: Microsoft Graph, "Paging", "Throttling guidance", "JSON batching", "Continuous access evaluation enabled APIs".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import httpx
import msgspec

from tasks.providers.microsoft import contracts, errors, graph_errors
from tasks.providers.microsoft.auth import AccessToken, SignIn
from tasks.providers.microsoft.budgets import Allowance, Workload
from tasks.providers.microsoft.clouds import CloudHosts
from tasks.providers.microsoft.contracts import Contract
from tasks.providers.microsoft.errors import Circumstances, MicrosoftFailure
from tasks.providers.microsoft.http import Answer, HostRefused, Transport, same_origin
from tasks.providers.microsoft.patience import Patience

JsonObject = dict[str, Any]
T = TypeVar("T")

MOST_RESTARTS: Final = 2
"""How often a listing may begin again because its page token expired."""

MOST_EMPTY_PAGES: Final = 1000
_LONGEST_LINK: Final = 16_384
_RENEWABLE: Final = frozenset({"token_expired", "token_invalid", "service_principal_missing"})
_NEAR_LIMIT: Final = 0.8
_TOO_MANY: Final = 429
_LONGEST_SLOWING: Final = 5.0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing.

    Attributes:
        items: its objects, as JSON or as the type that was asked for; may be empty in the middle of a listing.
        number: counted from 1 within a pass.
        restarts: how often the listing began again. When it grows, everything gathered before is void.
        count: `@odata.count`, when Microsoft sent one.
        request_id: Microsoft's.
    """

    items: list[T]
    number: int
    restarts: int
    count: int | None
    request_id: str | None


class _Listing(msgspec.Struct, Generic[T], rename={"next_link": "@odata.nextLink", "count": "@odata.count"}):
    """The answer that a page comes in."""

    value: list[T]
    next_link: Any = None
    count: Any = None


class GraphSession:
    """Calls to Graph for one run.

    Args:
        transport: the way out.
        hosts: the cloud.
        sign_in: where tokens come from.
        patience: repeats and waits.
        circumstances: how recent the last changes are, asked for each answer.
        now: our clock.
        allowance: what may be asked of this tenant without being refused.
        waited_for: a person waits for the answer.
        new_id: makes a GUID for each call.
    """

    def __init__(
        self,
        transport: Transport,
        hosts: CloudHosts,
        sign_in: SignIn,
        patience: Patience,
        circumstances: Callable[[], Circumstances],
        now: Callable[[], datetime],
        allowance: Allowance,
        *,
        waited_for: bool = False,
        new_id: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self._transport = transport
        self._hosts = hosts
        self._sign_in = sign_in
        self._circumstances = circumstances
        self._now = now
        self._allowance = allowance
        self._new_id = new_id
        self._priority = "high" if waited_for else "low"
        self._pressure = 0.0
        self.patience = patience
        self.last_request_id: str | None = None

    def get(self, contract: Contract, **parts: str) -> JsonObject:
        """Reads one resource (or the first page of a collection, as it comes).

        Args:
            contract: which resource.
            **parts: values for the `{name}` parts of its path.

        Raises:
            MicrosoftFailure: with the reason.
            RunStopped, RunDeferred: from the run's reporter.
        """
        url = contract.url(self._hosts.graph_url, **parts)
        return self.fetch("GET", url, {contract.workload: contract.cost}, contract.headers)

    def pages(self, contract: Contract, **parts: str) -> Iterator[Page[JsonObject]]:
        """Reads a listing page by page.

        When a page token expires in the middle, the listing begins again, `MOST_RESTARTS` times at most, and `Page.restarts` says so.

        Raises:
            As `pages_of` does.
        """
        return self.pages_of(JsonObject, contract, **parts)

    def pages_of(self, kind: type[T], contract: Contract, **parts: str) -> Iterator[Page[T]]:
        """Reads a listing page by page as `pages` does, each object straight into a type.

        Nothing but the type's own fields is made of an answer, so counting many objects costs little time and a page's memory.

        Args:
            kind: a `msgspec.Struct` whose fields all have defaults, with the object's `id` among them.
            contract: which listing.
            **parts: values for the `{name}` parts of its path.

        Raises:
            MicrosoftFailure: `paging_loop`, `next_link_refused`, `data_incomplete`, or what a call failed with.
            RunStopped, RunDeferred: from the run's reporter.
        """
        for restarts in range(MOST_RESTARTS + 1):
            try:
                yield from self._one_pass(kind, contract, parts, restarts)
                return
            except MicrosoftFailure as failure:
                began_again = failure.plain_code in ("page_token_expired", "resync_required")
                if not began_again or restarts == MOST_RESTARTS:
                    raise

    def items(self, contract: Contract, **parts: str) -> list[JsonObject]:
        """Reads a whole listing that is known to be small.

        Raises:
            As `pages` does.
        """
        gathered: list[JsonObject] = []
        restarts = 0
        for page in self.pages(contract, **parts):
            if page.restarts != restarts:
                restarts = page.restarts
                gathered.clear()
            gathered.extend(page.items)
        return gathered

    def fetch(
        self,
        method: str,
        url: str,
        spends: Mapping[Workload, int],
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> JsonObject:
        """Sends one request to Graph, repeats it where that can help, and returns the JSON object of the answer.

        Args:
            method: HTTP method.
            url: absolute address on the Graph host.
            spends: units it takes of each workload's limit.
            headers: beside the usual ones.
            content: the body.

        Raises:
            As `get` does.
        """
        return self.patience.repeat(lambda: self._decoded(self._attempt(method, url, spends, headers or {}, content)))

    def _one_pass(
        self, kind: type[T], contract: Contract, parts: Mapping[str, str], restarts: int
    ) -> Iterator[Page[T]]:
        url: str | None = contract.url(self._hosts.graph_url, **parts)
        headers: Mapping[str, str] = contract.headers
        links: set[str] = set()
        pages: set[int] = set()
        decoder = msgspec.json.Decoder(_Listing[kind])  # type: ignore[valid-type]
        number = empty = 0
        while url is not None:
            listing = self._listing(decoder, url, {contract.workload: contract.cost}, headers)
            number += 1
            count = listing.count if isinstance(listing.count, int) else None
            page = Page(listing.value, number, restarts, count, self.last_request_id)
            empty = 0 if page.items else empty + 1
            digest = _digest(page)
            if empty > MOST_EMPTY_PAGES or digest in pages:
                raise MicrosoftFailure("paging_loop", request_id=page.request_id)
            if digest is not None:
                pages.add(digest)
            yield page
            url = self._next_link(listing.next_link)
            if url in links:
                raise MicrosoftFailure("paging_loop", request_id=page.request_id)
            if url is not None:
                links.add(url)

    def _listing(
        self,
        decoder: msgspec.json.Decoder[_Listing[T]],
        url: str,
        spends: Mapping[Workload, int],
        headers: Mapping[str, str],
    ) -> _Listing[T]:
        return self.patience.repeat(lambda: self._as_listing(decoder, self._attempt("GET", url, spends, headers, None)))

    def _as_listing(self, decoder: msgspec.json.Decoder[_Listing[T]], answer: Answer) -> _Listing[T]:
        try:
            return decoder.decode(answer.body)
        except msgspec.ValidationError:
            self._decoded(answer)  # an answer that is no JSON object at all was not Graph's, and is asked for again
            raise MicrosoftFailure("data_incomplete", request_id=self.last_request_id) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._unreadable(answer) from None

    def _next_link(self, link: Any) -> str | None:
        if link is None:
            return None
        if not isinstance(link, str) or len(link) > _LONGEST_LINK or not same_origin(link, self._hosts.graph_url):
            raise MicrosoftFailure("next_link_refused", request_id=self.last_request_id)
        return link

    def _attempt(
        self, method: str, url: str, spends: Mapping[Workload, int], headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        """One try, with at most one new token and one answer to a claims challenge."""
        renew, claims, has_renewed, was_challenged = False, "", False, False
        while True:
            token = self._token(renew, claims)
            self._ease_off()
            self._stay_within(spends)
            self.patience.check_running()
            sent = self._now()
            answer = self._send(method, url, headers, content, token)
            self._learn(spends, sent, answer)
            if 200 <= answer.status < 300:
                return answer
            failure = graph_errors.read_graph_answer(answer, self._circumstances(), self._now())
            if failure.claims and not was_challenged:
                was_challenged, renew, claims = True, False, failure.claims
            elif self._may_renew(failure, token) and not has_renewed:
                has_renewed, renew, claims = True, True, ""
            else:
                raise failure

    @staticmethod
    def _may_renew(failure: MicrosoftFailure, token: AccessToken) -> bool:
        """A token from the cache may be older than a consent that was given meanwhile."""
        return failure.plain_code in _RENEWABLE or (failure.plain_code == "missing_permission" and token.may_lag)

    def _token(self, renew: bool, claims: str) -> AccessToken:
        return self._sign_in.token(
            self._circumstances(), self._now(), self.patience.check_running, renew=renew, claims=claims
        )

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, token: AccessToken
    ) -> Answer:
        sent = {
            **headers,
            "Accept": "application/json",
            "Authorization": f"Bearer {token.value}",
            "client-request-id": str(self._new_id()),
            "x-ms-throttle-priority": self._priority,
        }
        if content is not None:
            sent["Content-Type"] = "application/json"
        try:
            answer = self._transport.send(method, url, pinned_to=self._hosts.graph_url, headers=sent, content=content)
        except HostRefused:
            raise MicrosoftFailure("next_link_refused") from None
        except httpx.HTTPError as error:
            raise errors.read_exception(error) from None
        self.last_request_id = errors.request_id(answer)
        self._pressure = _pressure(answer.headers)
        return answer

    def _stay_within(self, spends: Mapping[Workload, int]) -> None:
        """Waits until the request is within the published limits."""
        seconds = max(self._allowance.reserve(workload, cost) for workload, cost in spends.items())
        if seconds > 0:
            self.patience.slow_down(seconds)

    def _learn(self, spends: Mapping[Workload, int], sent: datetime, answer: Answer) -> None:
        """Corrects our book-keeping by what Microsoft says. A batch is refused as a whole only when nothing of it got through."""
        for workload, cost in spends.items():
            self._allowance.answered(workload, sent, cost)
            if answer.status == _TOO_MANY:
                self.refused(workload, answer.headers)
            elif self._pressure > _NEAR_LIMIT:
                self._allowance.used(workload, self._pressure)

    def refused(self, workload: Workload, headers: Mapping[str, str]) -> None:
        """Learns that Microsoft refused a request, or one of a batch, because there were too many.

        Args:
            workload: of what was asked.
            headers: of that answer, with lower-case names. `x-ms-throttle-scope` begins with whose requests were too many.
        """
        seconds = errors.retry_after(headers, self._now())
        in_every_tenant = headers.get("x-ms-throttle-scope", "").lower().startswith("application/")
        self._allowance.refused(workload, seconds, in_every_tenant=in_every_tenant)

    def _ease_off(self) -> None:
        """Waits a moment when the last answer said that the limit is near (`x-ms-throttle-limit-percentage`, 0.8 to 1.8)."""
        if self._pressure > _NEAR_LIMIT:
            pause = min(_LONGEST_SLOWING, 0.5 + 5.0 * (self._pressure - _NEAR_LIMIT))
            self._pressure = 0.0
            self.patience.slow_down(pause)

    def _decoded(self, answer: Answer) -> JsonObject:
        try:
            body = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise self._unreadable(answer)
        return body

    def _unreadable(self, answer: Answer) -> MicrosoftFailure:
        return MicrosoftFailure("response_unreadable", request_id=self.last_request_id, http_status=answer.status)

    @property
    def circumstances(self) -> Circumstances:
        """How recent the last changes are, now."""
        return self._circumstances()

    @property
    def now(self) -> datetime:
        """Our clock."""
        return self._now()

    @property
    def batch_url(self) -> str:
        """Where batches are sent."""
        return f"{self._hosts.graph_url}{contracts.BATCH_PATH}"


def _digest(page: Page[Any]) -> int | None:
    """Tells two pages apart by the ids on them; None where a page has no items, or items without ids."""
    ids = tuple(item.get("id") if isinstance(item, dict) else item.id for item in page.items)
    return hash(ids) if ids and all(isinstance(item_id, str) for item_id in ids) else None


def _pressure(headers: Mapping[str, str]) -> float:
    try:
        return min(10.0, float(headers.get("x-ms-throttle-limit-percentage", "0")))
    except ValueError:
        return 0.0
