"""Which calls of libraries wait or compute for long. What is not listed here is never reported.

A path is what `Names` makes of the code: "openai.OpenAI().chat.completions.create". Asynchronous twins have other names
(AsyncOpenAI, httpx.AsyncClient), or are told by an `aio` in the path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradio_doctor.evidence.source import SlowKind

MAX_PATH = 300  # characters


@dataclass(frozen=True, slots=True)
class Slow:
    """What a library call does. `weak`: it is often quick."""

    kind: SlowKind
    weak: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VERBS = "get post put delete patch head options request"
_EXECUTE = "execute executemany executescript commit fetchone fetchall fetchmany query"

# Functions, by their full name, and what they do.
_FUNCTIONS: dict[SlowKind, frozenset[str]] = {
    "sleep": _words("time.sleep"),
    "network": _words(
        " ".join(f"requests.{v} requests.api.{v} httpx.{v}" for v in _VERBS.split()) + " httpx.stream "
        "urllib.request.urlopen urllib.request.urlretrieve urllib3.request socket.create_connection smtplib.SMTP "
        "smtplib.SMTP_SSL gradio_client.Client huggingface_hub.hf_hub_download huggingface_hub.snapshot_download "
        "litellm.completion litellm.embedding ollama.chat ollama.generate ollama.embeddings replicate.run "
        "feedparser.parse wget.download gdown.download yfinance.download datasets.load_dataset"
    ),
    "process": _words(
        "subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.getoutput "
        "subprocess.getstatusoutput os.system os.wait os.waitpid"
    ),
    "database": _words(
        "psycopg2.connect psycopg.connect pymysql.connect MySQLdb.connect mysql.connector.connect pyodbc.connect"
    ),
    "wait": _words("concurrent.futures.wait concurrent.futures.as_completed builtins.input"),
}
_WEAK: dict[SlowKind, frozenset[str]] = {
    "file": _words("pandas.read_csv pandas.read_excel pandas.read_parquet numpy.load shutil.copytree shutil.rmtree"),
    "cpu": _words("numpy.linalg.svd numpy.linalg.eig numpy.linalg.inv scipy.optimize.minimize"),
}
# Objects of libraries (how they are made) and their methods that wait; "*" any.
_METHODS: tuple[tuple[str, SlowKind, frozenset[str]], ...] = (
    (r"requests\.(?:sessions\.)?[Ss]ession\(\)", "network", _words(f"{_VERBS} send")),
    (r"httpx\.Client\(\)", "network", _words(f"{_VERBS} send stream")),
    (r"urllib3\.PoolManager\(\)", "network", _words("request urlopen")),
    (r"http\.client\.HTTPS?Connection\(\)", "network", _words("request getresponse connect")),
    (r"openai(?:\.(?:Azure)?OpenAI\(\))?(?:\.\w+){1,3}", "network", _words("create parse generate edit")),
    (r"anthropic\.Anthropic\w*\(\)(?:\.\w+){1,2}", "network", _words("create stream count_tokens parse")),
    (r"groq\.Groq\(\)(?:\.\w+){1,2}", "network", _words("create")),
    (r"together\.Together\(\)(?:\.\w+){1,2}", "network", _words("create generate")),
    (r"mistralai\.Mistral\(\)(?:\.\w+){1,2}", "network", _words("complete stream")),
    (r"cohere\.Client(?:V2)?\(\)", "network", _words("chat chat_stream generate embed rerank")),
    (r"google\.generativeai\.GenerativeModel\(\)(?:\.start_chat\(\))?", "network",
     _words("generate_content send_message")),
    (r"google\.genai\.Client\(\)\.models", "network",
     _words("generate_content generate_content_stream generate_images")),
    (r"huggingface_hub\.InferenceClient\(\)(?:\.\w+){0,2}", "network", _words("*")),
    (r"gradio_client\.Client\(\)", "network", _words("predict")),
    (r"gradio_client\.Client\(\)\.submit\(\)", "network", _words("result")),
    (r"ollama\.Client\(\)", "network", _words("chat generate embeddings")),
    (r"boto3\.(?:client|resource)\(\)", "network", _words("*")),
    (r"redis\.(?:Redis|StrictRedis|from_url|Redis\.from_url)\(\)", "database", _words("*")),
    (r"pymongo\.MongoClient\(\)(?:\.\w+){0,2}", "database", _words(
        "find_one insert_one insert_many update_one update_many delete_one delete_many aggregate count_documents "
        "replace_one find_one_and_update distinct")),
    (r"sqlite3\.connect\(\)(?:\.cursor\(\))?(?:\.execute\(\))?", "database", _words(_EXECUTE)),
    (r"(?:psycopg2|psycopg|pymysql|MySQLdb|mysql\.connector|pyodbc|duckdb)\.connect\(\)(?:\.cursor\(\))?", "database",
     _words(_EXECUTE)),
    (r"sqlalchemy\.create_engine\(\)(?:\.(?:connect|begin)\(\))?", "database", _words("execute connect")),
    (r"sqlalchemy\.orm\.(?:sessionmaker\(\)|Session)\(\)", "database",
     _words("execute scalars scalar commit flush get")),
    (r"sqlalchemy\.orm\.(?:sessionmaker\(\)|Session)\(\)\.query\(\)(?:\.\w+\(\))*", "database",
     _words("all first one count")),
    (r"subprocess\.Popen\(\)", "process", _words("wait communicate")),
    (r"subprocess\.Popen\(\)\.std(?:out|err)", "process", _words("read readline readlines")),
    (r"os\.popen\(\)", "process", _words("read readlines")),
    (r"threading\.Thread\(\)|multiprocessing\.Process\(\)", "wait", _words("join")),
    (r"multiprocessing\.Pool\(\)", "wait", _words("map starmap apply join")),
    (r"concurrent\.futures\.(?:Thread|Process)PoolExecutor\(\)\.submit\(\)", "wait", _words("result exception")),
    (r"asyncio\.run_coroutine_threadsafe\(\)", "wait", _words("result exception")),
    (r"(?:queue|multiprocessing)\.\w*Queue\(\)", "wait", _words("get join")),
    (r"threading\.(?:Event|Condition|Barrier)\(\)", "wait", _words("wait")),
)
_WEAK_METHODS: tuple[tuple[str, SlowKind, frozenset[str]], ...] = (
    (r"threading\.(?:R?Lock|Semaphore|BoundedSemaphore)\(\)", "lock", _words("acquire")),
    (r"builtins\.open\(\)", "file", _words("read readlines write")),
    (r"pathlib\.Path\(\)", "file", _words("read_text read_bytes write_bytes")),
)
# What loads a model from disk or the network, and so what a loaded model is.
_LOADERS = (
    r"transformers\.pipeline|(?:transformers|diffusers|peft|sentence_transformers|timm|open_clip|setfit)(?:\.\w+){0,4}"
    r"\.from_pretrained|diffusers(?:\.\w+)+\.from_single_file|sentence_transformers\.(?:SentenceTransformer|CrossEncoder)"
    r"|whisper\.load_model|faster_whisper\.WhisperModel|onnxruntime\.InferenceSession|llama_cpp\.Llama(?:\.from_pretrained)?"
    r"|ultralytics\.(?:YOLO|RTDETR|SAM)|vllm\.LLM|torch\.(?:jit\.|hub\.)?load|timm\.create_model|joblib\.load"
    r"|(?:tensorflow\.)?keras\.models\.load_model|tensorflow\.saved_model\.load|tensorflow_hub\.load|spacy\.load"
    r"|easyocr\.Reader|fastai(?:\.\w+)+\.load_learner|TTS\.api\.TTS|insightface\.app\.FaceAnalysis"
)
_SMALL = re.compile(r"Tokenizer|Processor|FeatureExtractor|Config|Scheduler|GenerationConfig")
_LOADER = re.compile(_LOADERS)
_MODEL = re.compile(rf"(?:{_LOADERS})\(\)(?:\.(?:to|eval|half|cuda|cpu|float|bfloat16|bind|compile)\(\))*")
_MODEL_METHODS = _words(
    "generate forward __call__ encode predict predict_proba decision_function transcribe translate chat stream_chat "
    "run readtext create_chat_completion create_completion create_embedding track infer inference tts tts_to_file"
)
_OWN_MODEL = re.compile(r"(?:torch\.nn(?:\.modules(?:\.module)?)?|pytorch_lightning|lightning|lightning\.pytorch)"
                        r"\.(?:Module|LightningModule|Sequential)\(\)(?:\.(?:to|eval|half|cuda|cpu|float)\(\))*")
_SKLEARN = re.compile(r"(?:sklearn|xgboost|lightgbm|catboost)(?:\.\w+)*\.[A-Z]\w+\(\)")
_ASYNC = re.compile(r"Async|(?:^|\.)a?io(?:\.|\()|aiohttp")
# Executing these objects' coroutine or function elsewhere: what is handed to them does not run where they are called.
HANDS_OVER = re.compile(
    r"asyncio\.to_thread|anyio\.to_thread\.run_sync|anyio\.from_thread\.\w+|threading\.Thread|multiprocessing\.Process"
    r"|(?:starlette|fastapi)\.concurrency\.run_in_threadpool|asyncio\.run|trio\.to_thread\.run_sync"
    r"|.*\.run_in_executor|.*\.submit|asgiref\.sync\.\w+"
)
_UNLIMITED = re.compile(
    r"requests\.(?:api\.)?\w+|requests\.(?:sessions\.)?[Ss]ession\(\)\.\w+|urllib\.request\.urlopen|urllib3\.\S+"
)


def loads_model(path: str) -> bool:
    """True for a call that loads a model (tokenizers and the like are small and do not count)."""
    return len(path) <= MAX_PATH and bool(_LOADER.fullmatch(path)) and not _SMALL.search(path)


def classify(path: str) -> Slow | None:
    """What calling a library's function or method does, None when it is quick or not known."""
    if len(path) > MAX_PATH or _ASYNC.search(path):
        return None
    for table, weak in ((_FUNCTIONS, False), (_WEAK, True)):
        for kind, names in table.items():
            if path in names:
                return Slow(kind, weak)
    if loads_model(path):
        return Slow("load")
    if _runs_model(path):
        return Slow("model")
    base, _, last = path.rpartition(".")
    for methods, weak in ((_METHODS, False), (_WEAK_METHODS, True)):
        for pattern, kind, names in methods:
            if (last in names or "*" in names) and not last.endswith(")") and re.fullmatch(pattern, base):
                return Slow(kind, weak)
    return None


def _runs_model(path: str) -> bool:
    if _SMALL.search(path):
        return False
    if _MODEL.fullmatch(path) or _OWN_MODEL.fullmatch(path):
        return not path.startswith("joblib.")
    base, _, last = path.rpartition(".")
    known = _MODEL.fullmatch(base) or _OWN_MODEL.fullmatch(base)
    if last in _MODEL_METHODS and known:
        return True
    return last in ("predict", "predict_proba", "fit", "fit_predict") and bool(_SKLEARN.fullmatch(base))


def has_no_limit(path: str) -> bool:
    """True for a network call that waits for ever unless it is told a time limit."""
    return bool(_UNLIMITED.fullmatch(path))
