"""What to install for a module whose distribution has another name."""

from __future__ import annotations

_DISTRIBUTIONS = {
    "_distutils_hack": "setuptools", "absl": "absl-py", "attr": "attrs", "bs4": "beautifulsoup4",
    "clip": "git+https://github.com/openai/CLIP.git", "cpuinfo": "py-cpuinfo", "Crypto": "pycryptodome",
    "cv2": "opencv-python", "dateutil": "python-dateutil", "discord": "discord.py", "docx": "python-docx",
    "dotenv": "python-dotenv", "faiss": "faiss-cpu", "ffmpeg": "ffmpeg-python", "fitz": "pymupdf",
    "git": "GitPython", "google": "protobuf", "hydra": "hydra-core",
    "image_gen_aux": "git+https://github.com/huggingface/image_gen_aux.git", "jwt": "pyjwt",
    "lightning_fabric": "lightning", "llama_cpp": "llama-cpp-python", "magic": "python-magic",
    "mpl_toolkits": "matplotlib", "multipart": "python-multipart", "MySQLdb": "mysqlclient",
    "open_clip": "open-clip-torch", "OpenGL": "PyOpenGL", "OpenSSL": "pyopenssl",
    "parselmouth": "praat-parselmouth", "PIL": "pillow", "pkg_resources": "setuptools<81", "pptx": "python-pptx",
    "praat": "praat-parselmouth", "psycopg2": "psycopg2-binary", "pyaudio": "PyAudio", "pynvml": "nvidia-ml-py",
    "ruamel": "ruamel.yaml", "sam2": "git+https://github.com/facebookresearch/sam2.git",
    "segment_anything": "git+https://github.com/facebookresearch/segment-anything.git", "serial": "pyserial",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "speech_recognition": "SpeechRecognition",
    "sqlalchemy": "SQLAlchemy", "taming": "taming-transformers-rom1504", "telegram": "python-telegram-bot",
    "usb": "pyusb", "whisper": "openai-whisper", "win32api": "pywin32", "win32com": "pywin32",
    "win32con": "pywin32", "Xlib": "python-xlib", "yaml": "pyyaml", "zmq": "pyzmq",
}


def distribution_of(module: str) -> str:
    """The distribution that provides a top-level module (the module's own name where the two agree)."""
    return _DISTRIBUTIONS.get(module, module.replace("_", "-"))
