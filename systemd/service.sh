#!/usr/bin/env bash
# Installs this checkout's service for `systemctl --user`, or removes it again.
#
#   systemd/service.sh install      write the unit, start it now and at each login
#   systemd/service.sh uninstall    stop it, after its turns, and remove the unit
#
# SERVICE (default openclaw) is the unit's name: a second checkout needs another one.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name=${SERVICE:-openclaw}
units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
unit=$units/$name.service

say() { printf 'service: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
control() { timeout -k 5 300 systemctl --user "$@"; }

require_manager() {
    command -v systemctl >/dev/null || fail "there is no systemd here; run openclaw in the foreground: make run"
    control show --property=Version >/dev/null 2>&1 || fail \
        "no service manager answers to 'systemctl --user': log in as $(id -un) itself (not by su or sudo)," \
        "or set XDG_RUNTIME_DIR=/run/user/$(id -u) after 'loginctl enable-linger $(id -un)'"
}

require_ours() { # a unit of that name may be another checkout's
    [ ! -e "$unit" ] || grep -qxF "WorkingDirectory=$(escaped)" "$unit" || fail \
        "$unit belongs to another checkout: remove it there, or give this one a name: make install-service SERVICE=openclaw-2"
}

escaped() { # the checkout's path as a unit file spells it: % begins a specifier
    printf '%s' "${checkout//%/%%}"
}

install_unit() {
    case $checkout in
        *[!A-Za-z0-9._/@%+,:=~-]*) fail "a unit cannot name the path $checkout: move the checkout to one of plain characters" ;;
    esac
    local text
    text=$(<"$checkout/systemd/openclaw.service")
    mkdir -p "$units"
    printf '%s\n' "${text//@CHECKOUT@/$(escaped)}" >"$unit.new"
    mv "$unit.new" "$unit"
    control daemon-reload
    control enable "$name.service"
    control restart "$name.service" || fail "it does not start: journalctl --user -u $name, and $checkout/logs/app.log, say why"
    say "$name runs: systemctl --user status $name"
    [ "$(loginctl show-user --property=Linger --value "$(id -un)" 2>/dev/null)" = yes ] \
        || say "it ends when you log out, until you say: loginctl enable-linger"
}

uninstall_unit() {
    [ -e "$unit" ] || fail "$unit is not there"
    control disable --now "$name.service"
    rm "$unit"
    control daemon-reload
    say "$name is stopped and removed; its home stays as it is"
}

case ${1:-} in
    install) require_manager; require_ours; install_unit ;;
    uninstall) require_manager; require_ours; uninstall_unit ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
