#!/usr/bin/env bash
# Install heygem-daemon as a service, upgrade it, go back to the version before, or remove it.
#
#   systemd/install.sh --spool /srv/heygem    install from this checkout; again: repair
#   systemd/install.sh --upgrade              install this checkout's version over an earlier one
#   systemd/install.sh --rollback             go back to the version before
#   systemd/install.sh --uninstall            remove the program; keep spool and configuration
#   systemd/install.sh --uninstall --purge    remove these, too
#   systemd/install.sh --dry-run …            print what would be done, and change nothing
#
# Each version is an environment of its own in /opt/heygem-daemon/releases. `current` and `previous`
# are links to two of them. What an administrator changed is never overwritten.
set -euo pipefail
umask 022

readonly APP=/opt/heygem-daemon
readonly CONFIG=/etc/heygem-daemon/config.toml
readonly STATE=/var/lib/heygem-daemon
readonly CACHE=/var/cache/heygem-daemon
readonly LOGS=/var/log/heygem-daemon
readonly UNIT=heygem-daemon.service
# Installed, but not enabled: `heygem-daemon config check` says what needs them.
readonly SOCKETS=(heygem-daemon-metrics.socket heygem-daemon-notify.socket)
readonly ALL_EXTRAS=(c2pa cluster heic notify)
readonly UNITS=/etc/systemd/system
readonly DROPINS=$UNITS/$UNIT.d
readonly NOTIFY_DROPINS=$UNITS/heygem-daemon-notify@.service.d
readonly COMMAND=/usr/local/bin/heygem-daemon
readonly SAMBA=/etc/samba/heygem-daemon.conf
readonly RECORD=$APP/installed.sha256
# What the daemon makes in a spool.
readonly SPOOL_ENTRIES=(inbox processing outbox 'done' failed logs .state .cache status.html status.txt)
SOURCE=$(cd "$(dirname "$0")/.." && pwd)
readonly SOURCE

HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=systemd/install/files.sh
source "$HERE/install/files.sh"
# shellcheck source=systemd/install/configuration.sh
source "$HERE/install/configuration.sh"
# shellcheck source=systemd/install/removal.sh
source "$HERE/install/removal.sh"

ACTION=install DRY='' PURGE='' SPOOL='' EXTRAS='' SYSTEM_PACKAGES='' GPU='' NOTES=() CHANGED='' WILL='is '

usage() {
    cat <<'TEXT'
Usage: systemd/install.sh [--dry-run] [--spool DIR] [--extras c2pa,heic] [--gpu] [--system-packages]
       systemd/install.sh [--dry-run] --upgrade | --rollback | --uninstall [--purge]

  --spool DIR        folder that users share; it is made if it is missing, and the service may write
                     there. Without it: what the configuration says, at first /var/lib/heygem-daemon/spool
  --extras LIST      c2pa (signed marks), cluster (several machines), heic (HEIC photographs), notify
                     (notifications), with commas between them
  --gpu              prepare for an NVIDIA GPU although none is found now
  --system-packages  use what is installed for the system's Python, such as its torch
  --upgrade          install this checkout's version; configuration and spool stay. No job is lost: one
                     that runs is rendered anew by this version. If this version does not start, the
                     one before is put back
  --rollback         go back to the version before
  --uninstall        remove the program. Spool, configuration, state, log and user stay
  --purge            with --uninstall: these are removed, too
  --dry-run          print what would be done; needs no rights

PYTHON=python3.12 systemd/install.sh … takes another Python (3.11 or newer).
TEXT
}

say() { printf '%s\n' "$*"; }
note() { NOTES+=("$*"); }
die() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# Run a command that changes something, or only print it.
change() {
    if [[ -n $DRY ]]; then
        say "would run:$(printf ' %q' "$@")"
    else
        "$@"
    fi
}

# Put text from stdin into a file of mode 644, or only say so.
write() {
    if [[ -n $DRY ]]; then
        cat >/dev/null
        say "would write: $1"
    else
        install -D -m 644 /dev/stdin "$1"
    fi
}

parse() {
    while (($#)); do
        case $1 in
        --dry-run) DRY=1 ;;
        --upgrade | --rollback | --uninstall)
            [[ $ACTION == install ]] || die "$1 and --$ACTION exclude each other"
            ACTION=${1#--}
            ;;
        --purge) PURGE=1 ;;
        --gpu) GPU=1 ;;
        --system-packages) SYSTEM_PACKAGES=1 ;;
        --spool | --extras)
            (($# > 1)) || die "$1 needs a value"
            if [[ $1 == --spool ]]; then SPOOL=$2; else EXTRAS=$2; fi
            shift
            ;;
        --spool=*) SPOOL=${1#*=} ;;
        --extras=*) EXTRAS=${1#*=} ;;
        -h | --help)
            usage
            exit
            ;;
        *) die "unknown option $1 (--help lists them)" ;;
        esac
        shift
    done
    local extra
    for extra in ${EXTRAS//,/ }; do
        [[ " ${ALL_EXTRAS[*]} " == *" $extra "* ]] || die "--extras $extra: there are ${ALL_EXTRAS[*]}"
    done
    [[ -z $PURGE || $ACTION == uninstall ]] || die '--purge is for --uninstall'
    [[ -z $SPOOL || $ACTION == install ]] || die '--spool is for an installation; change the' \
        "setting in $CONFIG and run systemd/install.sh again"
}

require() {
    [[ -n $DRY || $EUID -eq 0 ]] || die 'run it as root (--dry-run needs no rights)'
    local program
    for program in systemctl systemd-sysusers systemd-tmpfiles runuser sha256sum; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || die "$program is missing"
    done
}

# Choose a Python that the service can use: the one that $PYTHON names, or the first of the usual.
choose_python() {
    local each problem='' passed=''
    for each in ${PYTHON:-python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11}; do
        problem=$(python_problem "$each")
        if [[ -z $problem ]]; then
            PYTHON=$each
            [[ -z $passed || -n $DRY ]] || say "$each is used instead"
            return
        fi
        passed=1
        [[ -n $DRY ]] || say "$problem"
    done
    die 'there is no Python 3.11 or newer that the service can use (Debian: apt install python3' \
        'python3-venv); name one: PYTHON=/usr/bin/python3.12 systemd/install.sh'
}

# Say what keeps the service from using a Python; nothing where nothing does.
python_problem() {
    local prefix
    prefix=$("$1" -c 'import sys; print(sys.base_prefix if sys.version_info >= (3, 11) else "")' \
        2>/dev/null) || { say "there is no $1"; return; }
    [[ -n $prefix ]] || { say "$1 is older than 3.11"; return; }
    case $(readlink -m "$prefix")/ in
    /root/* | /home/*) say "$1 is in $prefix, which the service cannot see" ;;
    esac
}

# Refuse a spool that would not work or that the unit cannot name.
check_spool() {
    [[ $1 =~ ^(/[[:alnum:]_@+][[:alnum:]._@+-]*)+/?$ ]] ||
        die "--spool $1: must be an absolute path of letters, digits and . _ @ + -, such as /srv/heygem"
    case $(readlink -m "$1")/ in
    /home/* | /root/* | /tmp/* | /var/tmp/* | /run/user/*)
        die "--spool $1: the service cannot see that folder; choose one such as /srv/heygem" ;;
    /etc/* | /usr/* | /opt/heygem-daemon/* | /dev/* | /proc/* | /sys/* | /boot/*)
        die "--spool $1: that folder belongs to the system; choose one such as /srv/heygem" ;;
    esac
    if [[ -d $1 && ! -d $1/.state && -n $(ls -A "$1" 2>/dev/null) ]]; then
        die "--spool $1: holds files and is no spool; choose an empty or a new folder"
    fi
}

# Print the name of this checkout's version: it changes with any file of it.
release_name() {
    local version digest
    version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$SOURCE/heygem_daemon/__init__.py")
    digest=$(cd "$SOURCE" && find heygem_daemon weights systemd docs tools constraints.txt config.toml \
        pyproject.toml setup.py -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z |
        xargs -0 sha256sum | sha256sum)
    say "$version-${digest:0:8}"
}

# Make the environment of a release, if it is not complete.
build() {
    local release=$1 options=(--service)
    [[ -z $EXTRAS ]] || options+=(--extras "$EXTRAS")
    [[ -z $SYSTEM_PACKAGES ]] || options+=(--system-packages)
    [[ -z $GPU ]] || options+=(--cuda)
    change install -d -m 755 "$APP" "$APP/releases"
    change "$PYTHON" "$SOURCE/tools/install.py" "$release" "${options[@]}"
    change rm -f "$release.lock"
}

# Make a release the one that the service runs.
activate() {
    local release=$1 from to
    change ln -sfnT "$release" "$APP/current"
    while IFS=$'\t' read -r from to; do
        [[ -z $DRY && ! -e $from ]] || put "$from" "$to"
    done < <(places "$release")
    if [[ -e $COMMAND && ! -L $COMMAND ]]; then
        note "$COMMAND is another program and stays; the command is $APP/current/bin/heygem-daemon"
    else
        change install -d "${COMMAND%/*}"
        change ln -sfnT "$APP/current/bin/heygem-daemon" "$COMMAND"
    fi
    change systemctl daemon-reload || note 'systemd does not run here'
}

make_user_and_folders() {
    change systemd-sysusers /etc/sysusers.d/heygem-daemon.conf
    change systemd-tmpfiles --create /etc/tmpfiles.d/heygem-daemon.conf
}

make_spool() {
    if [[ $SPOOL != "$STATE"/* ]]; then
        write "$DROPINS/spool.conf" <<TEXT
# The spool, which the service may write to. install.sh keeps it equal to the configuration.
[Service]
ReadWritePaths=-$SPOOL
TEXT
        write "$NOTIFY_DROPINS/spool.conf" <<TEXT
# The spool, which the process that sends notifications may not see.
[Service]
InaccessiblePaths=-$SPOOL
TEXT
    fi
    # Mode 2755: only the daemon's user writes in it, and what is in it belongs to its group.
    [[ -d $SPOOL ]] || change install -d -o heygem -g heygem -m 2755 "$SPOOL"
    [[ -d $SPOOL/.state ]] || change chown heygem:heygem "$SPOOL"
}

# Ask a release whether it accepts the configuration, as the service's user.
accepts_configuration() {
    [[ -n $DRY ]] || (cd / && runuser -u heygem -- "$1/bin/heygem-daemon" config check)
}

# Start the service with the release that is active now. Fails where it does not become ready.
start() {
    change systemctl --quiet enable "$UNIT"
    [[ -d /run/systemd/system ]] || {
        note "systemd does not run here; the service starts at the next boot"
        return 0
    }
    change systemctl restart "$UNIT"
}

# Delete the environments of versions that are neither active nor the one before.
prune() {
    local each
    for each in "$APP"/releases/*; do
        [[ ! -d $each || $each == "$(readlink -f "$APP/current")" ]] && continue
        [[ $each == "$(readlink -f "$APP/previous")" ]] || change rm -rf "$each"
    done
}

is_active() { systemctl --quiet is-active "$UNIT" 2>/dev/null; }

install_release() {
    local release before
    before=$(readlink -f "$APP/current" 2>/dev/null || true)
    [[ $ACTION != upgrade || -d $before ]] || die 'nothing is installed here; run it without --upgrade'
    choose_python
    local configured
    configured=$(setting spool)
    SPOOL=${SPOOL:-${configured:-$STATE/spool}}
    SPOOL=${SPOOL%/}
    check_spool "$SPOOL"
    release=$APP/releases/$(release_name)
    build "$release"
    if [[ -d $before && $before != "$release" ]]; then
        accepts_configuration "$release" ||
            die "this version does not accept $CONFIG; correct it first. The version before still runs"
    fi
    activate "$release"
    make_user_and_folders
    write_configuration "$release"
    make_spool
    change systemctl daemon-reload || true
    write_samba_file
    accepts_configuration "$release" || die "correct $CONFIG, then run this again"
    if [[ $before == "$release" && -z $CHANGED && -z $DRY ]] && is_active; then
        prune
        say "$(basename "$release") is installed and runs; nothing to do"
        return
    elif ! start; then
        systemctl --no-pager --lines=20 status "$UNIT" || true
        [[ -d $before && $before != "$release" ]] ||
            die 'the service does not start; the lines above say why. Mend it, then run this again'
        activate "$before"
        start || die "neither this version nor the one before starts"
        die "this version does not start; $(basename "$before") runs again"
    fi
    if [[ -d $before && $before != "$release" ]]; then
        change ln -sfnT "$before" "$APP/previous"
        show_new_keys "$release" "$before"
    fi
    prune
    say "$(basename "$release") ${WILL}installed; spool $SPOOL, configuration $CONFIG"
    [[ -n $DRY || -d $before ]] || say_next
}

# Say what whoever installs it for the first time does next.
say_next() {
    cat <<TEXT
next: put a sound and a video of the same name into $SPOOL/inbox; the result comes to $SPOOL/outbox
      heygem-daemon status                       says what it does
      runuser -u heygem -- heygem-daemon doctor  says what this machine lacks
      journalctl -u heygem-daemon                has its log
      systemctl reload heygem-daemon             follows a change of $CONFIG
TEXT
}

rollback() {
    local now before
    now=$(readlink -f "$APP/current" || true)
    before=$(readlink -f "$APP/previous" || true)
    [[ -d $before && $before != "$now" ]] || die 'there is no version before'
    accepts_configuration "$before" || die "that version does not accept $CONFIG; correct it first"
    activate "$before"
    change ln -sfnT "$now" "$APP/previous"
    start || die 'the service does not start'
    say "$(basename "$before") runs again"
}

main() {
    parse "$@"
    require
    [[ -z $DRY ]] || WILL='would be '
    case $ACTION in
    rollback) rollback ;;
    uninstall) uninstall ;;
    *) install_release ;;
    esac
    local line
    for line in "${NOTES[@]}"; do
        say "note: $line"
    done
}

main "$@"
