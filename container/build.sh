#!/usr/bin/env bash
# Builds the agent's image and checks it with one message.
#
#   container/build.sh [IMAGE]      build it (default: CONTAINER_IMAGE)
#   container/build.sh --digest     print the digest of what it is built from
#   container/build.sh --check      exit 0 if the image at hand was built from exactly that, else 1
#   container/build.sh --for-run    build it where an engine answers and it is missing or stale; never fails
#
# CONTAINER_IMAGE, CONTAINER_CLI and CONTAINER_RUNTIME are taken from the environment or .env, as the service does.
# BASE_IMAGE (default python:3.12-slim) is the image that it begins from; it needs python3, 3.11 or newer. Where no
# registry has it and this runs as root, the base is made from Debian packages (of DEBIAN_MIRROR) by debootstrap.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
default_base=python:3.12-slim
debian_base=openclaw-base:bookworm
scratch=''

say() { printf 'image: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

logged() { # MESSAGE COMMAND…: its output is shown only where it fails
    local message=$1
    shift
    "$@" </dev/null >"$scratch/log" 2>&1 || { tail -n 30 "$scratch/log" >&2; fail "$message"; }
}

cleanup() {
    # Nothing mounted below is entered: debootstrap mounts /proc there while it works.
    [ -z "$scratch" ] || rm -rf --one-file-system "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

read_settings() { # cli, image and runtime; none of them may hold a space
    PYTHONPATH=$here/.. "$python" -c 'if True:
        import os, sys
        from openclaw import config, errors
        try:
            settings = config.load(os.environ)
        except errors.ConfigError as error:
            sys.exit(f"image: {error}")
        print(settings.container_cli, settings.container_image, settings.container_runtime)'
}

engine_answers() { timeout -k 1 10 "$cli" version --format '{{.Server.Version}}' </dev/null >/dev/null 2>&1; }

have() { timeout -k 1 30 "$cli" image inspect --format '{{.Id}}' "$1" </dev/null >/dev/null 2>&1; }

is_fresh() {
    local built_from
    built_from=$(timeout -k 1 30 "$cli" image inspect --format '{{index .Config.Labels "openclaw.source"}}' "$image" \
        </dev/null 2>/dev/null) || return 1
    [ "$built_from" = "$digest" ]
}

choose_base() { # prints the image to begin from
    if [ -n "${BASE_IMAGE:-}" ]; then
        echo "$BASE_IMAGE"
    elif have "$default_base"; then
        echo "$default_base"
    elif have "$debian_base"; then
        say "on $debian_base, made here before ($cli rmi $debian_base makes the next build look for $default_base)"
        echo "$debian_base"
    elif pull "$default_base"; then
        echo "$default_base"
    else
        say "no registry gives $default_base ($(tail -n 1 "$scratch/pull"))"
        make_debian_base
        echo "$debian_base"
    fi
}

pull() {
    say "fetching $1"
    timeout -k 5 300 "$cli" pull --quiet "$1" </dev/null >/dev/null 2>"$scratch/pull"
}

make_debian_base() {
    local mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
    [ "$(id -u)" = 0 ] || fail "making the base from Debian packages needs root: sudo container/build.sh, or name" \
        "an image with Python 3.11 or newer that this engine has: BASE_IMAGE=… container/build.sh"
    install_debootstrap
    say "making $debian_base from Debian packages of $mirror: some minutes, once"
    if [ -n "${SSL_CERT_FILE:-}" ]; then # debootstrap fetches by wget, which has its own way of being told
        echo "ca_certificate = $SSL_CERT_FILE" >"$scratch/wgetrc"
        export WGETRC=$scratch/wgetrc
    fi
    local root=$scratch/root
    logged "debootstrap failed" timeout -k 5 1200 \
        debootstrap --variant=minbase --include=python3,ca-certificates bookworm "$root" "$mirror"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale,info}/*
    tar -C "$root" --one-file-system -c . | timeout -k 5 600 "$cli" import - "$debian_base" >/dev/null
}

install_debootstrap() {
    command -v debootstrap >/dev/null && return
    command -v apt-get >/dev/null || fail "debootstrap is missing and there is no apt-get to install it: do it by hand"
    say "installing debootstrap"
    logged "the package lists could not be fetched" timeout -k 5 300 apt-get update
    logged "debootstrap could not be installed" \
        env DEBIAN_FRONTEND=noninteractive timeout -k 5 300 apt-get install --yes debootstrap
}

build() {
    local base begun=$SECONDS
    engine_answers \
        || fail "no engine answers to '$cli version': install Docker (docker.io) and start it, or set CONTAINER_CLI"
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/openclaw-image.XXXXXX")
    base=$(choose_base)
    mkdir "$scratch/context"
    "$python" "$here/build_context.py" copy "$scratch/context"
    [ ! -s "${SSL_CERT_FILE:-}" ] || cp "$SSL_CERT_FILE" "$scratch/context/ca.pem"
    # BuildKit is not in every engine's CLI; the classic builder is, where it is missing.
    timeout -k 1 10 "$cli" buildx version </dev/null >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
    say "building $image on $base"
    logged "the build failed" timeout -k 5 900 "$cli" build --force-rm --network none \
        --build-arg "BASE_IMAGE=$base" --build-arg "SOURCE_DIGEST=$digest" --tag "$image" "$scratch/context"
    check_answer
    say "$image is ready (${digest:0:12}, $((SECONDS - begun)) s)"
}

check_answer() { # one message in, one reply out
    local name=openclaw-image-check-$$ reply
    if ! reply=$(echo '{"text": "hello"}' | timeout -k 1 60 "$cli" run --rm --interactive --network none \
        --name "$name" "$image" --once); then
        timeout -k 1 60 "$cli" rm --force "$name" </dev/null >/dev/null 2>&1 || true
        fail "the built image answers no message"
    fi
    case $reply in
        *'"status":"done"'*) ;;
        *) fail "the built image answers a message with: ${reply:0:300}" ;;
    esac
}

build_for_run() {
    [ "$runtime" != process ] || return 0
    engine_answers || { say "no engine answers to '$cli version'; see what the service says next"; return 0; }
    is_fresh || "${BASH_SOURCE[0]}" || say "could not be built (above is why); going on with what there is"
}

wanted=${1:---build}
digest=$("$python" "$here/build_context.py" digest)
if [ "$wanted" = --digest ]; then
    echo "$digest"
    exit
fi
settings=$(read_settings) || { [ "$wanted" = --for-run ] && exit 0 || exit 2; }
read -r cli image runtime <<<"$settings"
case $wanted in
    --check) is_fresh ;;
    --for-run) build_for_run ;;
    --build) build ;;
    -*) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    *) image=$wanted; build ;;
esac
