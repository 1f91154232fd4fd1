"""Waiting for an event or for a while, whichever comes first."""

from __future__ import annotations

import asyncio


async def happened(event: asyncio.Event, seconds: float) -> bool:
    """Whether `event` is set within `seconds`. Not `asyncio.wait_for`, which in 3.11 may swallow a cancellation."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return False
    return True
