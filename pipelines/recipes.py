"""The recipes that ostraka brings; a recipe of your own is a function that returns one."""

from __future__ import annotations

from collections.abc import Callable

from annotators.header import Header
from annotators.language import Language
from annotators.pixels import Pixels
from filters.exact import ExactDedup
from filters.image import HasPicture, MaxAspect, MaxPixels, MinSide, NotSolid, Still
from filters.neardup import NearDedup
from filters.text import CaptionLength, CleanText, InLanguage, NotBoilerplate
from pipelines.recipe import Annotate, Keep, Recipe
from pipelines.value import load
from schemas.errors import BadInput


def caption_light() -> Recipe:
    """Captioned pictures without a model: shape, text, language, colours, then duplicates."""
    return Recipe(
        "caption-light",
        Keep(HasPicture()),
        Keep(CleanText()),
        Keep(CaptionLength(least=5, most=1000)),
        Keep(NotBoilerplate()),
        Annotate(Header()),
        Keep(Still()),
        Keep(MinSide(px=28)),
        Keep(MaxAspect(ratio=200)),
        Keep(MaxPixels(mpx=100)),
        Annotate(Language()),
        Keep(InLanguage(languages=("en",), share=0.9)),
        Annotate(Pixels()),
        Keep(NotSolid()),
        Keep(ExactDedup()),
        Keep(NearDedup(radius=4)),
    )


def headers_only() -> Recipe:
    """Pictures by their headers alone: shape and size."""
    return Recipe(
        "headers-only",
        Keep(HasPicture()),
        Annotate(Header()),
        Keep(MinSide(px=28)),
        Keep(MaxAspect(ratio=200)),
        Keep(MaxPixels(mpx=100)),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {"caption-light": caption_light, "headers-only": headers_only}


def find_recipe(name: str) -> Recipe:
    """Return a recipe by its name here, or by `package.module:function`.

    Raises BadInput where there is none, or where the function returns something else.
    """
    if name in RECIPES:
        return RECIPES[name]()
    if ":" not in name:
        raise BadInput(
            f"there is no recipe called {name!r}",
            remedy=f"choose one of {', '.join(sorted(RECIPES))}, or give --recipe package.module:function",
        )
    made = load(name)
    try:
        recipe = made() if callable(made) else made
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"{name} made no recipe: {type(error).__name__}: {error}") from error
    if not isinstance(recipe, Recipe):
        raise BadInput(f"{name} returns {type(recipe).__name__}, not a Recipe")
    return recipe
