# ruff: noqa: E501 - messages stand as programs print them
"""The arithmetic of GPU memory and the order of CUDA failures."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.gpu import Account, account, verdict
from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab

GIB = 2**30


@pytest.fixture(scope="module")
def lab(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("gpu"))


def old(tried: str, total: str, allocated: str, free: str, reserved: str, word: str = "reserved in total by PyTorch") -> str:
    """The message of PyTorch 1.0 to 2.0 (THC and c10 CUDACachingAllocator.cpp)."""
    return (
        f"CUDA out of memory. Tried to allocate {tried} (GPU 0; {total} total capacity; {allocated} already allocated; "
        f"{free} free; {reserved} {word})"
    )


def new(tried: str, total: str, free: str, process: str, allocated: str, unallocated: str, others: str = "") -> str:
    """The message of PyTorch 2.1 to 2.9."""
    return (
        f"CUDA out of memory. Tried to allocate {tried}. GPU 0 has a total capacity of {total} of which {free} is free. "
        f"{others}Including non-PyTorch memory, this process has {process} memory in use. Of the allocated memory "
        f"{allocated} is allocated by PyTorch, and {unallocated} is reserved by PyTorch but unallocated. If reserved but "
        "unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (old("20.00 MiB", "10.76 GiB", "2.00 GiB", "26.00 MiB", "2.50 GiB"), "gpu.others-hold-memory"),
        (old("20.00 MiB", "10.76 GiB", "2.00 GiB", "26.00 MiB", "2.50 GiB", "cached"), "gpu.others-hold-memory"),
        (old("1.50 GiB", "8.00 GiB", "6.90 GiB", "0 bytes", "7.10 GiB"), "gpu.own-allocation-too-large"),
        (old("222.41 GiB", "23.56 GiB", "583.94 MiB", "22.66 GiB", "612.00 MiB"), "gpu.own-allocation-too-large"),
        (new("50.51 GiB", "44.35 GiB", "20.66 GiB", "2.66 GiB", "2.10 GiB", "100.00 MiB"), "gpu.own-allocation-too-large"),
        (new("1.16 GiB", "31.36 GiB", "471.69 MiB", "16.63 GiB", "15.03 GiB", "1.00 GiB"), "gpu.others-hold-memory"),
        (new("472.00 MiB", "23.70 GiB", "114.56 MiB", "23.58 GiB", "18.26 GiB", "3.69 GiB"), "gpu.own-allocation-too-large"),
    ],
)
def test_the_numbers_tell_whose_fault_it_is(text: str, expected: str) -> None:
    numbers = account(text)
    assert numbers is not None
    assert verdict(numbers) == expected


def test_a_small_card_that_a_desktop_shares_is_not_held_by_others() -> None:
    numbers = account(old("20.00 MiB", "4.00 GiB", "2.42 GiB", "0 bytes", "2.60 GiB"))
    assert numbers is not None
    assert verdict(numbers) != "gpu.others-hold-memory"  # 0.9 GiB: the desktop and its own context


def test_a_process_that_has_more_than_the_card_is_a_wrong_number() -> None:
    numbers = account(new("64.00 MiB", "8.00 GiB", "0 bytes", "17179869184.00 GiB", "7.20 GiB", "100.00 MiB"))
    assert numbers is not None
    assert numbers.own < 8 * GIB
    assert verdict(numbers) == "gpu.own-allocation-too-large"


def test_the_largest_other_process_is_named() -> None:
    others = "Process 11 has 1.00 GiB memory in use. Process 222 has 20.00 GiB memory in use. "
    numbers = account(new("1.00 GiB", "24.00 GiB", "10.00 MiB", "2.00 GiB", "1.50 GiB", "10.00 MiB", others))
    assert numbers is not None
    assert numbers.facts()["pid"] == "222"


@pytest.mark.parametrize("text", ["", "CUDA out of memory", "Tried to allocate 2.00 GiB", "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 79.15 GiB total capacity)"])
def test_too_few_numbers_make_no_account(text: str) -> None:
    assert account(text) is None


@given(st.text(max_size=200))
def test_no_text_breaks_the_account(text: str) -> None:
    account("Tried to allocate " + text + " GiB. total capacity of 1.1.1 GiB of which . GiB is free")


sizes = st.floats(min_value=0, max_value=200 * GIB)


@given(sizes, sizes, sizes, sizes)
def test_others_are_named_only_when_the_request_would_fit_without_them(
    tried: float, total: float, free: float, own: float
) -> None:
    numbers = Account(tried, total, min(free, total), own, 0.0)
    if verdict(numbers) == "gpu.others-hold-memory":
        assert own + tried <= total
        assert numbers.others >= 0.35 * total


def test_memory_of_others_outweighs_the_plain_message(lab: Lab) -> None:
    text = "RuntimeError: " + old("36.00 MiB", "10.76 GiB", "900.00 MiB", "8.00 MiB", "1.00 GiB")
    read = lab.read(text + "\n")
    assert read.first == "gpu.held-by-other"
    assert read.causes["gpu.out-of-memory"] < read.causes["gpu.held-by-other"]
    assert read.findings["gpu.others-hold-memory"].facts["total"] == "10.76 GiB"


def test_a_message_that_is_broken_over_lines_is_put_together(lab: Lab) -> None:
    read = lab.read(
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.16 GiB.\n"
        "GPU 0 has a total capacity of 31.36 GiB of which 471.69 MiB is free. Including non-PyTorch memory, this process "
        "has 3.63 GiB memory in use. Of the allocated memory 3.03 GiB is allocated by PyTorch\n"
    )
    assert read.first == "gpu.held-by-other"


def test_fragments_bring_their_remedy(lab: Lab) -> None:
    read = lab.read("RuntimeError: " + new("200.00 MiB", "23.70 GiB", "114.56 MiB", "23.58 GiB", "18.26 GiB", "3.69 GiB") + "\n")
    assert read.first == "gpu.out-of-memory"
    assert "gpu.memory-fragmented" in read.findings
    remedies = [r for r in lab.knowledge.causes["gpu.out-of-memory"].remedies if "gpu.memory-fragmented" in r.when]
    assert "expandable_segments:True" in remedies[0].commands[0]


def test_what_comes_after_a_device_side_assert_is_its_echo(lab: Lab) -> None:
    read = lab.read(
        "/pytorch/aten/src/ATen/native/cuda/Indexing.cu:1239: block: [4,0,0], thread: [96,0,0] Assertion "
        "`srcIndex < srcSelectDimSize` failed.\n"
        "RuntimeError: CUDA error: device-side assert triggered\n"
        "RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`\n"
        "RuntimeError: CUDA error: out of memory\n"
    )
    assert read.first == "gpu.kernel-fault"
    assert read.causes.get("gpu.out-of-memory", 0) < 0.05
    assert read.findings["gpu.first-fault"].facts["assertion"] == "srcIndex < srcSelectDimSize"


def test_an_earlier_out_of_memory_is_not_an_echo(lab: Lab) -> None:
    read = lab.read(
        "RuntimeError: CUDA error: out of memory\nsome hours later\nRuntimeError: CUDA error: device-side assert triggered\n"
    )
    assert "gpu.first-fault" not in read.findings
    assert {"gpu.out-of-memory", "gpu.kernel-fault"} <= read.causes.keys()


def test_the_place_in_the_users_code_comes_along(lab: Lab, tmp_path: Path) -> None:
    read = lab.read(
        'Traceback (most recent call last):\n  File "/home/me/app.py", line 12, in predict\n    return model(x)\n'
        '  File "/venv/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1501, in _call_impl\n'
        "    return forward_call(*args, **kwargs)\n"
        f"torch.OutOfMemoryError: {new('2.00 GiB', '8.00 GiB', '0 bytes', '7.80 GiB', '7.00 GiB', '100.00 MiB')}\n"
    )
    assert read.first == "gpu.out-of-memory"
    location = read.findings["gpu.torch-oom"].location
    assert location is not None
    assert (location.file, location.line) == ("/home/me/app.py", 12)


SMI = "|  0%   54C    P0   246W / 300W | {used}MiB / 16130MiB |    100%      Default |\n"


@pytest.mark.parametrize(("used", "expected"), [(" 15514", "gpu.held-by-other"), ("   300", "gpu.out-of-memory")])
def test_a_table_of_nvidia_smi_tells_who_holds_the_card(lab: Lab, used: str, expected: str) -> None:
    read = lab.read("RuntimeError: CUDA error: out of memory\n" + SMI.format(used=used))
    assert read.first == expected, dict(read.causes)
