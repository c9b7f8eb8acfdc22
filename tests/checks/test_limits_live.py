"""What is used up is a cause only where it bites; what is nearly used up is never more than a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from checks.limits_live import (
    limits_descriptors_live,
    limits_disks_live,
    limits_group_tasks_live,
    limits_permission_live,
    limits_quota_live,
    limits_tasks_live,
    limits_watches_live,
)
from gradio_doctor.evidence import (
    Absent,
    Cgroup,
    CpuGroup,
    HttpAnswer,
    HttpAnswers,
    LogEvents,
    LogMatch,
    PathAccess,
    Paths,
    Source,
    TaskGroup,
    Usage,
    Usages,
)
from gradio_doctor.sdk import Check, Finding

NOBODY = Absent("nobody looked")
KINDS = {"socket": 900, "file": 120}
BUSY = Usage(
    7, "python app.py", "web", descriptors=1020, descriptor_limit=1024, kinds=KINDS, top=(("sockets", 900),),
    threads=40, tasks_limit=500, user_tasks=499,
)


def http(seconds: float, outcome: str = "answered") -> HttpAnswers:
    answer = HttpAnswer("loop", "HEAD", "http://127.0.0.1:7860/config", outcome, seconds)  # type: ignore[arg-type]
    return HttpAnswers("http://127.0.0.1:7860", (answer,))


def log(*signatures: str) -> LogEvents:
    source = Source("log", "app.log", 3)
    return LogEvents((), tuple(LogMatch(name, {}, name, source, "app") for name in signatures))


def found(check: Check, *evidence: object) -> list[Finding]:
    return [f for f in check(*evidence) if f.seen]


def ids(check: Check, *evidence: object) -> list[str]:
    return [f.id for f in found(check, *evidence)]


class TestDescriptors:
    def test_with_an_error_in_the_log(self) -> None:
        [one] = found(limits_descriptors_live, Usages((BUSY,)), NOBODY, log("limits.open-files-line"))
        assert one.id == "limits.descriptors-at-limit"
        assert one.facts["count"] == "1020" and one.facts["kinds"] == "900 sockets, 120 files"
        [shares] = one.shares
        assert shares.used == 1020 and shares.held[0].amount == 900

    def test_silent_and_at_the_very_limit(self) -> None:
        full = replace(BUSY, descriptors=1023)
        assert ids(limits_descriptors_live, Usages((full,)), http(1, "timeout")) == ["limits.descriptors-at-limit"]

    @pytest.mark.parametrize("answers", [http(0.002), http(1, "timeout"), NOBODY])
    def test_near_the_limit_is_a_prediction(self, answers: object) -> None:
        assert ids(limits_descriptors_live, Usages((BUSY,)), answers, log()) == ["limits.descriptors-nearly"]

    @pytest.mark.parametrize("usage", [
        replace(BUSY, descriptors=500), replace(BUSY, descriptors=None), replace(BUSY, descriptor_limit=None),
    ])
    def test_nothing_to_tell(self, usage: Usage) -> None:
        assert not ids(limits_descriptors_live, Usages((usage,)), http(1, "timeout"), log("limits.open-files-line"))

    def test_connections_that_nobody_closes(self) -> None:
        usage = Usage(7, descriptors=200, descriptor_limit=1024, close_wait=150)
        [one] = found(limits_descriptors_live, Usages((usage,)), NOBODY, NOBODY)
        assert one.id == "limits.half-closed" and one.facts["sockets"] == "150"
        assert not ids(limits_descriptors_live, Usages((replace(usage, close_wait=3),)), NOBODY, NOBODY)


class TestTasks:
    def test_of_the_user(self) -> None:
        [one] = found(limits_tasks_live, Usages((BUSY,)), log("limits.thread-start"))
        assert one.id == "limits.tasks-at-limit" and one.facts["name"] == "ulimit -u, user web"
        assert ids(limits_tasks_live, Usages((BUSY,)), NOBODY) == ["limits.tasks-nearly"]

    def test_root_is_not_bound(self) -> None:
        assert not ids(limits_tasks_live, Usages((replace(BUSY, tasks_limit=None),)), log("limits.thread-start"))

    @pytest.mark.parametrize(("group", "wanted"), [
        (TaskGroup("/a", 100, 100, 5), ["limits.tasks-at-limit"]),
        (TaskGroup("/a", 100, 95, 5), ["limits.tasks-nearly"]),  # what was refused was refused some time ago
        (TaskGroup("/a", 100, 100, 0), ["limits.tasks-nearly"]),
        (TaskGroup("/a", 100, 20, 5), []),
        (TaskGroup("/a", None, 5000, 0), []),
    ])
    def test_of_a_group(self, group: TaskGroup, wanted: Sequence[str]) -> None:
        assert ids(limits_group_tasks_live, Cgroup(7, 2, tasks=(group,)), Usages((BUSY,)), NOBODY) == wanted

    def test_shares_of_a_group(self) -> None:
        group = Cgroup(7, 2, tasks=(TaskGroup("/a", 100, 100, 5),))
        [one] = found(limits_group_tasks_live, group, Usages((BUSY,)), NOBODY)
        assert [(s.role, s.amount) for s in one.shares[0].held] == [("app", 40), ("other", 60)]


FULL = PathAccess("/tmp/gradio", "temp", free=0, total=4 * 2**20, inodes_free=100, inodes=1000)


class TestPermission:
    """What an app that serves may not write counts where its page has to do with files."""

    serving = HttpAnswers("http://127.0.0.1:7860", (), is_gradio=True)
    refused = PathAccess("/tmp/gradio", "temp", "no permission to write", "root")

    @pytest.mark.parametrize(
        ("files", "name"),
        [(True, "limits.temp-refused"), (False, "limits.temp-refused-idle"), (None, "limits.temp-refused-idle")],
    )
    def test_temporary_directory(self, files: bool | None, name: str) -> None:
        [one] = found(limits_permission_live, Paths((self.refused,), files, "gradio"), self.serving)
        assert (one.id, one.facts["user"], one.facts["path"]) == (name, "gradio", "/tmp/gradio")

    @pytest.mark.parametrize("entry", [
        PathAccess("/tmp/gradio", "temp"), PathAccess("/home/x/.cache", "cache", "no permission to write"),
        PathAccess("/srv/.gradio", "cwd", "read-only file system"),
        PathAccess("/tmp/gradio", "temp", "no inodes left on its file system"),
    ])
    def test_what_it_can_do_without(self, entry: PathAccess) -> None:
        assert not found(limits_permission_live, Paths((entry,), True), self.serving)

    def test_an_app_that_does_not_serve_is_judged_by_its_start(self) -> None:
        assert not found(limits_permission_live, Paths((self.refused,), True), NOBODY)


class TestDisks:
    def test_temporary_directory(self) -> None:
        [one] = found(limits_disks_live, Paths((FULL,)), NOBODY)
        assert one.id == "limits.disk-used-up" and one.shares[0].resource == "disk"

    def test_inodes(self) -> None:
        [one] = found(limits_disks_live, Paths((replace(FULL, free=2**30, inodes_free=0),)), NOBODY)
        assert one.facts["free"] == "no inode" and one.shares[0].resource == "inodes"

    @pytest.mark.parametrize("entry", [
        replace(FULL, role="cache"), replace(FULL, problem="read-only file system"), replace(FULL, free=200 * 2**20),
        replace(FULL, total=0), replace(FULL, free=None, inodes=None, inodes_free=None),
        replace(FULL, free=2**30, inodes=None, inodes_free=None),
    ])
    def test_not_a_fault_by_itself(self, entry: PathAccess) -> None:
        assert not ids(limits_disks_live, Paths((entry,)), log())

    def test_cache_that_could_not_be_written(self) -> None:
        entry = replace(FULL, role="cache")
        assert ids(limits_disks_live, Paths((entry,)), log("limits.no-space")) == ["limits.disk-used-up"]

    @pytest.mark.parametrize(("total", "bars"), [(None, 0), (8 * 2**20, 1)])
    def test_quota(self, total: int | None, bars: int) -> None:
        """With a bar where it is known how much it allows."""
        [one] = found(limits_disks_live, Paths((replace(FULL, total=total, quota="the quota of user 7"),)), NOBODY)
        assert (one.id, one.facts["quota"], len(one.shares)) == ("limits.quota-used-up", "the quota of user 7", bars)


QUOTA = CpuGroup("/sys/fs/cgroup/cpu/app", 0.5, 1000, 900, 10, 10, 1.0)


class TestQuota:
    def test_slow_and_stopped(self) -> None:
        [one] = found(limits_quota_live, Cgroup(7, 1, cpu=(QUOTA,)), http(0.3))
        assert one.id == "limits.throttled-now" and one.facts["share"] == "100" and one.facts["quota"] == "0.5"

    def test_no_answer_at_all(self) -> None:
        assert ids(limits_quota_live, Cgroup(7, 1, cpu=(QUOTA,)), http(1.0, "timeout")) == ["limits.throttled-now"]

    @pytest.mark.parametrize(("group", "answers"), [
        (QUOTA, http(0.004)),  # stopped, and nobody notices
        (replace(QUOTA, recent_throttled=2), http(0.3)),  # slow for some other reason
        (replace(QUOTA, recent_periods=0, recent_throttled=0), http(0.3)),  # all that was long ago
        (replace(QUOTA, recent_periods=2, recent_throttled=2), http(0.3)),
        (QUOTA, NOBODY),
    ])
    def test_not_both(self, group: CpuGroup, answers: object) -> None:
        assert not ids(limits_quota_live, Cgroup(7, 1, cpu=(group,)), answers)


def test_watches() -> None:
    usage = Usage(7, kinds={"inotify": 3}, watches=8000)
    [one] = found(limits_watches_live, Usages((usage,), inotify={"instances": 128, "watches": 8192}))
    assert (one.facts["kind"], one.facts["count"]) == ("watches", "8000")
    assert not ids(limits_watches_live, Usages((usage,), inotify={"instances": 128, "watches": 65536}))
    assert not ids(limits_watches_live, Usages((usage,)))
