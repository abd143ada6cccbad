"""When what is served is judged anew: its policy has changed, time has passed, or somebody asks for it.

In: ticks of about a second, and `ask`. Out: calls of `Endpoint.judge` with the policy as it is now, one round after the
other. A policy that cannot be used changes nothing: it is looked at again, less and less often, until it can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amber.server.front.endpoints import policies
from amber.server.front.endpoints.backoff import Backoff
from amber.server.front.endpoints.endpoint import Endpoint
from amber.server.front.endpoints.host import Host
from amber.server.front.endpoints.process import LoadError


class Judging:
    """See the module.

    Args:
        host: What all versions share.
        endpoints: Returns all models.
    """

    def __init__(self, host: Host, endpoints: Callable[[], Sequence[Endpoint]]) -> None:
        self._host, self._endpoints = host, endpoints
        self._taken = self._last = policies.stamps(host.settings.policy)
        self._due = self._asked = self._running = self._looking = False
        self._backoff = Backoff()
        self._not_before = 0.0
        self._next = host.loop.time() + host.settings.judge_seconds

    def ask(self) -> None:
        """Have everything judged at the next tick, whatever has changed."""
        self._due = self._asked = True
        self._not_before = 0.0

    def tick(self, now: float) -> None:
        """Have it looked whether a round is due: meanwhile, since a disk may hang, and other things are due too."""
        if not self._looking:
            self._looking = True
            self._host.spawn(self._look(now))

    async def _look(self, now: float) -> None:
        try:
            await self._begin(now)
        finally:
            self._looking = False

    async def _begin(self, now: float) -> None:
        if self._host.settings.reload and await self._changed():
            self._due, self._not_before = True, 0.0
        every = self._host.settings.judge_seconds
        timely = bool(every) and now >= self._next
        if self._running or not (timely or (self._due and now >= self._not_before)):
            return
        self._next = now + every
        self._running = True
        self._host.spawn(self._round(timely))

    async def _changed(self) -> bool:
        """Whether a file is another than the one that was taken, and nobody is still writing it."""
        now = await self._host.loop.run_in_executor(None, policies.stamps, self._host.settings.policy)
        settled, self._last = now == self._last, now
        if now == self._taken or not settled:
            return False
        self._taken = now
        return True

    async def _round(self, timely: bool) -> None:
        asked, self._due, self._asked = self._asked, False, False
        done, moving = False, self._moving()
        try:
            policy = await self._host.policy()
            found = [await each.judge(policy, asked or (timely and policy.timed)) for each in self._endpoints()]
            done = all(found)
        except LoadError:  # said by the host
            self._asked = self._asked or asked
        finally:
            self._running = False
            if done:
                self._backoff = Backoff()
            elif not self._due:  # nothing has changed, and nobody has asked, meanwhile
                self._not_before = self._host.loop.time() + self._backoff.wait(0.0)
            # what was, or is, being verified may be so under the policy before
            self._due = self._due or not done or moving or self._moving()

    def _moving(self) -> bool:
        return any(each.moving for each in self._endpoints())
