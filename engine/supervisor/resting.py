"""The supervisor's own line to the exchange: cancel and verify what rests, and list it while no engine does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from engine.account import Account
from engine.stopping import Told, stop_at_exchange
from engine.venues.kalshi.errors import VenueError
from engine.venues.kalshi.rest import KalshiRest
from state.events import EventType


@dataclass(slots=True)
class RestingOrders:
    """`verified` turns true once what rested at the supervisor's start is cancelled and verified gone."""

    rest: KalshiRest
    account: Account
    emit: Callable[..., None]
    verified: bool = False
    _ours: bool = False
    """Whether the last listing in the file is of this supervisor; an engine writes it while one lives."""
    _trouble: str = ""

    @property
    def source(self) -> str:
        """What kind of venue this is."""
        return self.rest.source

    async def clean_start(self, told: Told) -> None:
        """Cancel and verify until it worked: a supervisor does not know what its predecessor left."""
        while not self.verified:
            self.verified = await self.cancel(told)

    async def cancel(self, told: Told, deadline_s: float | None = None) -> bool:
        """Cancel all and verify twice; whether it was verified within `deadline_s` (None: without end)."""
        return await stop_at_exchange(self.rest, told, deadline_s=deadline_s)

    async def keep_listing(self, engine_lives: Callable[[], bool], period: float) -> None:
        """List our account every `period` seconds, but leave it to the engine while one lives."""
        while True:
            await asyncio.sleep(period)
            if engine_lives():
                self._ours = False
            else:
                await self.list_once()

    async def list_once(self) -> None:
        """List our account now. An exchange that does not answer, or a full disk, is told; supervision goes on."""
        try:
            if not self._ours:
                self.account.take_over()
                self._ours = True
            await self.account.list_now()
        except (VenueError, OSError) as error:
            if str(error) != self._trouble:
                self.emit(EventType.LISTING_FAILED, f"listing of resting orders: {error}", severity="warning")
            self._trouble = str(error)
        else:
            self._trouble = ""

    async def close(self) -> None:
        """Close the connection."""
        await self.rest.close()
