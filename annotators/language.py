"""Language: of each text of a sample, with its probability (py3langid, 97 languages, model in the package)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from annotators.annotator import Annotator, Look, Subject
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.vocabulary.texts import TEXT_LANGUAGE, TEXT_LANGUAGE_SHARE


class Language(Annotator, frozen=True):
    """Reads at most the first `most_chars` characters of a text, so that a long one costs no more than a page."""

    most_chars: int = 2000

    writes: ClassVar = (TEXT_LANGUAGE, TEXT_LANGUAGE_SHARE)
    made_with: ClassVar = ("py3langid",)

    @contextmanager
    def open(self) -> Iterator[Look]:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            return [self._note(subject, identifier) for subject in subjects]

        yield look

    def _note(self, subject: Subject, identifier: Any) -> Noted:
        found = [identifier.classify(text.text[: self.most_chars]) for text in subject.sample.texts]
        return Noted(
            {
                "text_language": [str(language) for language, _ in found],
                "text_language_share": [round(float(share), 4) for _, share in found],
            }
        )
