#!/bin/sh
# Fetches the ONNX Runtime library into models/onnxruntime/1.28.0/, where Comity looks for it.
#
#   models/fetch-onnxruntime.sh            does nothing if the library is already there and is the right one
#
# The library is taken out of the Python wheel with `pip download`, under whatever index or mirror pip is set to use. No Python package is
# installed. 1.28.0 is the newest release whose wheels do not report usage to their maker.
# Needs: python3 with pip. PYTHON=... names another interpreter.
set -eu

version=1.28.0
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=$here/onnxruntime/$version
python=${PYTHON:-python3}

die() {
    echo "fetch-onnxruntime: $*" >&2
    exit 1
}

# The wheels' platform tags, the library's name inside the wheel, and its SHA-256.
case "$(uname -s)-$(uname -m)" in
    Linux-x86_64)
        platforms="manylinux_2_28_x86_64 manylinux_2_27_x86_64"
        library=libonnxruntime.so.$version
        expected=aa4079d18f4ea7a5f3a94d80cd4bbe0f2740436626622d64d793803a20381083 ;;
    Linux-aarch64 | Linux-arm64)
        platforms="manylinux_2_28_aarch64 manylinux_2_27_aarch64"
        library=libonnxruntime.so.$version
        expected=23a37c2994bc273e1d59a4f49af6cba5bf1cfbc29f04907ec27df375aba50a7d ;;
    Darwin-arm64)
        platforms="macosx_14_0_arm64 macosx_13_0_arm64"
        library=libonnxruntime.$version.dylib
        expected=cadd9517e089d197e5d381bc31813875eb8addce8712bac501645fea8008800c ;;
    *)
        die "no hash is pinned for $(uname -s) on $(uname -m). Comity runs there on its built-in engine; to use ONNX Runtime, install $version yourself and name the library in ORT_DYLIB_PATH." ;;
esac

digest() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

if [ -f "$target/$library" ]; then
    if [ "$(digest "$target/$library")" = "$expected" ]; then
        echo "fetch-onnxruntime: $target/$library is already there"
        exit 0
    fi
    echo "fetch-onnxruntime: $target/$library is damaged or another build; fetching it again" >&2
fi

"$python" -m pip --version >/dev/null 2>&1 || die "$python has no pip; install it, or set PYTHON to an interpreter that has one"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM

set --
for platform in $platforms; do set -- "$@" --platform "$platform"; done
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --implementation cp --python-version 3.12 "$@" --dest "$scratch" "onnxruntime==$version" ||
    die "pip could not download onnxruntime $version; see its message above"

"$python" - "$scratch" "$library" <<'PYTHON' || die "the wheel does not hold $library"
import glob, os, sys, zipfile

scratch, library = sys.argv[1:]
wheel = zipfile.ZipFile(glob.glob(os.path.join(scratch, "*.whl"))[0])
wanted = {"onnxruntime/capi/" + library: library, "onnxruntime/LICENSE": "LICENSE",
          "onnxruntime/ThirdPartyNotices.txt": "ThirdPartyNotices.txt"}
for member, name in wanted.items():
    with open(os.path.join(scratch, name), "wb") as file:
        file.write(wheel.read(member))
PYTHON

found=$(digest "$scratch/$library")
[ "$found" = "$expected" ] || die "$library has SHA-256 $found, expected $expected; nothing was kept"

mkdir -p "$target"
cp "$scratch/LICENSE" "$scratch/ThirdPartyNotices.txt" "$target/"
cp "$scratch/$library" "$target/$library.new"
mv -f "$target/$library.new" "$target/$library" # complete or absent, never half
echo "fetch-onnxruntime: wrote $target/$library"
