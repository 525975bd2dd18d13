"""What a verb shows is text, whatever the data holds."""

from __future__ import annotations

import pytest

from pipelines.commands.screen import counted, say, table


def test_control_codes_and_markup_of_data_mean_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a\x1b]0;owned\x07b [red]c[/red] \x1b[2J"
    say(hostile)
    table("t", ("heading",), [(hostile,)])
    told = capsys.readouterr().out
    assert "\x1b" not in told and "\x07" not in told
    assert told.count("[red]c[/red]") == 2


def test_one_is_not_many() -> None:
    assert (counted(1, "shard"), counted(2, "shard"), counted(0, "shard")) == ("1 shard", "2 shards", "0 shards")
