# ruff: noqa: E501 - lines of logs are as long as they are
"""Logs of model files that are missing, unreadable or do not fit: each follows what the named library prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.said import causes

LOGS = [
    ("model.missing-file", """
        Traceback (most recent call last):
          File "C:\\w\\comfy\\sd.py", line 20, in load_checkpoint
            sd = load_torch_file(ckpt_path)
          File "C:\\w\\comfy\\utils.py", line 12, in load_torch_file
            return safetensors.torch.load_file(ckpt, device="cpu")
          File "C:\\w\\venv\\lib\\site-packages\\safetensors\\torch.py", line 308, in load_file
            with safe_open(filename, framework="pt", device=device) as f:
        FileNotFoundError: No such file or directory: "C:\\\\w\\\\models\\\\checkpoints\\\\sdxl.safetensors"
    """),
    ("model.missing-file", """
        Traceback (most recent call last):
          File "/srv/rvc/infer/modules/vc/modules.py", line 88, in get_vc
            self.cpt = torch.load(person, map_location="cpu")
          File "/srv/venv/lib/python3.10/site-packages/torch/serialization.py", line 797, in load
            with _open_file_like(f, 'rb') as opened_file:
        FileNotFoundError: [Errno 2] No such file or directory: 'assets/weights/kikiV1.pth'
    """),
    ("model.missing-file", """
        Traceback (most recent call last):
          File "/srv/text/modules/models.py", line 90, in huggingface_loader
            config = AutoConfig.from_pretrained(path)
          File "/srv/venv/lib/python3.11/site-packages/transformers/utils/hub.py", line 406, in cached_file
            raise EnvironmentError(
        OSError: models/llama-7b does not appear to have a file named config.json. Checkout 'https://huggingface.co/models/llama-7b/tree/main' for available files.
    """),
    ("model.missing-file", "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/data/models/chatglm2-6b'. Use `repo_type` argument if needed."),
    ("model.missing-file", "OSError: Incorrect path_or_model_id: '/data/models/qwen'. Please provide either the path to a local directory or the repo_id of a model on the Hub."),
    ("model.missing-file", "OSError: Error no file named pytorch_model.bin, model.safetensors, tf_model.h5, model.ckpt.index or flax_model.msgpack found in directory ./model."),
    ("model.missing-file", "ValueError: Can't find 'adapter_config.json' at 'tloen/alpaca-lora-7b'"),
    ("model.missing-file", "onnxruntime.capi.onnxruntime_pybind11_state.NoSuchFile: [ONNXRuntimeError] : 3 : NO_SUCHFILE : Load model from ./models/inswapper_128.onnx failed:Load model ./models/inswapper_128.onnx failed. File doesn't exist"),
    ("model.missing-file", "ValueError: Model path does not exist: models/llama-2-7b.Q4_K_M.gguf"),
    ("model.missing-file", """
        Failed to validate prompt for output 9:
        * CheckpointLoaderSimple 4:
          - Value not in list: ckpt_name: 'dreamshaper_8.safetensors' not in ['v1-5-pruned-emaonly.safetensors']
        Output will be ignored
    """),
    ("model.corrupt-file", """
        Traceback (most recent call last):
          File "/srv/sd/modules/sd_models.py", line 249, in read_state_dict
            pl_sd = safetensors.torch.load_file(checkpoint_file, device=device)
        safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer
    """),
    ("model.corrupt-file", "safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, file not fully covered"),
    ("model.corrupt-file", "_pickle.UnpicklingError: invalid load key, '<'."),
    ("model.corrupt-file", "_pickle.UnpicklingError: pickle data was truncated"),
    ("model.corrupt-file", "EOFError: Ran out of input"),
    ("model.corrupt-file", "RuntimeError: unexpected EOF, expected 240123 more bytes. The file might be corrupted."),
    ("model.corrupt-file", "onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf: [ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from det_10g.onnx failed:Protobuf parsing failed."),
    ("model.corrupt-file", "RuntimeError: Model has been downloaded but the SHA256 checksum does not not match"),
    ("model.corrupt-file", "RuntimeError: Internal: src/sentencepiece_processor.cc(1101) [model_proto->ParseFromArray(serialized.data(), serialized.size())]"),
    ("model.corrupt-file", "OSError: Unable to load weights from pytorch checkpoint file for 'pytorch_model-00001-of-00008.bin' at 'x'. If you tried to load a PyTorch model from a TF 2.0 checkpoint, please set from_tf=True."),
    ("model.corrupt-file", "OSError: Consistency check failed: file should be of size 9977 but has size 1024 (model.bin)."),
    ("model.mismatch", """
        Traceback (most recent call last):
          File "/srv/app.py", line 10, in <module>
            net.load_state_dict(torch.load("g.pth"))
          File "/srv/venv/lib/python3.10/site-packages/torch/nn/modules/module.py", line 2041, in load_state_dict
            raise RuntimeError('Error(s) in loading state_dict for {}:\\n\\t{}'.format(
        RuntimeError: Error(s) in loading state_dict for SynthesizerTrn:
        \tMissing key(s) in state_dict: "enc_p.emb.weight".
    """),
    ("model.mismatch", "ValueError: The checkpoint you are trying to load has model type `qwen2_vl` but Transformers does not recognize this architecture."),
    ("model.mismatch", "ValueError: Tokenizer class Qwen2Tokenizer does not exist or is not currently imported."),
    ("model.mismatch", "ValueError: Loading ./chatglm-6b requires you to execute the configuration file in that repo on your local machine. Make sure you have read the code there to avoid malicious use, then set the option `trust_remote_code=True` to remove this error."),
    ("model.mismatch", "RuntimeError: mat1 and mat2 shapes cannot be multiplied (77x2048 and 768x320)"),
    ("model.mismatch", "llama_model_load: error loading model: error loading model architecture: unknown model architecture: 'gemma3'"),
    ("model.mismatch", "ValueError: Trying to set a tensor of shape torch.Size([32000, 4096]) in \"weight\" (which has shape torch.Size([32001, 4096])), this look incorrect."),
    ("model.mismatch", "ValueError: Target modules ['q_proj', 'v_proj'] not found in the base model. Please check the target modules and try again."),
    ("model.mismatch", "ValueError: Unrecognized configuration class <class 'transformers.models.llava.configuration_llava.LlavaConfig'> for this kind of AutoModel: AutoModelForCausalLM."),
    ("model.slow-load", """
        Loading checkpoint shards:  33%|###3      | 1/3 [10:01<20:02, 601.2s/it]
        Launch timed out, workload was not healthy after 30 min
    """),
]


@pytest.mark.parametrize(("cause", "log"), LOGS, ids=[f"{i:02d}-{c}" for i, (c, _) in enumerate(LOGS)])
def test_the_cause_leads(cause: str, log: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(log, loaded, tmp_path)[:1] == [cause]


def test_a_torch_file_that_was_cut_off(loaded: Loaded, tmp_path: Path) -> None:
    """CPython's own pickle, on what an interrupted download leaves."""
    import pickle
    import traceback

    whole = pickle.dumps({"weights": list(range(1000))})
    for cut in (whole[:40], b"", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", b"<!DOCTYPE html>"):
        try:
            pickle.loads(cut)  # noqa: S301 - our own bytes
        except (pickle.UnpicklingError, EOFError):
            log = traceback.format_exc()
        assert causes(log, loaded, tmp_path)[:1] == ["model.corrupt-file"], log
