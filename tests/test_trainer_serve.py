"""`ostraka serve`, as a process of its own and asked by OpenAI's own client.

The model is a tiny one with random weights, made here: what it says means nothing, and each seed says it again.
"""

from __future__ import annotations

import base64
import http.client
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click.testing
import msgspec
import numpy as np
import openai
import pytest
import torch
from msgspec import structs
from PIL import Image
from safetensors.torch import load_file, save_file

from schemas.errors import BadInput
from trainer.commands.serve import serve
from trainer.documents.codec import Codec
from trainer.documents.picture import PictureRule
from trainer.documents.tokens import train_tokens
from trainer.engine.chance import row_seed
from trainer.engine.engine import Sampling
from trainer.engine.generate import LocalEngine
from trainer.model.checkpoint_out import save
from trainer.model.model import build, load
from trainer.model.presets import preset
from trainer.serve.chat_prompt import prompt_of
from trainer.serve.chat_request import Message

TOKENS = train_tokens(["What is it? A red bus on the road."] * 9, 400)
CODEC = Codec("4.1v", TOKENS, PictureRule(most_tokens=64))
START_S = 600
COMMAND = (
    "from pipelines.cli import main, ostraka\n"
    "from trainer.cli import VERBS\n"
    "for verb in VERBS:\n    ostraka.add_command(verb)\n"
    "main()"
)
"""The command as it is with the trainer's verbs, whether or not this checkout is the one that is installed."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    model = build(structs.replace(preset("tiny"), initial_spread=0.1), TOKENS.ids(), TOKENS.size, seed=5)
    with torch.no_grad():  # the likeliest token then never ends an answer, a drawn one does now and then
        model.lm_head.weight[list(TOKENS.ids().stops)] = 0
    made = tmp_path_factory.mktemp("serve") / "tiny"
    save(model, CODEC, str(made))
    return made


class Server:
    """A server that runs: where it is, its token, and what it printed."""

    def __init__(self, process: subprocess.Popen[str], told: Path, token: str) -> None:
        self.process, self.told = process, told
        self.url = next(line.split()[1] for line in self.lines() if line.startswith("endpoint: "))
        self.token = token or next(line.split()[1] for line in self.lines() if line.startswith("token: "))

    def lines(self) -> list[str]:
        return self.told.read_text().splitlines()

    def client(self, token: str | None = None) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.url, api_key=token or self.token, max_retries=0, timeout=300)

    def get(self, path: str, headers: dict[str, str] = {}) -> tuple[int, Any]:
        host = self.url.removeprefix("http://").removesuffix("/v1")
        connection = http.client.HTTPConnection(host, timeout=300)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, msgspec.json.decode(answer.read())


@contextmanager
def serving(folder: Path, told: Path, token: str = "") -> Iterator[Server]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OSTRAKA_LOG": "info"}
    environment.pop("OSTRAKA_TOKEN", None)
    if token:
        environment["OSTRAKA_TOKEN"] = token
    with told.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "serve", str(folder), "--port", "0"],
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
    try:
        until = time.monotonic() + START_S
        while "endpoint: " not in told.read_text() or not told.read_text().endswith("\n"):
            assert process.poll() is None and time.monotonic() < until, told.read_text()
            time.sleep(0.1)
        yield Server(process, told, token)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(folder, tmp_path_factory.mktemp("told") / "told") as one:
        yield one


def picture(seed: int = 0) -> str:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def shown(*urls: str, text: str = "What is it?") -> list[dict[str, Any]]:
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [*pictures, {"type": "text", "text": text}]}]


ASKED = [{"role": "user", "content": "What is it?"}]


def ask(server: Server, messages: Any = ASKED, **said: Any) -> Any:
    return server.client().chat.completions.create(model="tiny", messages=messages, **{"max_tokens": 20} | said)


def contents(reply: Any) -> list[str]:
    return [choice.message.content for choice in reply.choices]


@pytest.mark.parametrize("pictures", [0, 1, 2])
def test_it_says_what_the_engine_says(server: Server, folder: Path, pictures: int) -> None:
    messages = shown(*(picture(seed) for seed in range(pictures)))
    reply = ask(server, messages, n=2, seed=7, temperature=0.8, top_p=0.9, logprobs=True)
    prompt = prompt_of(msgspec.convert(messages, list[Message]), CODEC)
    expected = LocalEngine(load(str(folder))).generate([prompt], 2, Sampling(20, 0.8, 0.9, 7))[0]
    for choice, answer in zip(reply.choices, expected, strict=True):
        said = answer.tokens[:-1] if answer.finish == "stop" else answer.tokens
        assert choice.message.content == TOKENS.decode(said)
        assert choice.finish_reason == answer.finish
        found = torch.tensor([one.logprob for one in choice.logprobs.content])
        torch.testing.assert_close(found, torch.tensor(answer.logprobs[: len(said)]), rtol=0, atol=1e-4)
    assert reply.usage.prompt_tokens == len(prompt.tokens_T)
    assert reply.usage.completion_tokens == sum(len(answer.tokens) for answer in expected)


def test_another_picture_is_another_answer(server: Server) -> None:
    first, other = (ask(server, shown(picture(seed)), seed=1, logprobs=True, temperature=0) for seed in (1, 2))
    assert first.choices[0].logprobs.content[0].logprob != other.choices[0].logprobs.content[0].logprob


def test_four_choices_differ_and_a_seed_says_them_again(server: Server) -> None:
    first = contents(ask(server, shown(picture()), n=4, seed=3))
    assert len(set(first)) == 4
    assert contents(ask(server, shown(picture()), n=4, seed=3)) == first
    assert not set(first) & set(contents(ask(server, shown(picture()), n=4, seed=4)))
    assert contents(ask(server, shown(picture()), seed=row_seed(3, 2))) == [first[2]]


def test_many_choices_are_sampled_in_groups(server: Server) -> None:
    """70 is more than the 64 that are sampled together."""
    found = contents(ask(server, n=70, seed=8, max_tokens=6))
    assert len(found) == 70 and all(found)
    assert contents(ask(server, seed=row_seed(8, 66), max_tokens=6)) == [found[66]]


def test_without_a_seed_answers_differ(server: Server) -> None:
    assert contents(ask(server)) != contents(ask(server))


def test_log_probabilities_stand_beside_the_bytes_that_make_the_answer(server: Server) -> None:
    (choice,) = ask(server, seed=2, logprobs=True, top_logprobs=3).choices
    tokens = choice.logprobs.content
    assert b"".join(bytes(one.bytes) for one in tokens).decode(errors="replace") == choice.message.content
    assert all(len(one.top_logprobs) == 3 and one.logprob <= one.top_logprobs[0].logprob for one in tokens)


def test_a_stop_ends_an_answer_before_itself(server: Server) -> None:
    whole = contents(ask(server, seed=9, max_tokens=60))[0]
    stop = whole[12:15]
    reply = ask(server, seed=9, max_tokens=60, stop=[stop, "never said"], logprobs=True)
    (choice,) = reply.choices
    assert choice.message.content == whole[: whole.index(stop)] and choice.finish_reason == "stop"
    assert len(choice.logprobs.content) <= reply.usage.completion_tokens < 30


def test_a_stream_says_what_the_whole_says(server: Server) -> None:
    said = {"n": 3, "seed": 6, "max_tokens": 40, "stop": ["e", "th"], "logprobs": True}
    whole = ask(server, **said)
    texts, tokens, finishes, used = ["", "", ""], [0, 0, 0], [None] * 3, None
    for part in ask(server, **said, stream=True, stream_options={"include_usage": True}):
        used = part.usage or used
        for choice in part.choices:
            texts[choice.index] += choice.delta.content
            tokens[choice.index] += len(choice.logprobs.content) if choice.logprobs else 0
            finishes[choice.index] = choice.finish_reason or finishes[choice.index]
    assert texts == contents(whole)
    assert tokens == [len(choice.logprobs.content) for choice in whole.choices]
    assert finishes == [choice.finish_reason for choice in whole.choices]
    assert used == whole.usage


def test_requests_that_come_together_are_answered_as_alone(server: Server) -> None:
    alone = [contents(ask(server, seed=seed)) for seed in range(6)]
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda seed: contents(ask(server, seed=seed)), range(6))) == alone


def test_a_client_that_goes_away_stops_its_rows(server: Server) -> None:
    """Its answer would be 30,000 tokens."""
    asked = {"model": "tiny", "messages": ASKED, "max_tokens": 30_000, "temperature": 0}
    host = server.url.removeprefix("http://").removesuffix("/v1")
    for stream in (False, True):
        connection = http.client.HTTPConnection(host, timeout=300)
        body = msgspec.json.encode(asked | {"stream": stream})
        connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {server.token}"})
        wait_until(lambda: server.get("/health")[1]["running"] == 1)
        connection.close()
        wait_until(lambda: server.get("/health")[1]["running"] == 0)
    assert "Traceback" not in "\n".join(server.lines())


def wait_until(holds: Any) -> None:
    until = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_model_is_listed_and_health_wants_no_token(server: Server) -> None:
    assert [model.id for model in server.client().models.list()] == ["tiny"]
    assert server.client().models.retrieve("tiny").id == "tiny"
    assert server.get("/health")[1]["status"] == "ok"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic {token}", "{token}", "Bearer {token}x"])
@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/", "//health"])
def test_without_the_token_nothing_is_said(server: Server, header: str, path: str) -> None:
    headers = {"Authorization": header.format(token=server.token)} if header else {}
    status, body = server.get(path, headers)
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")


def test_a_wrong_token_is_an_authentication_error_to_the_client_and_is_not_logged(server: Server) -> None:
    with pytest.raises(openai.AuthenticationError, match="a wrong token"):
        server.client("a-wrong-token").models.list()
    ask(server)
    told = "\n".join(server.lines())
    assert told.count(server.token) == 1 and "a-wrong-token" not in told and "What is it" not in told
    assert '"event":"asked"' in told


PNG = picture()
BAD: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"model": "other"}, 404, "there is no model 'other'; tiny is served", "model"),
    ({"messages": []}, 400, "messages is empty", "messages"),
    ({"messages": "x"}, 400, "Expected `array`, got `str`", "messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, 400, "Invalid enum value 'tool'", "messages[0].role"),
    ({"messages": [*ASKED, {"role": "assistant", "content": "A bus."}]}, 400, "the last message is an answer", None),
    ({"messages": shown("http://127.0.0.1/x.png")}, 400, "fetches no address", "messages[0].content[0]"),
    ({"messages": shown("file:///etc/passwd")}, 400, "opens no file", "messages[0].content[0]"),
    ({"messages": shown(PNG[:-40])}, 400, "the picture cannot be used: unreadable_picture", "messages[0].content[0]"),
    ({"messages": shown(PNG, PNG[:30] + "*" + PNG[30:])}, 400, "is no base64", "messages[0].content[1]"),
    ({"messages": shown("data:image/png;base64," + "QUJD")}, 400, "unreadable_picture", "messages[0].content[0]"),
    ({"messages": [{"role": "system", "content": shown(PNG)[0]["content"]}]}, 400, "only users show some", None),
    ({"n": 0}, 400, "n is 0; it has to be from 1 to 128", "n"),
    ({"n": "4"}, 400, "Expected `int | null`, got `str`", "n"),
    ({"temperature": -1}, 400, "temperature -1.0; it has to be from 0 to 100", "temperature"),
    ({"top_p": 0}, 400, "top_p 0.0; it has to be above 0", "top_p"),
    ({"max_tokens": 0}, 400, "max_tokens 0; it has to be 1 or more", "max_tokens"),
    ({"max_tokens": 32_768}, 400, "where the model has 32768 positions", "messages"),
    ({"messages": shown(text="bus " * 40_000)}, 400, "where the model has 32768 positions", "messages"),
    ({"seed": 1 << 70}, 400, "a whole number of 64 bits", "seed"),
    ({"stop": ["a", ""]}, 400, "an empty stop", "stop"),
    ({"stop": list("abcde")}, 400, "5 stops", "stop"),
    ({"top_logprobs": 2}, 400, "wants logprobs", "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, 400, "from 0 to 20", "top_logprobs"),
    ({"tools": [{"type": "function", "function": {"name": "x"}}]}, 400, "unknown field `tools`", "tools"),
    ({"response_format": {"type": "json_object"}}, 400, "Invalid enum value", "response_format.type"),
    ({"frequency_penalty": 0.5}, 400, "frequency_penalty", "frequency_penalty"),
    ({"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}}, 400, "no switch for thinking", None),
    ({"extra_body": {"best_of": 3}}, 400, "unknown field `best_of`", "best_of"),
]


@pytest.mark.parametrize(("said", "status", "message", "param"), BAD, ids=[str(one[2]) for one in BAD])
def test_a_bad_request_is_told_what_is_wrong_with_it(
    server: Server, said: dict[str, Any], status: int, message: str, param: str | None
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        server.client().chat.completions.create(**{"model": "tiny", "messages": ASKED, "max_tokens": 2} | said)
    assert refused.value.status_code == status
    assert message in refused.value.body["message"]
    assert param is None or refused.value.body["param"] == param


def test_a_body_that_is_no_json_and_one_that_is_too_large_are_refused(server: Server) -> None:
    host = server.url.removeprefix("http://").removesuffix("/v1")
    for body, status, message in ((b"{", 400, "is no JSON"), (b" " * (65 << 20), 413, "over 64 MiB")):
        connection = http.client.HTTPConnection(host, timeout=300)
        connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {server.token}"})
        answer = connection.getresponse()
        assert answer.status == status
        assert message in msgspec.json.decode(answer.read())["error"]["message"]


def test_a_way_that_is_not_there_is_told_in_the_same_form(server: Server) -> None:
    allowed = {"Authorization": f"Bearer {server.token}"}
    assert server.get("/v1/embeddings", allowed) == (
        404,
        {
            "error": {
                "message": "GET /v1/embeddings: not found",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        },
    )
    assert server.get("/v1/chat/completions", allowed)[0] == 405


def test_ctrl_c_ends_it_clean_with_an_answer_under_way(folder: Path, tmp_path: Path) -> None:
    with serving(folder, tmp_path / "told", token="chosen-by-me") as server, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(ask, server, temperature=0, max_tokens=30_000)
        wait_until(lambda: server.get("/health")[1]["running"] == 1)
        server.process.send_signal(signal.SIGINT)
        with pytest.raises(openai.InternalServerError, match="the server is ending"):
            asked.result()
        assert server.process.wait(300) == 0
        assert server.lines()[-1] == "ended"
        told = "\n".join(server.lines())
        assert "Traceback" not in told and "chosen-by-me" not in told


def refused(*arguments: str) -> str:
    ended = click.testing.CliRunner().invoke(serve, arguments)
    assert isinstance(ended.exception, BadInput) and not ended.output
    return str(ended.exception)


def without(folder: Path, name: str, to: Path) -> str:
    for path in folder.iterdir():
        if path.name != name:
            (to / path.name).symlink_to(path)
    return str(to)


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("config.json", "config.json: No such file or directory; give a folder that a model was saved into whole"),
        ("tokenizer.json", "tokenizer.json: No such file or directory; give a tokenizer.json"),
        ("preprocessor_config.json", "preprocessor_config.json: No such file"),
        ("model.safetensors", "no weights (*.safetensors) there"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(folder: Path, tmp_path: Path, lacking: str, said: str) -> None:
    assert said in refused(without(folder, lacking, tmp_path), "--port", "0")


def test_what_is_no_checkpoint_is_refused(folder: Path, tmp_path: Path) -> None:
    assert "no such folder" in refused(str(tmp_path / "nothing"))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert "holds a llama; give a glm4v or glm4v_moe checkpoint" in refused(str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    assert "is no JSON" in refused(str(tmp_path))


def test_a_run_of_training_names_its_model(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(folder)
    assert f"a run of training, not its model; give {tmp_path / 'model'}" in refused(str(tmp_path))


def test_weights_that_are_cut_off_or_not_all_there_are_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("cut", "some"):
        (tmp_path / name).mkdir()
        without(folder, "model.safetensors", tmp_path / name)
    content = (folder / "model.safetensors").read_bytes()
    (tmp_path / "cut" / "model.safetensors").write_bytes(content[: len(content) // 2])
    weights = load_file(folder / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, tmp_path / "some" / "model.safetensors", {"format": "pt"})
    assert "does not load" in refused(str(tmp_path / "cut"), "--port", "0")
    assert "lacks lm_head.weight" in refused(str(tmp_path / "some"), "--port", "0")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_another_host_than_this_machine_wants_a_flag(folder: Path, host: str) -> None:
    assert "others than this machine would reach it; leave it out, or add --exposed" in refused(
        str(folder), "--host", host
    )


def test_a_port_that_is_taken_a_device_that_is_not_here_and_a_token_no_header_carries(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "Address already in use; choose another --port" in refused(str(folder), "--port", str(port))
    assert "--device nowhere" in refused(str(folder), "--port", "0", "--device", "nowhere")
    monkeypatch.setenv("OSTRAKA_TOKEN", "two words")
    assert refused(str(folder), "--port", "0").startswith("OSTRAKA_TOKEN: holds more than visible ASCII")
