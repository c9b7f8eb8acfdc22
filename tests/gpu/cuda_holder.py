"""Holds memory of a real GPU through the driver's library alone: python cuda_holder.py MIB; prints "holding"."""

from __future__ import annotations

import ctypes
import sys
import time


def main() -> None:
    """Make a context on device 0 and allocate. Exits with CUDA's error code when that is refused."""
    cuda = ctypes.CDLL("libcuda.so.1")
    context, pointer, device = ctypes.c_void_p(), ctypes.c_uint64(), ctypes.c_int()
    for code in (
        cuda.cuInit(0), cuda.cuDeviceGet(ctypes.byref(device), 0),
        cuda.cuCtxCreate_v2(ctypes.byref(context), 0, device),
        cuda.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(int(sys.argv[1]) << 20)),
    ):
        if code:
            print(f"CUDA error {code}", flush=True)
            sys.exit(code)
    print("holding", flush=True)
    time.sleep(600)


main()
