"""The guard: what a sample does to its annotator costs that sample, and nothing else costs a sample anything."""

from __future__ import annotations

import hashlib
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from annotators.pixels import Pixels
from pipelines.guard import guard
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request, Result
from schemas.errors import Unavailable
from schemas.note import Box, Failed, Note, Noted
from schemas.sample import Image, Sample, Source, Text

OWN = '''
import ctypes, os, signal, sys, time
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from annotators.annotator import Annotator, Needs, Subject
from schemas.errors import BadSample, Unavailable
from schemas.note import Box, Note, Noted
from schemas.vocabulary import Name
from schemas.vocabulary.people import OBJECT

SAID = Name("said", "string", "", "the caption")
HELD = []

class CustomError(Exception):
    pass

def once(flag):
    """Say whether nobody was here before."""
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

class Does(Annotator, frozen=True):
    """Does what the caption says."""

    folder: str = ""
    writes: ClassVar = (SAID,)
    places: ClassVar = (OBJECT,)

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=20.0, memory_mib=250)

    def look(self, subject: Subject) -> Noted:
        said = subject.sample.texts[0].text
        act = said.partition(" ")[0]
        if act == "exit":
            os._exit(3)
        if act == "sys.exit":
            sys.exit("gone")
        if act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if act == "segfault":
            ctypes.string_at(0)
        if act == "hang":
            time.sleep(60)
        if act == "spin":
            while True:
                pass
        if act == "eat":
            while True:
                HELD.append(bytearray(b"x" * (16 << 20)))
                time.sleep(0.005)
        if act == "memory":
            raise MemoryError
        if act == "raise":
            raise CustomError("on purpose")
        if act == "key":
            {}["nothing"]
        if act == "bad":
            raise BadSample("too_odd", "because")
        if act == "print":
            os.write(1, b"to stdout " * 2000)
            print("to stdout", flush=True)
        if act == "killed-once" and once(f"{self.folder}/killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        if act == "hung-once" and once(f"{self.folder}/hung"):
            time.sleep(60)
        if act == "slow":
            time.sleep(0.5)
        if act in ("pid", "slow"):
            said = str(os.getpid())
        if act == "disk":
            open("/nowhere/at/all")
        if act == "network":
            raise Unavailable("the endpoint is gone")
        if act == "package":
            import not_installed_anywhere
        return Noted({"said": said}, (Note("object", said, Box(0, 1.0, 2.0, 3.0, 4.0)),))

class DoesFour(Does, frozen=True):
    @property
    def batch(self) -> int:
        return 4

class Whole(Does, frozen=True):
    """Looks at a batch as a whole, as a model does: one bad sample fails the call."""

    @property
    def batch(self) -> int:
        return 4

    @contextmanager
    def open(self):
        yield lambda subjects: [self.look(subject) for subject in subjects]

class Hasty(Does, frozen=True):
    @property
    def needs(self) -> Needs:
        return Needs(limit_s=1.5, memory_mib=250)

class HastyFour(DoesFour, frozen=True):
    @property
    def needs(self) -> Needs:
        return Needs(limit_s=1.5, memory_mib=250)

class HastyWhole(Whole, frozen=True):
    @property
    def needs(self) -> Needs:
        return Needs(limit_s=1.5, memory_mib=250)

class Short(Does, frozen=True):
    """Forgets one."""

    @property
    def batch(self) -> int:
        return 4

    @contextmanager
    def open(self):
        yield lambda subjects: [self.look(subject) for subject in subjects][1:]

class NotOpened(Does, frozen=True):
    @contextmanager
    def open(self):
        if self.folder == "raise":
            raise ValueError("the weights are torn")
        if self.folder == "package":
            import not_installed_anywhere
        if self.folder == "die":
            os._exit(7)
        yield self.look

class Knows(Does, frozen=True):
    """Says which class opens such an address; whoever opens one imports fsspec itself."""

    def look(self, subject):
        import fsspec

        return Noted({"said": fsspec.get_filesystem_class(self.folder.partition(":")[0]).__module__})

class Writes(Does, frozen=True):
    """Writes what is no value of a note."""

    def look(self, subject):
        return Noted({"said": object()})
'''


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_guarded.py").write_text(OWN)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("own_guarded")
    sys.path.remove(str(folder))
    del sys.modules["own_guarded"]


def requests(*captions: str) -> list[Request]:
    return [Request(Sample(f"{n:032x}", (Text(said),), Source("d", str(n))), "", ()) for n, said in enumerate(captions)]


def answers(annotator: Any, *captions: str) -> list[Result]:
    with Guard(annotator) as held:
        return list(held.look(requests(*captions)))


def noted(said: str) -> Noted:
    return Noted({"said": said}, (Note("object", said, Box(0, 1.0, 2.0, 3.0, 4.0)),))


KINDS = ["Does", "DoesFour", "Whole"]


BREAKS = {
    "exit": "resource",
    "sys.exit": "system_exit",
    "kill": "resource",
    "segfault": "resource",
    "memory": "resource",
    "raise": "custom_error",
    "key": "key_error",
    "bad": "too_odd",
}


@pytest.mark.parametrize("kind", ["Does", "Whole"])
@pytest.mark.parametrize("act", BREAKS)
def test_a_sample_that_breaks_its_annotator_costs_itself_alone(own: ModuleType, kind: str, act: str) -> None:
    captions = ["a", act, "b", "c", "d", f"{act} again", "e"]
    found = answers(getattr(own, kind)(), *captions)
    assert [one.reason if isinstance(one, Failed) else one for one in found] == [
        BREAKS[act] if said.startswith(act) else noted(said) for said in captions
    ]


@pytest.mark.parametrize(
    ("kind", "act", "detail"),
    [
        ("Hasty", "hang", "took longer than 1.5 s"),
        ("HastyWhole", "hang", "took longer than 1.5 s"),
        ("Does", "eat", "took more than 250 MiB"),
        ("Whole", "eat", "took more than 250 MiB"),
    ],
)
def test_a_sample_that_takes_too_much_costs_itself_alone(own: ModuleType, kind: str, act: str, detail: str) -> None:
    found = answers(getattr(own, kind)(), "a", act, "b")
    assert found == [noted("a"), Failed("resource", detail), noted("b")]


def test_an_address_in_a_field_is_opened_by_our_own_file_system(own: ModuleType) -> None:
    assert answers(own.Knows("s3://bucket/answers"), "a") == [Noted({"said": "pipelines.store.on_s3"})]


def test_a_batch_may_take_what_its_samples_may(own: ModuleType) -> None:
    found = answers(own.HastyFour(), *["pid"] * 4, *["slow"] * 4)
    assert len({one.values["said"] for one in found}) == 1


def test_a_sample_that_never_lets_go_of_the_interpreter_costs_itself_alone(own: ModuleType) -> None:
    assert answers(own.Hasty(), "spin", "b") == [Failed("resource", "took longer than 1.5 s"), noted("b")]


def test_what_ended_a_child_is_told(own: ModuleType) -> None:
    found = answers(own.Does(), "exit", "kill", "segfault", "bad", "raise")
    assert [one.detail for one in found] == [
        "ended with code 3",
        "died of signal SIGKILL",
        "died of signal SIGSEGV",
        "because",
        "on purpose",
    ]


def test_what_an_annotator_prints_stays_out_of_the_answers(own: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    assert answers(own.Does(), "print", "a", "print") == [noted("print"), noted("a"), noted("print")]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("kind", "act"), [*((kind, "killed-once") for kind in KINDS), ("Hasty", "hung-once"), ("HastyWhole", "hung-once")]
)
def test_a_child_that_is_lost_once_costs_no_sample(own: ModuleType, tmp_path: Path, kind: str, act: str) -> None:
    captions = ["a", "b", "c", act, "d", "e"]
    annotator = getattr(own, kind)(folder=str(tmp_path))
    assert answers(annotator, *captions) == [noted(said) for said in captions]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_child_that_is_killed_from_outside_between_samples_costs_none(own: ModuleType) -> None:
    with Guard(own.Does()) as held:
        [before] = held.look(requests("pid"))
        os.kill(int(before.values["said"]), signal.SIGKILL)
        time.sleep(0.05)
        [after, other] = held.look(requests("pid", "a"))
        assert after.values["said"] != before.values["said"] and other == noted("a")


def test_one_child_serves_many_samples_until_it_is_lost(own: ModuleType) -> None:
    found = answers(own.Does(), *["pid"] * 70, "exit", "pid")
    children = [one.values["said"] for one in found if isinstance(one, Noted)]
    assert len(set(children[:70])) == 1 and children[70] != children[0]
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_answers_that_are_not_fetched_end_the_child_and_confuse_nobody(own: ModuleType) -> None:
    with Guard(own.Does()) as held:
        walking = held.look(requests("a", "b", "c"))
        assert next(walking) == noted("a")
        walking.close()
        assert list(held.look(requests("d", "e"))) == [noted("d"), noted("e")]


def test_a_long_caption_goes_through(own: ModuleType) -> None:
    long = "x" * 10_000_000
    assert answers(own.Does(), "a", long, "b") == [noted("a"), noted(long), noted("b")]


@pytest.mark.parametrize("kind", ["Does", "Whole"])
@pytest.mark.parametrize(
    ("act", "said"),
    [("disk", "/nowhere/at/all"), ("network", "the endpoint is gone"), ("package", "not_installed_anywhere")],
)
def test_a_failure_that_is_not_the_samples_stops(own: ModuleType, kind: str, act: str, said: str) -> None:
    with Guard(getattr(own, kind)()) as held:
        found = []
        with pytest.raises(Unavailable, match=rf"(?s)annotator {kind.lower()}: .*{said}"):
            found.extend(held.look(requests("a", act)))
        assert not any(isinstance(one, Failed) for one in found)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raise", "ValueError: the weights are torn"),
        ("package", "not_installed_anywhere"),
        ("die", "ended with code 7"),
    ],
)
def test_an_annotator_that_cannot_be_opened_fails_no_sample(own: ModuleType, how: str, said: str) -> None:
    with pytest.raises(Unavailable, match=f"(?s)annotator notopened: .*{said}"):
        answers(own.NotOpened(folder=how), "a", "b")


def test_an_annotator_that_answers_for_too_few_stops(own: ModuleType) -> None:
    with pytest.raises(Unavailable, match="3 of 4 samples"):
        answers(own.Short(), "a", "b", "c", "d", "e", "f", "g", "h")


def test_an_annotator_that_writes_no_value_stops(own: ModuleType) -> None:
    with pytest.raises(Unavailable, match=r"(?s)annotator writes: .*object"):
        answers(own.Writes(), "a")


def alive(child: int) -> bool:
    try:
        return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a signal on the parent's death")
@pytest.mark.parametrize("act", ["hang", "idle"])
def test_a_parent_that_is_killed_leaves_no_child(own: ModuleType, tmp_path: Path, act: str) -> None:
    script = (
        "import sys, time\n"
        "from own_guarded import Does\n"
        "from pipelines.guard.guard import Guard\nfrom pipelines.guard.talk import Request\n"
        "from schemas.sample import Sample, Source, Text\n"
        "samples = [Sample('0' * 32, (Text(said),), Source('d', '0')) for said in ('pid', sys.argv[1])]\n"
        "with Guard(Does()) as guard:\n"
        "    for found in guard.look([Request(sample, '', ()) for sample in samples]):\n"
        "        print(found.values['said'], flush=True)\n"
        "    time.sleep(60)\n"
    )
    path = os.pathsep.join([str(Path(own.__file__).parent), str(Path(guard.__file__).resolve().parent.parent)])
    with subprocess.Popen(
        [sys.executable, "-c", script, act], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
    for _ in range(6000):
        if not alive(child):
            break
        time.sleep(0.05)
    assert not alive(child)


def test_bytes_that_changed_on_disk_stop_and_fail_no_sample(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    content = picture(1)
    part = Image(hashlib.sha256(content).hexdigest(), len(content), "jpg")
    media = tmp_path / "000000.tar"
    media.write_bytes(b"h" * 512 + content)
    asked = [Request(Sample("0" * 32, (part,), Source("d", "0")), str(media), (512,))]
    with Guard(Pixels()) as held:
        assert isinstance(next(iter(held.look(asked))), Noted)
        for changed, said in ((content[:-1] + b"?", "not those that were ingested"), (content[:-1], "ends before")):
            media.write_bytes(b"h" * 512 + changed)
            with pytest.raises(Unavailable, match=f"000000.tar: .*{said}"):
                list(held.look(asked))
        media.unlink()
        with pytest.raises(Unavailable, match=r"000000\.tar: "):
            list(held.look(asked))
