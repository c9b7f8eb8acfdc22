# ruff: noqa: E501 - log lines stand as programs print them
"""What programs print about GPUs, worded as their sources build the lines, and the cause each must lead to."""

from __future__ import annotations

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab

OUT_OF_MEMORY = """
RuntimeError: CUDA error: out of memory
RuntimeError: cuda runtime error (2) : out of memory at /pytorch/aten/src/THC/generic/THCStorage.cu:58
torch.cuda.OutOfMemoryError: HIP out of memory. Tried to allocate 512.00 MiB (GPU 0; 15.98 GiB total capacity; 15.03 GiB already allocated; 0 bytes free; 15.61 GiB reserved in total by PyTorch)
torch.OutOfMemoryError: XPU out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 11.93 GiB of which 5.62 MiB is free. Of the allocated memory 10.93 GiB is allocated by PyTorch, and 94.57 MiB is reserved by PyTorch but unallocated. Please use `empty_cache` to release all unoccupied cached memory.
RuntimeError: MPS backend out of memory (MPS allocated: 17.36 GB, other allocations: 613.56 MB, max allowed: 18.13 GB). Tried to allocate 192.00 MB on private pool. Use PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0 to disable upper limit for memory allocations (may cause system failure).
torch.OutOfMemoryError: Allocation on device 0 would exceed allowed memory. (out of memory)
torch.cuda.OutOfMemoryError: Allocation on device
RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`
tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor with shape[64,512,28,28] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc
2024-01-02 10:11:12.131415: W tensorflow/core/common_runtime/bfc_allocator.cc:479] Allocator (GPU_0_bfc) ran out of memory trying to allocate 1.50GiB (rounded to 1610612736)requested by op gradients/mul
jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes.
Out of memory error on GPU 0. Cannot allocate 1.000000GB memory on GPU 0, 7.084717GB memory has been allocated and available memory is only 716.750000MB.
onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException: [ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : CUDA failure 2: out of memory ; GPU=0 ; hostname=box ; expr=cudaMalloc((void**)&p, size);
onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException: [ONNXRuntimeError] : 6 : bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 4294967296
ggml_backend_cuda_buffer_type_alloc_buffer: allocating 8192.00 MiB on device 0: cudaMalloc failed: out of memory
llama_model_load: error loading model: unable to allocate CUDA0 buffer
RuntimeError: CUDA failed with error out of memory
RuntimeError: Not enough memory, use lower resolution (max approx. 640x640). Need: 3.0GB free, Have:2.2GB free
RuntimeError: Could not allocate tensor with 1207959552 bytes. There is not enough GPU video memory available!
ValueError: Some modules are dispatched on the CPU or the disk. Make sure you have enough GPU RAM to fit the quantized model.
ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.
RuntimeError: Invalid buffer size: 58.07 GB
错误：显存不足，请降低分辨率
"""

HELD = """
ValueError: Free memory on device (2.5/23.69 GiB) on startup is less than desired GPU memory utilization (0.9, 21.32 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 298.00 MiB. GPU 0 has a total capacity of 44.39 GiB of which 12.06 MiB is free. Process 6324 has 38.06 GiB memory in use. Including non-PyTorch memory, this process has 6.30 GiB memory in use. Of the allocated memory 5.90 GiB is allocated by PyTorch, and 20.00 MiB is reserved by PyTorch but unallocated.
RuntimeError: CUDA out of memory. Tried to allocate 2.00 MiB (GPU 1; 11.17 GiB total capacity; 1.21 GiB already allocated; 3.50 MiB free; 20.00 MiB cached)
"""

UNAVAILABLE = """
AssertionError: Torch not compiled with CUDA enabled
RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx
RuntimeError: The NVIDIA driver on your system is too old (found version 10020). Please update your GPU driver
RuntimeError: CUDA error: CUDA driver version is insufficient for CUDA runtime version
RuntimeError: No CUDA GPUs are available
RuntimeError: No HIP GPUs are available
RuntimeError: CUDA error: no CUDA-capable device is detected
RuntimeError: CUDA error: invalid device ordinal
RuntimeError: CUDA error: CUDA-capable device(s) is/are busy or unavailable
RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable
RuntimeError: Attempting to deserialize object on CUDA device 1 but torch.cuda.device_count() is 1. Please use torch.load with map_location to map your storages to an existing device.
RuntimeError: Torch is not able to use GPU; add --skip-torch-cuda-test to COMMANDLINE_ARGS variable to disable this check
Failed to initialize NVML: Driver/library version mismatch
NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.
docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].
nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object file: no such file or directory: unknown
RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that might have already set an error? Error 804: forward compatibility was attempted on non supported HW
RuntimeError: No GPU found. A GPU is needed for quantization.
ValueError: fp16 mixed precision requires a GPU (not 'cpu').
RuntimeError: "LayerNormKernelImpl" not implemented for 'Half'
RuntimeError: "addmm_impl_cpu_" not implemented for 'Half'
ValueError: This CTranslate2 package was not compiled with CUDA support
"""

UNSUPPORTED = """
RuntimeError: CUDA error: no kernel image is available for execution on the device
RuntimeError: HIP error: invalid device function
"hipErrorNoBinaryForGpu: Unable to find code object for all current devices!"
rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: Illegal seek for GPU arch : gfx1031
NVIDIA GeForce RTX 5070 Ti with CUDA capability sm_120 is not compatible with the current PyTorch installation.
    PyTorch no longer supports this GPU because it is too old.
FATAL: kernel `fmha_cutlassF_f16_aligned_64x64_rf_sm80` is for sm80-sm100, but was built for sm37
RuntimeError: FlashAttention only supports Ampere GPUs or newer.
nvcc fatal   : Unsupported gpu architecture 'compute_89'
ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has compute capability 7.5.
ValueError: Your setup doesn't support bf16/gpu. You need torch>=1.10, using Ampere GPU with cuda>=11.0
NotImplementedError: The operator 'aten::upsample_nearest3d.out' is not currently implemented for the MPS device.
TypeError: Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. Please use float32 instead.
ERROR: CUDA kernel mul_mat_q has no device code compatible with CUDA arch 520. ggml-cuda.cu was compiled for: 600,700,800
RuntimeError: cuFFT error: CUFFT_INTERNAL_ERROR
ptxas fatal   : Value 'sm_120' is not defined for option 'gpu-name'
"""

KERNEL_FAULT = """
RuntimeError: CUDA error: device-side assert triggered
RuntimeError: CUDA error: misaligned address
RuntimeError: CUDA error: an illegal memory access was encountered
/pytorch/aten/src/ATen/native/cuda/Loss.cu:240: nll_loss_forward_reduce_cuda_kernel_2d: block: [0,0,0], thread: [5,0,0] Assertion `t >= 0 && t < n_classes` failed.
RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb, m, n, k)`
RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED
RuntimeError: CUDA error: the launch timed out and was terminated
Memory access fault by GPU node-1 (Agent handle: 0x55d8f0) on address 0x7f2200000000. Reason: Page not present or supervisor privilege.
OSError: (External) CUDA error(719), unspecified launch failure.
CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered
RuntimeError: The GPU device instance has been suspended. Use GetDeviceRemovedReason to determine the appropriate action.
"""

HARDWARE = """
kernel: NVRM: Xid (PCI:0000:01:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
kernel: NVRM: Xid (PCI:0000:3b:00): 48, pid=1201, An uncorrectable double bit error (DBE) has been detected on GPU in the framebuffer
RuntimeError: CUDA error: uncorrectable ECC error encountered
Unable to determine the device handle for GPU 0000:82:00.0: GPU is lost.  Reboot the system to recover this GPU
kernel: amdgpu 0000:03:00.0: amdgpu: GPU reset begin!
HW Exception by GPU node-1 (Agent handle: 0x55f1) reason :GPU Hang
kernel: NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x26:0x56:1474)
"""

NAN = """
modules.devices.NansException: A tensor with all NaNs was produced in Unet. This could be either because there's not enough precision to represent the picture, or because your video card does not support half type.
modules.devices.NansException: A tensor with NaNs was produced in VAE. Use --disable-nan-check commandline argument to disable this check.
RuntimeError: probability tensor contains either `inf`, `nan` or element < 0
FloatingPointError: Minimum loss scale reached (0.0001). Your loss is probably exploding. Try lowering the learning rate, using gradient clipping or increasing the batch size.
RuntimeError: Function 'MulBackward0' returned nan values in its 0th output.
RuntimeError: value cannot be converted to type at::Half without overflow
steps:  12%|#2        | 120/1000 [02:11<16:02,  1.09s/it, avr_loss=nan]
"""

HARMLESS = """
Warning: caught exception 'Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx', memory monitor disabled
/venv/lib/python3.10/site-packages/torch/cuda/__init__.py:88: UserWarning: CUDA initialization: Found no NVIDIA driver on your system. (Triggered internally at ../c10/cuda/CUDAFunctions.cpp:109.)
/venv/lib/python3.10/site-packages/torch/cuda/__init__.py:628: UserWarning: Can't initialize NVML
/venv/lib/python3.10/site-packages/torch/amp/autocast_mode.py:250: UserWarning: User provided device_type of 'cuda', but CUDA is not available. Disabling
No module 'xformers'. Proceeding without it.
UserWarning: The operator 'aten::std_mean.correction' is not currently supported on the DML backend and will fall back to run on the CPU.
CUDA SETUP: Loading binary /venv/lib/python3.10/site-packages/bitsandbytes/libbitsandbytes_cpu.so...
Warning: Ran out of memory when regular VAE decoding, retrying with tiled VAE decoding.
|  0%   41C    P8    12W / 300W |    512MiB / 24564MiB |      0%      Default |
torch.cuda.is_available() returned False. This means that no GPU has been detected. Falling back to CPU mode.
UserWarning: The installed version of bitsandbytes was compiled without GPU support. 8-bit optimizers, 8-bit multiplication, and GPU quantization are unavailable.
W tensorflow/core/common_runtime/bfc_allocator.cc:312] Allocator (GPU_0_bfc) ran out of memory trying to allocate 2.20GiB with freed_by_count=0. The caller indicates that this is not a failure, but this may mean that there could be performance gains if more memory were available.
UserWarning: 1Torch was not compiled with flash attention. (Triggered internally at ..\\aten\\src\\ATen\\native\\transformers\\cuda\\sdp_utils.cpp:263.)
UserWarning: Specified provider 'CUDAExecutionProvider' is not in available provider names. Available providers: 'AzureExecutionProvider, CPUExecutionProvider'
ggml_cuda_init: found 1 CUDA devices:
Found GPU0 NVIDIA GB10 which is of cuda capability 12.1.
steps:  12%|#2        | 120/1000 [02:11<16:02,  1.09s/it, avr_loss=0.0931]
[GPU memory] allocated 3.2 GiB, reserved 4.0 GiB of 24.0 GiB
kernel: pcieport 0000:00:03.0: AER: Corrected error received: 0000:00:03.0
"""

TABLE = [
    (cause, line)
    for cause, lines in {
        "gpu.out-of-memory": OUT_OF_MEMORY, "gpu.held-by-other": HELD, "gpu.unavailable": UNAVAILABLE,
        "gpu.unsupported-arch": UNSUPPORTED, "gpu.kernel-fault": KERNEL_FAULT, "gpu.hardware": HARDWARE,
        "gpu.nan-precision": NAN,
    }.items()
    for line in lines.strip().splitlines()
]


@pytest.fixture(scope="module")
def lab(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("gpu"))


@pytest.mark.parametrize(("cause", "line"), TABLE, ids=[f"{c}-{i}" for i, (c, _) in enumerate(TABLE)])
def test_a_line_leads_to_its_cause(lab: Lab, cause: str, line: str) -> None:
    read = lab.read(line + "\n")
    assert read.first == cause, (dict(read.causes), sorted(read.findings))
    assert read.causes[cause] > read.unknown


@pytest.mark.parametrize("line", HARMLESS.strip().splitlines())
def test_notices_of_machines_without_a_gpu_are_no_fault(lab: Lab, line: str) -> None:
    read = lab.read(f"Running on local URL:  http://127.0.0.1:7860\n{line}\n")
    assert read.first == "", (dict(read.causes), sorted(read.findings))


FAMILIES = ("gpu", "memory", "crash", "limits", "platform")


def test_the_sources_of_the_signatures_are_named(loaded: Loaded) -> None:
    ours = [s for s in loaded.knowledge.signatures.values() if s.id.partition(".")[0] in FAMILIES]
    assert len(ours) > 80
    assert [s.id for s in ours if not s.origin or not s.note.en or not s.note.zh] == []


def test_every_cause_speaks_two_languages_and_hands_over_commands(loaded: Loaded) -> None:
    ours = [c for c in loaded.knowledge.causes.values() if c.family in FAMILIES]
    assert len(ours) == 22
    for cause in ours:
        texts = [cause.title, cause.what, *cause.says, *(r.text for r in cause.remedies)]
        assert all(t.en and t.zh for t in texts), cause.id
        assert any(r.commands for r in cause.remedies), cause.id
        signatures = [loaded.knowledge.signatures[n] for n in cause.links if n in loaded.knowledge.signatures]
        assert sum(len(s.patterns) for s in signatures) >= 8, cause.id
