from __future__ import annotations

import shutil
import subprocess

import pytest


@pytest.fixture(scope="session")
def strace() -> str:
    """strace that may trace and inject faults."""
    probe = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=getcwd", "-e", "inject=getcwd:error=EIO", "true"]
    if shutil.which("strace") is None or subprocess.run(probe, capture_output=True, timeout=20).returncode != 0:
        pytest.skip("no strace, or it may not trace (ptrace)")
    return "strace"
