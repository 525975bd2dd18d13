"""The recipes that ostraka brings; a recipe of your own is a function that returns one.

Its parameters are values that a user may give: `ostraka run caption-light --with balance=20`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from pipelines.recipes.captions import caption_clip, caption_light, caption_recaptioned, caption_safe, caption_small
from pipelines.recipes.documents import documents, documents_clip
from pipelines.recipes.everything import uncontaminated, whole
from pipelines.recipes.pictures import headers_only, scene_text
from pipelines.recipes.recipe import Recipe
from pipelines.recipes.tasks import cot, cot_answers, enhance, rl_tasks, rollouts
from pipelines.recipes.value import load
from pipelines.recipes.videos import video, video_captions
from pipelines.recipes.words import instructions, long_text
from schemas.errors import BadInput

RECIPES: dict[str, Callable[..., Recipe]] = {
    "caption-clip": caption_clip,
    "caption-light": caption_light,
    "caption-recaptioned": caption_recaptioned,
    "caption-safe": caption_safe,
    "caption-small": caption_small,
    "cot": cot,
    "cot-answers": cot_answers,
    "documents": documents,
    "documents-clip": documents_clip,
    "enhance": enhance,
    "headers-only": headers_only,
    "instructions": instructions,
    "rl-tasks": rl_tasks,
    "rollouts": rollouts,
    "scene-text": scene_text,
    "text": long_text,
    "uncontaminated": uncontaminated,
    "video": video,
    "video-captions": video_captions,
    "whole": whole,
}


class Parameter(Struct, frozen=True):
    """A value that a recipe takes by name; `default` is inspect.Parameter.empty where it must be given."""

    name: str
    kind: Any
    default: Any


def find_recipe(name: str, values: Mapping[str, str] = {}) -> Recipe:
    """Return a recipe by its name here, or by `package.module:function`, made with these values.

    Raises BadInput where there is none, where it does not take these values, or where the function returns something
    else.
    """
    if name in RECIPES:
        return RECIPES[name](**_converted(name, RECIPES[name], values))
    if ":" not in name:
        raise BadInput(
            f"there is no recipe called {name!r}",
            remedy=f"choose one of {', '.join(sorted(RECIPES))}, or give --recipe package.module:function",
        )
    made = load(name)
    if not callable(made) and values:
        raise BadInput(f"{name} is no function, so it takes no values", remedy="leave --with out")
    try:
        recipe = made(**_converted(name, made, values)) if callable(made) else made
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"{name} made no recipe: {type(error).__name__}: {error}") from error
    if not isinstance(recipe, Recipe):
        raise BadInput(f"{name} returns {type(recipe).__name__}, not a Recipe")
    return recipe


def parameters(make: Callable[..., Any]) -> Iterator[Parameter]:
    """Yield what a recipe's function takes by name; a parameter without a type is text."""
    hints = get_type_hints(make, include_extras=True)
    for one in inspect.signature(make).parameters.values():
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            yield Parameter(one.name, hints.get(one.name, str), one.default)


def _converted(name: str, make: Callable[..., Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return the values by the types that a recipe states; raises BadInput that says which ones it takes."""
    known = {one.name: one for one in parameters(make)}
    takes = f"it takes {', '.join(known)}" if known else "it takes no values"
    if unknown := [one for one in values if one not in known]:
        raise BadInput(f"it has no value called {', '.join(unknown)}", where=f"recipe {name}", remedy=takes)
    needed = [one.name for one in known.values() if one.default is inspect.Parameter.empty and one.name not in values]
    if needed:
        raise BadInput(
            f"{', '.join(needed)} must be given", where=f"recipe {name}", remedy=f"add --with {needed[0]}=..."
        )
    found: dict[str, Any] = {}
    for one, text in values.items():
        try:
            found[one] = msgspec.convert(text, known[one].kind, strict=False)
        except msgspec.ValidationError as error:
            raise BadInput(f"{one} cannot be {text!r}: {error}", where=f"recipe {name}", remedy=takes) from None
    return found
