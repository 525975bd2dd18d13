"""The contract of engines behind servers: `ostraka serve`, servers that speak the wire forms of vLLM and SGLang with
the local engine behind them, and any server of theirs whose address the environment names."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from PIL import Image
from starlette.testclient import TestClient

from annotators.endpoint import Endpoint
from schemas.errors import BadInput, Unavailable
from trainer.documents.codec import Codec
from trainer.documents.picture import PictureRule, patchify, picture_patches
from trainer.documents.tokens import train_tokens
from trainer.engine.chance import keyed_seed, row_seed
from trainer.engine.engine import Engine, Force, Prompt, Sampling
from trainer.engine.generate import LocalEngine
from trainer.engine.on_policy import on_policy
from trainer.engine.remote import RemoteEngine
from trainer.engine.sglang import SglangEngine
from trainer.engine.shown import pictures_shown, unpatched
from trainer.engine.vllm import VllmEngine
from trainer.model.attention import use_document_attention
from trainer.serve.app import Served, app_of
from trainer.serve.one_by_one import OneByOne

spec = importlib.util.spec_from_file_location("engine_prompts", Path(__file__).parent / "engine_prompts.py")
assert spec and spec.loader
made_here = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_here)
IDS, PROMPTS, by_the_trainer, made, prompt = (
    made_here.IDS,
    made_here.PROMPTS,
    made_here.by_the_trainer,
    made_here.made,
    made_here.prompt,
)


def still(asked: Prompt, seed: int = 7) -> Prompt:
    """Return a prompt whose patches hold one frame twice, as those of pictures do."""
    random = np.random.default_rng(seed)
    sizes = [(height * 14, width * 14) for _, height, width in asked.grids_N3.tolist()]
    patches = [patchify(random.integers(0, 256, (1, *size, 3), np.uint8)) for size in sizes]
    return asked._replace(patches_PD=np.concatenate(patches))


CLOSE = 2e-5
SHOWN = still(PROMPTS["two pictures"])
SAMPLING = Sampling(max_tokens=12, seed=3)
RULE = PictureRule(least_tokens=1)
VLLM_URL, SGLANG_URL = "OSTRAKA_VLLM_URL", "OSTRAKA_SGLANG_URL"
"""Addresses of servers that have a model of GLM-4.1V's or GLM-4.5V's: the contract is tested with them where given."""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Behind:
    """A server in the wire form of another program, the local engine behind it; `spoil` changes what it says."""

    def __init__(self) -> None:
        self.engine: LocalEngine = made("tiny")
        self.engine.version = "default"
        self.spoil: Callable[[dict[str, Any]], Any] = lambda said: said
        self.busy = 0
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def say(self, path: str, body: dict[str, Any]) -> Any:
        self.seen.append((path, body))
        if path == "/v1/completions":
            return self.spoil(self._completion(body))
        if path == "/generate":
            return self.spoil(self._generated(body))
        if path == "/update_weights_from_disk":
            self.engine.update_weights(body["weight_version"], body["model_path"])
            return self.spoil({"success": True, "message": ""})
        if path == "/collective_rpc":
            self.engine.update_weights("unsaid", body["kwargs"]["weights_path"])
        return {}

    def _answered(self, tokens: list[int], pictures: list[str], said: dict[str, Any], seed: int, top: int) -> Any:
        shown = [picture_patches(base64.b64decode(one.partition(",")[2]), RULE) for one in pictures]
        grids = np.array([(1, *grid) for grid, _ in shown], np.int64).reshape(-1, 3)
        patches = [made_here.prompt(0, 1).patches_PD, *(patches for _, patches in shown)]
        asked = Prompt("", np.array(tokens, np.int32), grids, np.concatenate(patches))
        most = said.get("max_tokens") or said["max_new_tokens"]
        sampling = Sampling(most, said["temperature"], said["top_p"], seed, top)
        return self.engine.generate([asked], 1, sampling)[0][0]

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._answered(body["prompt"], [], body, body["seed"], body["logprobs"])
        top = [{f"token_id:{token}": logprob for token, logprob in one} for one in answer.top]
        choice = {
            "index": 0,
            "text": "",
            "token_ids": answer.tokens,
            "prompt_token_ids": body["prompt"],
            "finish_reason": answer.finish,
            "logprobs": {"token_logprobs": answer.logprobs, "top_logprobs": top or None},
        }
        return {"id": "1", "choices": [choice], "usage": {"prompt_tokens": len(body["prompt"])}}

    def _generated(self, body: dict[str, Any]) -> dict[str, Any]:
        said = body["sampling_params"]
        answer = self._answered(
            body["input_ids"], body.get("image_data", []), said, said["sampling_seed"], body["top_logprobs_num"]
        )
        meta = {
            "id": "1",
            "finish_reason": {"type": answer.finish},
            "prompt_tokens": len(body["input_ids"]),
            "weight_version": self.engine.version,
            "output_token_logprobs": [
                (logprob, token, None) for logprob, token in zip(answer.logprobs, answer.tokens, strict=True)
            ],
            "output_top_logprobs": [[(logprob, token, None) for token, logprob in one] for one in answer.top] or None,
        }
        return {"text": "", "output_ids": answer.tokens, "meta_info": meta}


@contextmanager
def listening(behind: Behind) -> Iterator[str]:
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with one_at_a_time:
                status = 503 if behind.busy else 200
                behind.busy = max(0, behind.busy - 1)
                data = msgspec.json.encode(behind.say(self.path, body) if status == 200 else {})
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


KINDS: dict[str, Callable[[str], RemoteEngine]] = {
    "vllm": lambda url: VllmEngine(Endpoint(url, "tiny", pause_s=0.01, give_up_s=20), IDS, "default"),
    "sglang": lambda url: SglangEngine(Endpoint(url, "tiny", pause_s=0.01, give_up_s=20), IDS, "default"),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Callable[[str], RemoteEngine]:
    return KINDS[request.param]


@pytest.fixture
def behind() -> Iterator[tuple[Behind, str]]:
    one = Behind()
    with listening(one) as url:
        yield one, url


def same_as_local(engine: Engine, local: LocalEngine, asked: Prompt, sampling: Sampling, n: int = 3) -> None:
    """Say that an engine answers as the local one does to the seeds that it hands on."""
    answers = on_policy(engine, engine.version, [asked], n, sampling)[0]
    for row, found in enumerate(answers):
        seed = keyed_seed(row_seed(sampling.seed, row), asked.key)
        (expected,) = local.generate([asked._replace(key="")], 1, structs.replace(sampling, seed=seed))[0]
        assert (found.tokens, found.finish, found.seed) == (
            expected.tokens,
            expected.finish,
            row_seed(sampling.seed, row),
        )
        torch.testing.assert_close(torch.tensor(found.logprobs), torch.tensor(expected.logprobs), rtol=0, atol=CLOSE)
        assert [[token for token, _ in one] for one in found.top] == [
            [token for token, _ in one] for one in expected.top
        ]


@pytest.mark.parametrize("sampling", [SAMPLING, Sampling(max_tokens=12, temperature=0), Sampling(max_tokens=5, top=3)])
def test_tokens_and_chances_come_through_the_wire_as_they_were_drawn(
    kind: Callable[[str], RemoteEngine], behind: tuple[Behind, str], sampling: Sampling
) -> None:
    same_as_local(kind(behind[1]), made("tiny"), PROMPTS["text"]._replace(key="a task"), sampling)


def test_pictures_reach_sglang_pixel_by_pixel_and_have_the_chances_of_training(behind: tuple[Behind, str]) -> None:
    engine, local = KINDS["sglang"](behind[1]), made("tiny")
    same_as_local(engine, local, SHOWN, SAMPLING)
    use_document_attention(local.model)
    for answer in engine.generate([SHOWN], 2, SAMPLING)[0]:
        expected = by_the_trainer(local, SHOWN, answer)
        torch.testing.assert_close(torch.tensor(answer.logprobs), expected, rtol=0, atol=CLOSE)


def test_thinking_is_ended_through_a_server_too(
    kind: Callable[[str], RemoteEngine], behind: tuple[Behind, str]
) -> None:
    behind[0].engine.stops = frozenset()
    engine, local = kind(behind[1]), made("tiny")
    engine.stops = frozenset()
    use_document_attention(local.model)
    forced = structs.replace(SAMPLING, force=Force(5, (450, 451)))
    for answer in on_policy(engine, "default", [PROMPTS["text"]], 3, forced)[0]:
        assert answer.injected == (5, 6) and answer.tokens[5:7] == (450, 451) and len(answer.tokens) == 12
        expected, found = by_the_trainer(local, PROMPTS["text"], answer), torch.tensor(answer.logprobs)
        said = [place for place in range(12) if place not in answer.injected]
        torch.testing.assert_close(found[said], expected[said], rtol=0, atol=CLOSE)
    seeds = {body.get("seed") or body["sampling_params"]["sampling_seed"] for _, body in behind[0].seen}
    assert len(seeds) == len(behind[0].seen) == 6


def test_a_clip_and_pictures_that_a_server_cannot_be_shown_are_refused(behind: tuple[Behind, str]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 56, 56, 3), np.uint8)
    clip = PROMPTS["slices"]._replace(patches_PD=np.concatenate([patchify(frames)] * 3))
    with pytest.raises(BadInput, match="a clip cannot be shown"):
        KINDS["sglang"](behind[1]).generate([clip], 1, SAMPLING)
    with pytest.raises(BadInput, match="take tokens alone, and the prompt shows pictures"):
        KINDS["vllm"](behind[1]).generate([PROMPTS["one picture"]], 1, SAMPLING)


def test_weights_are_taken_from_a_folder(
    kind: Callable[[str], RemoteEngine], behind: tuple[Behind, str], tmp_path: Path
) -> None:
    engine, other = kind(behind[1]), made("tiny")
    with torch.no_grad():
        other.model.lm_head.weight.mul_(-1)
    other.model.save_pretrained(tmp_path / "other")
    with pytest.raises(BadInput, match="takes others from a folder alone"):
        engine.update_weights("second")
    engine.update_weights("second", str(tmp_path / "other"))
    assert engine.version == "second"
    same_as_local(engine, other, PROMPTS["text"], SAMPLING, n=1)


def test_weights_that_sglang_did_not_take_are_told_at_once_and_by_its_answers(
    behind: tuple[Behind, str], tmp_path: Path
) -> None:
    engine = KINDS["sglang"](behind[1])
    made("tiny").model.save_pretrained(tmp_path / "other")
    behind[0].spoil = lambda said: {"success": False, "message": "no room"} if "success" in said else said
    with pytest.raises(Unavailable, match="did not take the weights: no room"):
        engine.update_weights("second", str(tmp_path / "other"))
    assert engine.version == "default"
    behind[0].engine.version = "first"
    with pytest.raises(Unavailable, match="answered by weights 'first', where 'second' are trained"):
        on_policy(engine, "second", [PROMPTS["text"]], 1, SAMPLING)


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "image tokens twice": (
        lambda meta: meta.update(prompt_tokens=meta["prompt_tokens"] + 9),
        "read 21 tokens of a prompt of 12",
    ),
    "no chances": (lambda meta: meta.update(output_token_logprobs=[]), "0 tokens with 0 chances"),
    "aborted": (lambda meta: meta.update(finish_reason={"type": "abort"}), "ended by 'abort'"),
    "stopped nowhere": (lambda meta: meta.update(finish_reason={"type": "stop"}), "ended by stop at token"),
    "a picture": (
        lambda meta: meta.update(output_token_logprobs=[(-1.0, IDS.image, None)]),
        "holds the token of a picture",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_right_is_refused(behind: tuple[Behind, str], fault: str) -> None:
    change, said = FAULTS[fault]
    behind[0].engine.stops = frozenset()

    def spoil(told: dict[str, Any]) -> dict[str, Any]:
        change(told["meta_info"])
        return told

    behind[0].spoil = spoil
    with pytest.raises(Unavailable, match=said):
        KINDS["sglang"](behind[1]).generate([PROMPTS["text"]], 1, structs.replace(SAMPLING, max_tokens=4))


def test_tokens_that_vllm_cut_anew_are_refused(behind: tuple[Behind, str]) -> None:
    def spoil(told: dict[str, Any]) -> dict[str, Any]:
        told["choices"][0]["prompt_token_ids"] = [5, *told["choices"][0]["prompt_token_ids"][1:]]
        return told

    behind[0].spoil = spoil
    with pytest.raises(Unavailable, match="read other tokens than it was given"):
        KINDS["vllm"](behind[1]).generate([PROMPTS["text"]], 1, SAMPLING)


def test_a_server_that_is_busy_is_asked_again_and_garbage_is_told(
    kind: Callable[[str], RemoteEngine], behind: tuple[Behind, str]
) -> None:
    behind[0].busy = 2
    assert len(kind(behind[1]).generate([PROMPTS["text"]], 1, SAMPLING)[0]) == 1
    engine = kind(behind[1])
    engine.wire.endpoint = structs.replace(engine.wire.endpoint, give_up_s=0.05)
    behind[0].spoil = lambda told: {"something": "else"}
    with pytest.raises(Unavailable, match="not of the form that is known"):
        engine.generate([PROMPTS["text"]], 1, SAMPLING)


def test_a_temperature_whose_chances_sglang_would_tell_otherwise_is_refused(behind: tuple[Behind, str]) -> None:
    warm = structs.replace(SAMPLING, temperature=0.7)
    with pytest.raises(BadInput, match=r"after a temperature of 0\.7"):
        KINDS["sglang"](behind[1]).generate([PROMPTS["text"]], 1, warm)
    knows = SglangEngine(Endpoint(behind[1], "tiny"), IDS, "default", original_logprobs=True)
    same_as_local(knows, made("tiny"), PROMPTS["text"], warm, n=1)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 9))
def test_patches_become_the_picture_that_they_were_made_of(tall: int, wide: int, seed: int) -> None:
    frames = np.random.default_rng(seed).integers(0, 256, (1, tall * 28, wide * 28, 3), np.uint8)
    patches = patchify(frames)
    assert (unpatched(patches, tall * 2, wide * 2) == frames).all()
    grids = np.array([[1, tall * 2, wide * 2]], np.int64)
    (url,) = pictures_shown(Prompt("", np.zeros(1, np.int32), grids, patches))
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as shown:
        assert (np.asarray(shown) == frames[0]).all()


def ostraka_served() -> Any:
    engine, tokens = made("tiny"), train_tokens(["some words"], 400)
    served = Served("tiny", engine, Codec("4.1v", tokens), 64, 0)
    return app_of(served, OneByOne(engine, tokens), "secret")


@contextmanager
def ostraka_listening() -> Iterator[str]:
    """Serve the application of `ostraka serve` on loopback."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(ostraka_served(), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join()


def test_ostraka_serve_speaks_the_form_of_vllm_and_names_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTRAKA_ENDPOINT_KEY", "secret")
    with ostraka_listening() as url:
        engine = VllmEngine(Endpoint(url, "tiny"), IDS, "first", tells_weights=True)
        same_as_local(engine, made("tiny"), PROMPTS["text"], structs.replace(SAMPLING, top=2))
        engine.version = "second"
        with pytest.raises(Unavailable, match="answered by weights 'first', where 'second' are trained"):
            on_policy(engine, "second", [PROMPTS["text"]], 1, SAMPLING)
        with pytest.raises(Unavailable, match="status 404"):
            engine.update_weights("third", "/somewhere")


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"prompt": [9999]}, "prompt"),
        ({"prompt": [5, 500]}, "prompt"),
        ({"stop_token_ids": [7]}, "stop_token_ids"),
        ({"logit_bias": {"7": -100}}, "logit_bias"),
        ({"logit_bias": {"500": -1}}, "logit_bias"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 40_000}, "prompt"),
        ({"prompt": "words"}, None),
        ({"top_k": 5}, None),
        ({"echo": True}, None),
    ],
)
def test_a_completion_that_would_mean_something_else_is_refused(changed: dict[str, Any], param: str | None) -> None:
    client = TestClient(ostraka_served())
    asked = {"model": "tiny", "prompt": [5, 6, 7], "max_tokens": 2} | changed
    said = client.post("/v1/completions", json=asked, headers={"Authorization": "Bearer secret"})
    assert said.status_code == 400 and said.json()["error"]["param"] == param


@pytest.mark.parametrize("name", ["ostraka", *(one for one in (VLLM_URL, SGLANG_URL) if one in os.environ)])
def test_a_server_keeps_the_contract(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of theirs needs `OSTRAKA_SERVED_MODEL`, and `OSTRAKA_SERVED_FOLDER` with the tokenizer of what is served."""
    if name == "ostraka":
        monkeypatch.setenv("OSTRAKA_ENDPOINT_KEY", "secret")
        with ostraka_listening() as url:
            engine = VllmEngine(Endpoint(url, "tiny"), IDS, "first", tells_weights=True)
            keeps_the_contract(engine, "first", PROMPTS["text"])
        return
    from trainer.model.checkpoint_codec import read_codec

    codec = read_codec(os.environ["OSTRAKA_SERVED_FOLDER"])
    endpoint = Endpoint(os.environ[name], os.environ["OSTRAKA_SERVED_MODEL"])
    make = VllmEngine if name == VLLM_URL else SglangEngine
    asked = Prompt("", np.array(codec.tokens.encode("What is it?"), np.int32))
    keeps_the_contract(make(endpoint, codec.tokens.ids(), "default"), "default", asked)


def keeps_the_contract(engine: Engine, version: str, asked: Prompt) -> None:
    answers = on_policy(engine, version, [asked], 3, Sampling(max_tokens=16, seed=1))[0]
    assert len({answer.tokens for answer in answers}) > 1
    likeliest = [engine.generate([asked], 1, Sampling(max_tokens=8, temperature=0))[0][0].tokens for _ in range(2)]
    assert likeliest[0] == likeliest[1]
