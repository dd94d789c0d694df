# shellcheck shell=bash
# A part of install.sh: the configuration, and the file for Samba that follows from it.
# Its names in capitals, and say, note, die, change and write are install.sh's.
# shellcheck disable=SC2154,SC2034

# Print the value of a key of the configuration; nothing where it is not set.
setting() {
    [[ -r $CONFIG ]] || return 0
    sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\"\([^\"]*\)\".*/\1/p" "$CONFIG" | tail -n 1
}

set_setting() {
    if grep -q "^[[:space:]]*$1[[:space:]]*=" "$CONFIG"; then
        sed -i "s#^[[:space:]]*$1[[:space:]]*=.*#$1 = \"$2\"#" "$CONFIG"
    else
        sed -i "1i $1 = \"$2\"" "$CONFIG"
    fi
}

write_configuration() {
    local template=$1/share/heygem-daemon/config.toml
    if [[ -n $DRY ]]; then
        if [[ -e $CONFIG ]]; then say "would keep: $CONFIG"; else say "would write: $CONFIG"; fi
        return
    fi
    if [[ ! -e $CONFIG ]]; then
        install -D -m 644 "$template" "$CONFIG"
        set_setting log_folder "$LOGS"
        set_setting spool "$SPOOL"
    elif [[ $(setting spool) != "$SPOOL" ]]; then
        set_setting spool "$SPOOL"
    fi
}

keys() { sed -n 's/^#\{0,1\}[[:space:]]*\([a-z][a-z0-9_]*\)[[:space:]]*=.*/\1/p' "$@" | sort -u; }

# Show the settings that this version has and the one before did not have.
show_new_keys() {
    local now=$1/share/heygem-daemon/config.toml before=$2/share/heygem-daemon/config.toml key
    [[ -r $now && -r $before ]] || return 0
    while read -r key; do
        note "new setting: $(grep -m 1 "^$key = " "$now" || say "$key")   ($APP/current/share/heygem-daemon/config.toml explains it)"
    done < <(comm -23 <(keys "$now") <(keys "$before" "$CONFIG"))
}

# The shares of the example, for the spool; to be included in smb.conf, which stays as it is.
write_samba_file() {
    [[ -d /etc/samba ]] || return 0
    local text
    text=$(mktemp)
    {
        say '# Shares of heygem-daemon. To use them, add this line to the end of /etc/samba/smb.conf:'
        say "#    include = $SAMBA"
        sed -n '/^\[inbox\]/,$p' "$SOURCE/docs/samba/smb.conf" | sed "s#/srv/heygem\b#${SPOOL%/}#"
    } >"$text"
    put "$text" "$SAMBA"
    rm -f "$text"
    if ! grep -qs "^[[:space:]]*include[[:space:]]*=[[:space:]]*$SAMBA" /etc/samba/smb.conf; then
        note "to share the spool, add to /etc/samba/smb.conf: include = $SAMBA"
    fi
}
