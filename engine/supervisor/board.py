"""The supervisor's own document: what everybody may know of it. Disk trouble is told, and never stops supervision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from state.document import DocumentWriter
from state.events import EventType
from state.models.supervisor import SupervisorState


@dataclass(slots=True)
class Board:
    """The current state, written at every change and every second."""

    state: SupervisorState
    document: DocumentWriter[SupervisorState]
    emit: Callable[..., None]
    _failed: bool = False

    @property
    def name(self) -> str:
        """How the supervisor signs what it does."""
        return f"supervisor {self.state.pid}"

    def tell(self, **changes: object) -> None:
        """Change fields of the document and write it."""
        self.state = self.state.model_copy(update=changes)
        try:
            self.document.write(self.state)
        except OSError as error:
            if not self._failed:
                self.emit(EventType.WRITE_FAILED, f"state/supervisor.json: {error}", severity="error")
            self._failed = True
        else:
            self._failed = False
