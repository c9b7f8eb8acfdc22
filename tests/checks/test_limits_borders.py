"""Limits, one step below and at each threshold: what is healthy stays unsaid, whatever the figures are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.limits_live import (
    limits_descriptors_live,
    limits_disks_live,
    limits_group_tasks_live,
    limits_quota_live,
    limits_tasks_live,
    limits_watches_live,
    slowest,
)
from gradio_doctor.evidence import (
    Absent,
    Cgroup,
    CpuGroup,
    HttpAnswer,
    HttpAnswers,
    PathAccess,
    Paths,
    Run,
    TaskGroup,
    Usage,
    Usages,
)
from tests.checks.test_limits_live import found, http, ids, log

NOBODY = Absent("nobody looked")
NUMBERS = st.integers(0, 2**40)
QUICK = settings(max_examples=60, deadline=None)


def asked(**seconds: float) -> HttpAnswers:
    answers = (HttpAnswer(n, "HEAD", "http://x", "answered", s) for n, s in seconds.items())
    return HttpAnswers("http://x", tuple(answers))


class TestDescriptors:
    @pytest.mark.parametrize(("count", "limit", "near"), [
        (899, 1000, False), (900, 1000, True), (921, 1024, False), (922, 1024, True),
        (7, 10, False), (8, 10, True),  # a small limit: what is left counts, and not the share
        (1024, 1024, True), (1025, 1024, True), (0, 1024, False),
    ])
    def test_nearly(self, count: int, limit: int, near: bool) -> None:
        usages = Usages((Usage(7, descriptors=count, descriptor_limit=limit),))
        assert ids(limits_descriptors_live, usages) == ["limits.descriptors-nearly"] * near

    @pytest.mark.parametrize(("count", "limit"), [(None, 1024), (1000, None), (None, None)])
    def test_what_is_not_told_is_not_used_up(self, count: int | None, limit: int | None) -> None:
        usages = Usages((Usage(7, descriptors=count, descriptor_limit=limit),))
        assert not ids(limits_descriptors_live, usages, http(1, "timeout"), log("limits.open-files-line"))

    @pytest.mark.parametrize(("count", "reached"), [(1021, False), (1022, True)])
    def test_silence_counts_at_the_very_limit_only(self, count: int, reached: bool) -> None:
        usages = Usages((Usage(7, descriptors=count, descriptor_limit=1024),))
        name = "limits.descriptors-at-limit" if reached else "limits.descriptors-nearly"
        assert ids(limits_descriptors_live, usages, http(1, "refused")) == [name]

    @pytest.mark.parametrize(("sockets", "seen"), [(0, False), (99, False), (100, True)])
    def test_half_closed(self, sockets: int, seen: bool) -> None:
        assert ids(limits_descriptors_live, Usages((Usage(7, close_wait=sockets),))) == ["limits.half-closed"] * seen

    @QUICK
    @given(NUMBERS, NUMBERS, st.dictionaries(st.sampled_from(["socket", "file", "pipe"]), st.integers(1, 9)))
    def test_any_figures(self, count: int, limit: int, kinds: dict[str, int]) -> None:
        usages = Usages((Usage(7, descriptors=count, descriptor_limit=limit, kinds=kinds),))
        names = ids(limits_descriptors_live, usages, asked(loop=0.01))
        assert names in ([], ["limits.descriptors-nearly"])  # it answers: it is never at its limit
        assert not names or count >= 0.9 * limit - 2


class TestTasks:
    @pytest.mark.parametrize(("count", "seen"), [(449, False), (450, True), (500, True)])
    def test_of_a_user(self, count: int, seen: bool) -> None:
        usages = Usages((Usage(7, tasks_limit=500, user_tasks=count),))
        assert ids(limits_tasks_live, usages) == ["limits.tasks-nearly"] * seen
        refused = log("limits.thread-start")
        assert ids(limits_tasks_live, usages, refused) == ["limits.tasks-at-limit"] * seen

    def test_root_is_not_bound(self) -> None:
        assert not ids(limits_tasks_live, Usages((Usage(7, user_tasks=10**6),)), log("limits.fork-eagain"))
        assert not ids(limits_tasks_live, Usages(), log("limits.fork-eagain"))

    @pytest.mark.parametrize(("count", "refused", "name"), [
        (89, 7, ""), (90, 7, "limits.tasks-nearly"), (99, 7, "limits.tasks-nearly"),  # refused at another time
        (100, 7, "limits.tasks-at-limit"), (100, 0, "limits.tasks-nearly"), (100, None, "limits.tasks-nearly"),
    ])
    def test_of_a_group(self, count: int, refused: int | None, name: str) -> None:
        group = Cgroup(7, 2, tasks=(TaskGroup("/a", 100, count, refused),))
        assert ids(limits_group_tasks_live, group, Usages((Usage(7, threads=40),))) == ([name] if name else [])

    @QUICK
    @given(st.integers(1, 2**31), NUMBERS, NUMBERS)
    def test_shares_add_up(self, limit: int, count: int, threads: int) -> None:
        group = Cgroup(7, 2, tasks=(TaskGroup("/a", limit, count),))
        for one in found(limits_group_tasks_live, group, Usages((Usage(7, threads=threads),))):
            assert sum(s.amount for s in one.shares[0].held) == count
            assert all(s.amount >= 0 for s in one.shares[0].held)


class TestDisks:
    temp = PathAccess("/tmp/gradio", "temp", free=2**20 - 1, total=2**30, inodes=100, inodes_free=50)

    @pytest.mark.parametrize(("free", "seen"), [(0, True), (2**20 - 1, True), (2**20, False), (None, False)])
    def test_room(self, free: int | None, seen: bool) -> None:
        assert ids(limits_disks_live, Paths((replace(self.temp, free=free),))) == ["limits.disk-used-up"] * seen

    @pytest.mark.parametrize(("left", "seen"), [(0, True), (1, False), (None, False)])
    def test_inodes(self, left: int | None, seen: bool) -> None:
        paths = Paths((replace(self.temp, free=2**30, inodes_free=left),))
        assert [f.facts["free"] for f in found(limits_disks_live, paths)] == ["no inode"] * seen

    def test_file_systems_that_count_nothing(self) -> None:
        """overlay and btrfs have no inodes to count; some network file systems have no size."""
        assert not ids(limits_disks_live, Paths((replace(self.temp, free=0, total=0, inodes=0, inodes_free=0),)))

    def test_an_image_of_models_is_full_and_well(self) -> None:
        models = replace(self.temp, role="cache", free=0)
        assert not ids(limits_disks_live, Paths((models,)), log())
        assert ids(limits_disks_live, Paths((models,)), log("limits.no-space")) == ["limits.disk-used-up"]
        mounted = replace(models, problem="read-only file system")
        assert not ids(limits_disks_live, Paths((mounted,)), log("limits.no-space"))


class TestQuota:
    group = CpuGroup("/a", 0.5, 100, 90, recent_periods=10, recent_throttled=8, seconds=1.0)

    @pytest.mark.parametrize(("periods", "throttled", "seen"), [
        (10, 8, True), (10, 7, False), (5, 4, True), (4, 4, False), (0, 0, False), (1000, 799, False),
    ])
    def test_share(self, periods: int, throttled: int, seen: bool) -> None:
        group = replace(self.group, recent_periods=periods, recent_throttled=throttled)
        assert bool(ids(limits_quota_live, Cgroup(7, 2, cpu=(group,)), asked(loop=0.2))) is seen

    @pytest.mark.parametrize(("answers", "seen"), [
        (asked(loop=0.04), False), (asked(loop=0.03, pool=0.03), True), (asked(page=9.0), False), (NOBODY, False),
        (http(2, "timeout"), True), (asked(), False),
    ])
    def test_an_app_that_is_quick_does_not_starve(self, answers: object, seen: bool) -> None:
        assert bool(ids(limits_quota_live, Cgroup(7, 2, cpu=(self.group,)), answers)) is seen

    def test_a_start_that_never_ends(self) -> None:
        run = Run(("python",), "/srv", 7, "timeout", 30.0)
        [one] = found(limits_quota_live, Cgroup(7, 2, cpu=(self.group,)), NOBODY, run)
        assert one.facts["took"] == "no answer" and one.facts["share"] == "80"

    def test_without_a_quota_nothing_is_said(self) -> None:
        assert not list(limits_quota_live(Cgroup(7, 2), http(2, "timeout")))


@pytest.mark.parametrize(("count", "seen"), [(0, False), (115, False), (116, True)])
def test_inotify_instances(count: int, seen: bool) -> None:
    usages = Usages((Usage(7, kinds={"inotify": count}),), inotify={"instances": 128, "watches": 8192})
    assert ids(limits_watches_live, usages) == ["limits.watches-nearly"] * seen
    assert not ids(limits_watches_live, replace(usages, inotify={}))


def test_slowest() -> None:
    assert slowest(NOBODY) is None and slowest(asked()) is None
    assert slowest(asked(loop=0.1, page=0.4)) == 0.4
    assert slowest(http(0.1, "refused")) == float("inf")
