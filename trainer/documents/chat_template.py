"""Chat templates in Jinja, for the folder that a model is saved into: what template.py renders, for other programs.

Both take a content that is a text or a list of `{"type": "image" | "video" | "text"}`. Thinking of earlier turns is
dropped; GLM-4.5V's takes `enable_thinking=False`. A test holds them to what training sees.
"""

from __future__ import annotations

from trainer.documents.special import Family

_CONTENT = """
{%- macro told(content) -%}
    {%- if content is string -%}
        {{- content -}}
    {%- else -%}
        {%- for item in content -%}
            {%- if item.type == "image" -%}
                {{- "<|begin_of_image|><|image|><|end_of_image|>" -}}
            {%- elif item.type == "video" -%}
                {{- "<|begin_of_video|><|video|><|end_of_video|>" -}}
            {%- elif item.type == "text" -%}
                {{- item.text -}}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro -%}
"""

_DENSE = (
    _CONTENT
    + """
{{- "[gMASK]<sop>" -}}
{%- for turn in messages -%}
    {%- set text = told(turn.content) -%}
    {%- if turn.role == "assistant" -%}
        {%- set text = text.split("</think>")[-1].strip() -%}
        {{- "<|assistant|>\\n" + text -}}
    {%- else -%}
        {{- "<|" + turn.role + "|>\\n" + text -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- "<|assistant|>\\n" -}}
{%- endif -%}
"""
)

_HYBRID = (
    _CONTENT
    + """
{{- "[gMASK]<sop>" -}}
{%- set quiet = enable_thinking is defined and not enable_thinking -%}
{%- set asked = namespace(last=-1) -%}
{%- for turn in messages if turn.role == "user" -%}
    {%- set asked.last = messages.index(turn) -%}
{%- endfor -%}
{%- for turn in messages -%}
    {%- set text = told(turn.content) -%}
    {%- if turn.role == "assistant" -%}
        {%- set think = turn.reasoning_content or "" -%}
        {%- if not think and "</think>" in text -%}
            {%- set think = text.split("</think>")[0].split("<think>")[-1] -%}
        {%- endif -%}
        {%- set think = think.strip() if loop.index0 > asked.last else "" -%}
        {{- "<|assistant|>\\n<think>" + think + "</think>\\n" + text.split("</think>")[-1].strip() -}}
    {%- else -%}
        {{- "<|" + turn.role + "|>\\n" + text -}}
        {%- if turn.role == "user" and quiet and not text.endswith("/nothink") -%}
            {{- "/nothink" -}}
        {%- endif -%}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- "<|assistant|>" + ("\\n<think></think>" if quiet else "") -}}
{%- endif -%}
"""
)

CHAT_TEMPLATES: dict[Family, str] = {"4.1v": _DENSE.strip(), "4.5v": _HYBRID.strip()}
