"""The domains that come with ostraka, by name."""

from __future__ import annotations

from filters.verifiers.domain import Domain
from filters.verifiers.domains.chart import Chart
from filters.verifiers.domains.chemistry import Chemistry
from filters.verifiers.domains.choice import Choice
from filters.verifiers.domains.counting import Counting
from filters.verifiers.domains.geo import Geo
from filters.verifiers.domains.grounding import Grounding
from filters.verifiers.domains.gui import Gui
from filters.verifiers.domains.instruction import Instruction
from filters.verifiers.domains.long_document import LongDocument
from filters.verifiers.domains.math import Math
from filters.verifiers.domains.ocr import Ocr
from filters.verifiers.domains.physics import Physics
from filters.verifiers.domains.spatial import Spatial
from filters.verifiers.domains.video import Video
from filters.verifiers.domains.vqa import Vqa

DOMAINS: dict[str, Domain] = {
    domain.name: domain
    for domain in (
        Math(),
        Physics(),
        Chemistry(),
        Chart(),
        Ocr(),
        Counting(),
        Choice(),
        Vqa(),
        Geo(),
        LongDocument(),
        Grounding(),
        Spatial(),
        Gui(),
        Video(),
        Instruction(),
    )
}
