"""Texts: the language of each, and who could be written to or called."""

from __future__ import annotations

from schemas.vocabulary.name import Name

TEXT_LANGUAGE = Name("text_language", "list<string>", "ISO 639-1", "language of each text, in the order of the texts")
TEXT_LANGUAGE_SHARE = Name("text_language_share", "list<float64>", "", "its probability among all languages", 0, 1)
TEXT_EMAILS = Name("text_emails", "list<uint32>", "", "e-mail addresses in each text, in the order of the texts")
TEXT_PHONES = Name("text_phones", "list<uint32>", "", "telephone numbers in each text, in the order of the texts")
