"""The engine as a process: started in its own session with the engine's lock, watched by pidfd, stopped as a group."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from dataclasses import dataclass

from state.home import Home
from state.process import own_command
from state.text import visible

LOG = "logs/engine.log"
"""What the engine prints: stack dumps and last words. Its real record are the journals."""
LAST_WORDS = 1_000
"""Bytes of them that are read back."""
GROUP_POLL_S = 0.02


@dataclass(slots=True)
class EngineProcess:
    """One run of the engine. Fork only from a thread that lives as long as the supervisor: PDEATHSIG goes by thread."""

    popen: subprocess.Popen[bytes]
    pidfd: int
    unresponsive: bool = False
    said_from: int = 0
    """Bytes of the log that earlier engines wrote."""

    @classmethod
    def start(cls, home: Home, lock_fd: int) -> EngineProcess:
        """Start it; it holds `lock_fd` for as long as any part of it lives, so no second engine can start.

        Raises OSError when there are no processes, descriptors or blocks left; then nothing runs.
        """
        argv = own_command("engine", "--home", str(home.root), "--parent", str(os.getpid()), "--lock-fd", str(lock_fd))
        log = os.open(home.root / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            said_from = os.fstat(log).st_size
            popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, pass_fds=(lock_fd,)
            )
        finally:
            os.close(log)
        try:
            return cls(popen, os.pidfd_open(popen.pid), said_from=said_from)
        except OSError:
            popen.kill()  # nobody could watch it
            popen.wait()
            raise

    @property
    def pid(self) -> int:
        """Its process id, and that of its group and session."""
        return self.popen.pid

    def running(self) -> bool:
        """Whether it has not ended; a stopped (SIGSTOP) one runs."""
        return self.popen.poll() is None

    async def ended(self) -> int:
        """Wait for its end, sweep its group, and give its return code."""
        loop = asyncio.get_running_loop()
        gone = loop.create_future()
        loop.add_reader(self.pidfd, _settle, gone)
        try:
            await gone
        finally:
            loop.remove_reader(self.pidfd)
        return_code = self.popen.wait()
        await self._sweep()
        os.close(self.pidfd)
        return return_code

    def last_words(self, home: Home) -> str:
        """The last line it printed; empty when it printed none, or what keeps us from reading it."""
        try:
            fd = os.open(home.root / LOG, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            return f"{LOG}: {error.strerror}"
        try:
            said = os.pread(fd, LAST_WORDS, max(self.said_from, os.fstat(fd).st_size - LAST_WORDS))
        finally:
            os.close(fd)
        lines = said.decode(errors="replace").strip().splitlines()
        return visible(lines[-1].removeprefix("flightdeck engine: "), LAST_WORDS) if lines else ""

    def send(self, number: signal.Signals) -> None:
        """Signal the process itself, by pidfd: a reused pid cannot be hit. Nothing when it ended."""
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return

    def send_group(self, number: signal.Signals) -> bool:
        """Signal the whole group; whether anything of it is left."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    async def stop(self, deadline_s: float) -> None:
        """SIGTERM, wait until the group is empty, SIGKILL at the deadline."""
        self.send_group(signal.SIGTERM)
        self.send_group(signal.SIGCONT)
        deadline = asyncio.get_running_loop().time() + deadline_s
        while self._alive():
            if asyncio.get_running_loop().time() >= deadline:
                self.send_group(signal.SIGKILL)
            await asyncio.sleep(GROUP_POLL_S)

    def _alive(self) -> bool:
        self.popen.poll()  # an ended leader that nobody waited for still counts as one of its group
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    async def _sweep(self) -> None:
        """End what the leader left behind in its group; there is no event for an empty group."""
        while self.send_group(signal.SIGKILL):
            await asyncio.sleep(GROUP_POLL_S)


def _settle(gone: asyncio.Future[None]) -> None:
    if not gone.done():
        gone.set_result(None)
