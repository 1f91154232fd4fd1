"""The supervisor: the only one who starts, restarts and stops the engine, and who grants the permit to send."""
