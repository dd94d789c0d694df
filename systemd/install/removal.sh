# shellcheck shell=bash
# A part of install.sh: removing the program, and what it and its users made.
# Its names in capitals, and say, note, die, change and write are install.sh's.
# shellcheck disable=SC2154,SC2034

# The drop-ins that this script writes, and those that commands of config check and doctor write.
readonly SUGGESTED_DROPINS=(spool.conf network.conf log-folder.conf on-published-folders.conf port.conf)

uninstall() {
    [[ -e $RECORD || -e $APP || -n $PURGE ]] || die 'nothing is installed here'
    local spool file kept=()
    spool=$(setting spool)
    spool=${spool:-$STATE/spool}
    note_drop_ins
    for file in "${SOCKETS[@]}" "$UNIT"; do
        change systemctl --quiet disable --now "$file" 2>/dev/null || true
    done
    while read -r file; do
        [[ -e $file ]] || continue
        change rm -f "$file" "$file.new"
        # The folder, too, if this was all that was in it.
        change rmdir --parents --ignore-fail-on-non-empty "${file%/*}"
    done < <([[ -r $RECORD ]] && sed 's/^[0-9a-f]*  //' "$RECORD")
    for file in "$DROPINS" "$NOTIFY_DROPINS" "$UNITS/heygem-daemon-metrics.socket.d"; do
        change rm -f "${SUGGESTED_DROPINS[@]/#/$file/}"
        [[ ! -d $file ]] || change rmdir --ignore-fail-on-non-empty "$file"
    done
    if [[ $(readlink "$COMMAND") == "$APP/current/bin/heygem-daemon" ]]; then
        change rm -f "$COMMAND"
    fi
    change rm -rf "$APP/releases" "$APP/current" "$APP/previous" "$RECORD" "$CACHE"
    [[ ! -d $APP ]] || change rmdir --ignore-fail-on-non-empty "$APP"
    change systemctl daemon-reload || true
    if [[ -n $PURGE ]]; then
        purge "$spool"
    else
        for file in "$spool" "${CONFIG%/*}" "$STATE" "$LOGS"; do
            [[ ! -e $file ]] || kept+=("$file,")
        done
        note "these stay: ${kept[*]} and the user heygem (--uninstall --purge removes them)"
    fi
    say "heygem-daemon ${WILL}removed"
}

# Name the drop-ins of the units that were written by hand. They stay, and would count again after the
# next installation.
note_drop_ins() {
    local each own=()
    for each in "$UNITS"/heygem-daemon*.d/*; do
        [[ -e $each && " ${SUGGESTED_DROPINS[*]} " != *" ${each##*/} "* ]] || continue
        if [[ ! -r $RECORD ]] || ! grep -qxE "[0-9a-f]*  ${each//./\\.}(\.new)?" "$RECORD"; then
            own+=("$each")
        fi
    done
    ((${#own[@]} == 0)) || note "drop-ins that were written by hand stay: rm ${own[*]@Q} deletes them"
}

# Delete what the daemon and its users made. Of the spool only the daemon's own folders.
purge() {
    local each
    for each in "${SPOOL_ENTRIES[@]}"; do
        change rm -rf "${1:?}/$each"
    done
    [[ ! -d $1 ]] || change rmdir --ignore-fail-on-non-empty "$1"
    [[ ! -d $1 ]] || note "$1 holds files that are not the daemon's, and stays"
    change rm -rf "$STATE" "$LOGS" "${CONFIG%/*}"
    if getent passwd heygem >/dev/null; then
        change userdel heygem
    fi
}
