"""K-01, K-06, K-07, K-08: calls fail, the home is unmounted or covered, disk, descriptors and memory run out."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from state.clock import SystemClock
from state.home import Home

if TYPE_CHECKING:
    from tests.state.kill.conftest import Trading

pytestmark = pytest.mark.process

LOOK = """
import json, sys
from state import permit, sentinel
from state.clock import SystemClock
from state.home import Home
home, clock = Home(sys.argv[1]), SystemClock()
with sentinel.Anchor(home) as anchor:
    look = anchor.look()
    leave = permit.LeaveReader(anchor, clock, permit.Identity("build-1", "config-1")).look()
print(json.dumps([look.engaged, look.reason, leave.armed, leave.armed_reason, leave.permit_reason]))
"""
ERRNOS = ("EIO", "EACCES", "ELOOP", "ESTALE", "ENOTDIR", "ENAMETOOLONG", "ENOMEM", "EMFILE", "ENFILE")
TARGETS = {
    "folder opened": ("openat", "state"),
    "folder asked": ("newfstatat", "state"),
    "sentinel asked": ("newfstatat", "kill_switch"),
    "start asked": ("newfstatat", "armed.json"),
    "start opened": ("openat", "armed.json"),
    "start read": ("read", "armed.json"),
    "permit asked": ("newfstatat", "permit.json"),
    "permit opened": ("openat", "permit.json"),
    "permit read": ("read", "permit.json"),
}


@pytest.fixture
def real(trading: Trading) -> Trading:
    """The start and the permit of this boot and this minute, as a child process with the machine's clock sees them."""
    clock = SystemClock()
    trading.clock.boot, trading.clock.boot_ns, trading.clock.wall = clock.boot_id(), clock.boottime_ns(), clock.now()
    trading.arm()
    trading.permits()
    return trading


def test_without_a_fault_the_child_gets_leave(real: Trading, child: Callable[..., Any]) -> None:
    assert child(LOOK, os.fspath(real.home.root)) == [False, "", True, "", ""]


@pytest.mark.parametrize("errno_name", ERRNOS)
@pytest.mark.parametrize("target", TARGETS)
def test_k01_a_call_that_fails_denies_and_names_its_errno(
    real: Trading, child: Callable[..., Any], strace: str, target: str, errno_name: str
) -> None:
    syscall, name = TARGETS[target]
    paths = (
        ["-P", f"{real.home.root}/state"] if name == "state" else ["-P", name, "-P", f"{real.home.root}/state/{name}"]
    )
    faults = ["-e", f"trace={syscall}", "-e", f"inject={syscall}:error={errno_name}"]
    prefix = (strace, "-f", "-qq", "-o", "/dev/null", *faults, *paths)

    engaged, reason, armed, armed_reason, permit_reason = child(LOOK, os.fspath(real.home.root), prefix=prefix)

    if name in ("state", "kill_switch"):
        assert engaged
        assert errno_name in reason
    elif name == "armed.json":
        assert not armed
        assert errno_name in armed_reason
    else:
        assert errno_name in permit_reason


MOUNTED = """
import json, os, subprocess, sys
from state import kill, sentinel
from state.clock import SystemClock
from state.home import Home
root, options = sys.argv[1:3]
def mount(*words): subprocess.run(["mount", *words], check=True)
def full(path, size):
    try:
        with open(path, "wb", 0) as file:
            while True: file.write(bytes(size))
    except OSError: pass
mount("-t", "tmpfs", "-o", options, "none", root)
home, clock = Home(root + "/home"), SystemClock()
home.create()
"""
COVERED = """
subprocess.run({cover}, check=True, shell=True, env={{"ROOT": root, "PATH": os.environ["PATH"]}})
look = anchor.look()
print(json.dumps([before.engaged, look.engaged, look.reason]))
"""


@pytest.mark.parametrize(
    "cover",
    [
        "umount -l $ROOT",
        "mkdir $ROOT/other && mount --bind $ROOT/other $ROOT/home/state",
        "mount -t tmpfs none $ROOT/home/state",
        "mount -t tmpfs none $ROOT/home && mkdir $ROOT/home/state",
        "mv $ROOT/home $ROOT/away",
    ],
)
def test_k06_a_home_unmounted_covered_or_moved_is_engaged(
    child: Callable[..., Any], private_mounts: tuple[str, ...], tmp_path: os.PathLike[str], cover: str
) -> None:
    watched = MOUNTED + "anchor = sentinel.Anchor(home)\nbefore = anchor.look()\n" + COVERED.format(cover=repr(cover))

    before, engaged, reason = child(watched, os.fspath(tmp_path), "size=1m", prefix=private_mounts)

    assert not before
    assert engaged
    assert "another folder" in reason or "no home" in reason


FILL = {
    "no blocks": 'full(root + "/filler", 4096)',
    "no inodes": 'for n in range(99): touch(f"{root}/{n}")',
    "no blocks, no inodes": 'for n in range(99): touch(f"{root}/{n}")\nfull(root + "/0", 4096)',
}
KILLED = """
def touch(path):
    try: os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    except OSError: pass
{prepare}
{fill}
anchor = sentinel.Anchor(home)
before = anchor.look().engaged
try:
    done = kill.engage(home, clock, why="drill", via="test")
    told = done.unsynced
except kill.KillError as error:
    told = str(error)
print(json.dumps([before, anchor.look().engaged, told, sorted(os.listdir(home.state))]))
"""


@pytest.mark.parametrize("fill", FILL)
@pytest.mark.parametrize("prepare", ["sentinel.prepare(home)", 'touch(home.below("state/armed.json"))'])
def test_k07_a_kill_works_on_a_full_disk(
    child: Callable[..., Any], private_mounts: tuple[str, ...], tmp_path: os.PathLike[str], fill: str, prepare: str
) -> None:
    """By rename of the file prepared for it, or of the start that a kill takes away anyhow."""
    code = MOUNTED + KILLED.format(prepare=prepare, fill=FILL[fill])

    before, engaged, told, _ = child(code, os.fspath(tmp_path), "size=64k,nr_inodes=12", prefix=private_mounts)

    assert (before, engaged) == (False, True)
    assert told in ("", "not journalled: ENOSPC (No space left on device)")


def test_k07_without_any_file_to_rename_a_full_disk_is_told(
    child: Callable[..., Any], private_mounts: tuple[str, ...], tmp_path: os.PathLike[str]
) -> None:
    code = MOUNTED + KILLED.format(prepare="", fill=FILL["no inodes"])

    _, engaged, told, _ = child(code, os.fspath(tmp_path), "size=64k,nr_inodes=12", prefix=private_mounts)

    assert not engaged
    assert "cannot place" in told
    assert "ENOSPC" in told


def test_k07_on_a_disk_remounted_read_only_the_kill_is_refused_loudly(
    child: Callable[..., Any], private_mounts: tuple[str, ...], tmp_path: os.PathLike[str]
) -> None:
    code = MOUNTED + KILLED.format(prepare="sentinel.prepare(home)", fill='mount("-o", "remount,ro", root)')

    _, engaged, told, _ = child(code, os.fspath(tmp_path), "size=64k", prefix=private_mounts)

    assert not engaged
    assert "EROFS" in told
    assert "no order leaves after 15 s" in told


READ_ONLY = """
from state import permit
from state.clock import SimulatedClock, stamp
clock = SimulatedClock(clock.now())
anchor = sentinel.Anchor(home)
about = {"boot_id": clock.boot_id(), "seq": clock.boottime_ns(), "arming_id": "arming-1", "supervisor": "1-2"}
about |= {"build": "b", "config_hash": "c"}
def renew():
    life = {"life_s": 15.0, "mode": "simulated", "written_at": stamp(clock.now())}
    permit.write_sealed(anchor, permit.PERMIT, about | life, durable=False)
permit.write_sealed(anchor, permit.ARMED, about | {"by": "ann"}, durable=False)
renew()
mount("-o", "remount,ro", root)
reader = permit.LeaveReader(anchor, clock, permit.Identity("b", "c"))
before, told = reader.look().granted, ""
try: renew()
except OSError as error: told = str(error)
clock.advance(15.001)
after = reader.look()
print(json.dumps([before, told, after.granted, after.permit_reason]))
"""


def test_k07_on_a_disk_remounted_read_only_no_permit_is_renewed_and_the_last_one_runs_out(
    child: Callable[..., Any], private_mounts: tuple[str, ...], tmp_path: os.PathLike[str]
) -> None:
    before, told, after, reason = child(MOUNTED + READ_ONLY, os.fspath(tmp_path), "size=64k", prefix=private_mounts)

    assert (before, after) == (True, False)
    assert "Read-only file system" in told
    assert "ran out" in reason


def test_k07_a_full_disk_cannot_clear_what_it_could_not_kill_again(
    child: Callable[..., Any], private_mounts: tuple[str, ...], tmp_path: os.PathLike[str]
) -> None:
    code = (
        MOUNTED
        + """
kill.engage(home, clock, why="drill", via="test")
full(root + "/filler", 4096)
for n in range(99):
    try: os.close(os.open(f"{root}/{n}", os.O_CREAT | os.O_WRONLY))
    except OSError: pass
try: told = kill.clear(home, clock, reason="drill")
except OSError as error: told = str(error)
print(json.dumps([sentinel.look(home).engaged, told]))
"""
    )

    engaged, told = child(code, os.fspath(tmp_path), "size=64k,nr_inodes=12", prefix=private_mounts)

    assert engaged
    assert "No space left" in told


STARVED = """
import json, os, resource, sys
from state import kill, permit, sentinel
from state.clock import SystemClock
from state.home import Home
home, clock = Home(sys.argv[1]), SystemClock()
sentinel.prepare(home)
anchor = sentinel.Anchor(home)
reader = permit.LeaveReader(anchor, clock, permit.Identity("build-1", "config-1"))
"""


def test_k08_without_descriptors_the_kept_look_works_and_a_new_one_denies(
    real: Trading, child: Callable[..., Any]
) -> None:
    code = (
        STARVED
        + """
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
free, new, leave = anchor.look(), sentinel.look(home), reader.look()
done = kill.engage(home, clock, why="drill", via="test", by="test")
after = anchor.look()
print(json.dumps([free.engaged, new.reason, leave.armed_reason, done.already, done.unsynced, after.engaged]))
"""
    )

    free, new, leave, already, unsynced, after = child(code, os.fspath(real.home.root))

    assert not free
    assert "EMFILE" in new
    assert "EMFILE" in leave
    assert not already
    assert "EMFILE" in unsynced
    assert after


def test_k08_without_memory_a_look_still_works_or_denies(real: Trading, child: Callable[..., Any]) -> None:
    code = (
        STARVED
        + """
os.rename(home.below("state/.kill_switch.ready"), home.below("state/kill_switch"))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used, used))
def hoard(size):
    kept = None
    try:
        while True: kept = (kept, bytearray(size))
    except MemoryError: return kept
kept = [hoard(1 << 16), hoard(4000), hoard(400), hoard(40)]
escaped, opened = None, False
try:
    for _ in range(200): opened |= not anchor.look().engaged
    reader.look()
except BaseException as error: escaped = type(error)
kept = None
print(json.dumps([str(escaped), opened]))
"""
    )

    assert child(code, os.fspath(real.home.root)) == ["None", False]


def test_a_home_the_user_may_not_enter_is_engaged(home: Home, child: Callable[..., Any]) -> None:
    code = (
        "import json, os, sys; from state import sentinel; from state.home import Home\n"
        "os.geteuid() or os.setuid(65534)\nlook = sentinel.look(Home(sys.argv[1]))\n"
        "print(json.dumps([look.engaged, look.reason]))"
    )
    home.root.chmod(0)
    try:
        engaged, reason = child(code, os.fspath(home.root))
    finally:
        home.root.chmod(0o750)

    assert engaged
    assert "EACCES" in reason
