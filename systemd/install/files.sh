# shellcheck shell=bash
# A part of install.sh: files of the release that have a place in the system.
# Its names in capitals, and say, note, die, change and write are install.sh's.
# shellcheck disable=SC2154,SC2034

# Copy a file to its place, but not over what an administrator changed.
put() {
    local from=$1 to=$2 known
    if [[ -n $DRY ]]; then
        say "would write: $to"
        return
    fi
    if [[ -e $to ]] && ! cmp -s "$from" "$to"; then
        known=$(sha256sum "$to")
        if ! grep -qxF "$known" "$RECORD" 2>/dev/null; then
            install -m 644 "$from" "$to.new"
            note "$to was changed here and stays; this version's is $to.new"
            return
        fi
    fi
    if ! cmp -s "$from" "$to"; then
        install -D -m 644 "$from" "$to"
        CHANGED=1
    fi
    rm -f "$to.new"
    remember "$to"
}

# Record a file as ours, with its content.
remember() {
    touch "$RECORD"
    local others
    others=$(grep -vF "  $1" "$RECORD" || true)
    { [[ -z $others ]] || say "$others"; sha256sum "$1"; } >"$RECORD.tmp"
    mv "$RECORD.tmp" "$RECORD"
}

# Print each file of a release's share/ that has a place in the system, and that place.
places() {
    local share=$1/share each
    for each in "$UNIT" "${SOCKETS[@]}" heygem-daemon-notify@.service; do
        printf '%s\t%s\n' "$share/heygem-daemon/systemd/$each" "$UNITS/$each"
    done
    printf '%s\t%s\n' \
        "$share/heygem-daemon/systemd/heygem-daemon.sysusers" /etc/sysusers.d/heygem-daemon.conf \
        "$share/heygem-daemon/systemd/heygem-daemon.tmpfiles" /etc/tmpfiles.d/heygem-daemon.conf \
        "$share/man/man1/heygem-daemon.1" /usr/local/share/man/man1/heygem-daemon.1 \
        "$share/bash-completion/completions/heygem-daemon" \
        /usr/local/share/bash-completion/completions/heygem-daemon \
        "$share/zsh/site-functions/_heygem-daemon" \
        /usr/local/share/zsh/site-functions/_heygem-daemon \
        "$share/fish/vendor_completions.d/heygem-daemon.fish" \
        /usr/local/share/fish/vendor_completions.d/heygem-daemon.fish
    if has_gpu; then
        printf '%s\t%s\n' "$share/heygem-daemon/systemd/heygem-daemon-gpu.conf" \
            "$DROPINS/heygem-daemon-gpu.conf"
    fi
}

has_gpu() {
    [[ -n $GPU || -e /proc/driver/nvidia/version || -e $DROPINS/heygem-daemon-gpu.conf ]]
}
