# Prints what zsh offers after "heygem-daemon WORDS" and a tab: complete.zsh FOLDER WORDS, where
# FOLDER has the file _heygem-daemon. An interactive zsh in a pseudo-terminal completes the line.
zmodload zsh/zpty || exit 77
setup='
PROMPT= 
fpath=("'$1'" $fpath)
autoload -Uz compinit && compinit -D -u
bindkey "^I" complete-word
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    typeset -a hits
    builtin compadd -A hits "$@"
    local hit
    for hit in $hits; do print -r -- "hit:$hit"; done
    builtin compadd "$@"
}
done-now() { print "end:"; exit }
comppostfuncs=(done-now)
print ready:
'
zpty z zsh -f -i
zpty -w z "$setup"
while zpty -r z line && [[ $line != ready:* ]]; do :; done
zpty -n -w z "heygem-daemon $2"$'\t'
while zpty -r z line; do
    [[ $line == *hit:* ]] && print -r -- "${${line##*hit:}%%[[:cntrl:]]*}"
    [[ $line == *end:* ]] && break
done
