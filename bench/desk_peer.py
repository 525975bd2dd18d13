"""The SDK loop of the desk's duel, run where Label Studio is installed: python -m bench.desk_peer URL N."""

from __future__ import annotations

import os
import sys
import time

CONFIG = (
    '<View><Text name="words" value="$words"/><Choices name="c" toName="words"><Choice value="good"/></Choices></View>'
)


def main(url: str, tasks: int) -> None:
    """Send so many tasks with a prediction each, read them back with what people said, and print the seconds."""
    from label_studio_sdk import LabelStudio

    client = LabelStudio(base_url=url, api_key=os.environ["OSTRAKA_DESK_TOKEN"])
    project = client.projects.create(title="a plain loop", label_config=CONFIG).id
    said = [{"from_name": "c", "to_name": "words", "type": "choices", "value": {"choices": ["good"]}}]
    began_s = time.perf_counter()
    for number in range(tasks):
        made = client.tasks.create(project=project, data={"words": f"The text of item {number}."})
        client.predictions.create(task=made.id, model_version="m", score=0.5, result=said)
    read = 0
    for task in client.tasks.list(project=project):
        client.annotations.list(id=task.id)
        read += 1
    assert read == tasks
    print(time.perf_counter() - began_s)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
