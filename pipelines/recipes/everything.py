"""Recipes for samples of any kind."""

from __future__ import annotations

from pipelines.recipes.recipe import Recipe
from pipelines.recipes.uncontaminated import benchmark_folder, steps_against


def uncontaminated(benchmarks: str = "", pictures: bool = True) -> Recipe:
    """Samples of any kind that hold no item of the `benchmarks`, a folder that `ostraka benchmark` wrote.

    They must be given. Texts are looked for first, then pictures, resized and saved again or not; without `pictures`,
    texts alone.
    """
    return Recipe("uncontaminated", *steps_against(benchmark_folder(benchmarks), pictures=pictures))


def whole() -> Recipe:
    """Everything that came in whole, with nothing looked at: dialogues, clips and whatever was chosen elsewhere.

    To be exported, a shelf must have been decided on; here the decision is yes. It costs no look at a sample.
    """
    return Recipe("whole")
