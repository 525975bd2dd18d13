#!/bin/sh
# Reads an export with the libraries that people read it with, each in an environment of its own.
# Usage: tests/readers/run.sh [FOLDER FOR THE ENVIRONMENTS]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$(dirname "$here")")
cache=${1:-$root/.venv-readers}
ostraka_bin=${OSTRAKA_BIN:-$root/.venv/bin}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
out=$cache/corpus
log=$cache/last.log

environment() {
    folder=$cache/$1
    if ! cmp -s "$here/$1.txt" "$folder/done.txt"; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet --requirement "$here/$1.txt" >"$log" 2>&1 || { cat "$log"; exit 1; }
        cp "$here/$1.txt" "$folder/done.txt"
    fi
}

quietly() {
    "$@" >"$log" 2>&1 || { cat "$log"; echo "failed: $*"; exit 1; }
}

for name in datasets webdataset energon croissant; do
    environment "$name"
done

rm -rf "$out"
"$ostraka_bin/python" "$here/make_corpus.py" "$out"

for corpus in "$out"/*/; do
    export=${corpus}export
    echo "$(basename "$corpus"):"
    HF_HOME=$cache/huggingface "$cache/datasets/bin/python" "$here/read_datasets.py" "$export"
    "$cache/webdataset/bin/python" "$here/read_webdataset.py" "$export"

    quietly "$cache/energon/bin/energon" lint "$export"
    "$cache/energon/bin/python" "$here/read_energon.py" "$export"
    prepared=${corpus}prepared
    cp -r "$export" "$prepared"
    rm -rf "$prepared/.nv-meta" "$prepared"/*/*/*.tar.idx
    quietly "$cache/energon/bin/energon" prepare --non-interactive --split-ratio 1,0,0 --sample-type CaptioningSample \
        --field-map "$(cat "${corpus}field_map.json")" "$prepared"
    quietly "$cache/energon/bin/energon" lint "$prepared"
    quietly "$ostraka_bin/python" "$here/verify.py" "$prepared"
    "$cache/energon/bin/python" "$here/compare_energon.py" "$export" "$prepared"

    quietly "$cache/croissant/bin/mlcroissant" validate --jsonld "$export/croissant.json"
    "$cache/croissant/bin/python" "$here/read_croissant.py" "$export"
done
