"""Croissant 1.1: the export as JSON-LD, its files with their digests and the sidecars' columns as a record set."""

from __future__ import annotations

from typing import Any

import msgspec

from pipelines.export.manifest import CARD, File, Manifest
from pipelines.export.people import OPTION
from schemas.tables import CLIP_SIDECAR, PEOPLE, SIDECAR, Column

_VERSION = "http://mlcommons.org/croissant/1.1"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_MEDIA_TYPES = {"tar": "application/x-tar", "parquet": "application/x-parquet", "md": "text/plain"}
_DATA_TYPES = {"float64": "cr:Float64", "int64": "cr:Int64", "string": "sc:Text"}
_SIDECARS = "sidecars"
_SAYS = {
    "people": "what people at a desk say of it, with its provenance, as JSON",
    "cut": "how it was cut out of its parent: copied, encoded, frames, or whole",
    "part": "the place of the video among its parent's parts",
    "start_pts": "when its first frame is shown in the parent, in units of the time base",
    "end_pts": "when its last frame is shown there no more",
    "time_base_num": "numerator of the parent's time base, in seconds",
    "time_base_den": "denominator of it",
    "frames": "frames that it shows",
    "duration_s": "how long it lasts, in seconds",
    "spans": "the names of the notes that chose it",
    "key": "the sample's key, 32 hex digits: its members' name up to the first dot",
    "url": "where the sample came from, as its source said",
    "caption": "the first caption, or what text there is",
    "status": "success: every row is a sample of the shard",
    "error_message": "always empty",
    "width": "width in pixels as stored, 0 where nobody noted it",
    "height": "height in pixels as stored, 0 where nobody noted it",
    "original_width": "the same: pictures are never re-encoded",
    "original_height": "the same: pictures are never re-encoded",
    "exif": "always empty: it is in the picture's own bytes",
    "sha256": "SHA-256 of the first picture's or video's bytes",
    "dataset": "the dataset that the sample was ingested as",
    "row": "its path or id in that dataset",
    "licence": "its licence, as its source said, empty where it said none",
    "parent": "the key of the sample that it was made from, empty where there is none",
    "kind": "what it is to a training: caption, interleaved, instruction, text, ...",
    "estimated_tokens": "about how many tokens it is",
    "texts": "all texts, in order",
    "members": "the extensions of the sample's members, in the tar's order",
    "offsets": "where each member's bytes begin in the tar",
    "sizes": "how many bytes each member has",
}


def croissant_json(manifest: Manifest) -> bytes:
    """Return an export as Croissant; `manifest` lists the files that it describes."""
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _VERSION,
        "name": manifest.name,
        "description": f"{manifest.counts.exported} samples as WebDataset shards, curated by {manifest.recipe}. "
        f"See {CARD} beside this file.",
        "version": "1.0.0",
        "license": sorted(licence or "unknown" for licence in manifest.licences) or ["unknown"],
        "distribution": [*map(_file_object, manifest.files), _sidecars()],
        "recordSet": [_record_set(manifest)],
    }
    return msgspec.json.format(msgspec.json.encode(described), indent=1) + b"\n"


def _file_object(file: File) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size_bytes} B",
        "encodingFormat": _MEDIA_TYPES[file.path.rsplit(".", 1)[1]],
        "sha256": file.sha256,
    }


def _sidecars() -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": _SIDECARS,
        "name": _SIDECARS,
        "description": "a row per sample, beside each tar",
        "encodingFormat": _MEDIA_TYPES["parquet"],
        "includes": "*/*/*.parquet",
    }


def _record_set(manifest: Manifest) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "description": "a record per sample: what the sidecars say of it",
        "key": {"@id": "samples/key"},
        "field": [*map(_field, _columns(manifest))],
    }


def _columns(manifest: Manifest) -> tuple[Column, ...]:
    columns = CLIP_SIDECAR if "spans" in manifest.options else SIDECAR
    return (*columns, *PEOPLE) if OPTION in manifest.options else columns


def _field(column: Column) -> dict[str, Any]:
    repeated = column.kind.startswith("list<")
    kind = column.kind[5:-1] if repeated else column.kind
    field = {
        "@type": "cr:Field",
        "@id": f"samples/{column.name}",
        "name": column.name,
        "description": _SAYS[column.name],
        "dataType": _DATA_TYPES[kind],
        "source": {"fileSet": {"@id": _SIDECARS}, "extract": {"column": column.name}},
    }
    return {**field, "repeated": True} if repeated else field
