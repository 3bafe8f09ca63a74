"""What `completion SHELL` prints: each asks the program itself, and reads its answer as words alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# macOS ships bash 3.2, which lacks compopt and -o nosort.
_BASH: Final = r"""# procore-login: completion for bash (3.2 or newer)
_procore_login_completion() {
    local type value files=
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            plain) COMPREPLY+=("$value") ;;
            file) files=yes ;;
        esac
    done <<< "$(env _PROCORE_LOGIN_COMPLETE=bash_complete _PROCORE_LOGIN_WORD="$2" \
        COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_CWORD="$COMP_CWORD" \
        "${1/#\~\//$HOME/}" 2>/dev/null)"
    if [[ -n $files ]]; then
        compopt -o default 2>/dev/null || while read -r value; do
            [[ -n $value ]] && COMPREPLY+=("$value")
        done <<< "$(compgen -f -- "$2")"
    fi
    return 0
}
complete -o nosort -F _procore_login_completion procore-login 2>/dev/null ||
    complete -F _procore_login_completion procore-login
"""

_ZSH: Final = r"""#compdef procore-login
# procore-login: completion for zsh
_procore_login_completion() {
    local program type value about
    local -a answer words_alone explained
    program=${(Q)words[1]}
    program=${program/#\~\//$HOME/}
    answer=("${(@f)$(env _PROCORE_LOGIN_COMPLETE=zsh_complete COMP_WORDS="${words[1,CURRENT-1]} $PREFIX" \
        COMP_CWORD=$((CURRENT-1)) "$program" 2>/dev/null)}")
    [[ $PREFIX == --*=* ]] && compset -P 1 '*='
    for type value about in "${answer[@]}"; do
        case $type in
            plain)
                if [[ $about == _ ]]; then words_alone+=("$value"); else explained+=("$value:$about"); fi ;;
            file) _files ;;
        esac
    done
    (( $#explained )) && _describe -V 'procore-login' explained
    (( $#words_alone )) && compadd -V words -a words_alone
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _procore_login_completion "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _procore_login_completion procore-login
fi
"""

_FISH: Final = r"""# procore-login: completion for fish (3.0 or newer)
function __procore_login_completion
    set -l program (string replace -r '^~/' "$HOME/" -- (commandline -opc)[1])
    set -l word (commandline -ct)
    set -l line (commandline -cp | string join ' ')
    for answer in (env _PROCORE_LOGIN_COMPLETE=fish_complete "COMP_WORDS=$line" "COMP_CWORD=$word" \
        $program 2>/dev/null)
        set -l parts (string split -m 1 , -- $answer)
        switch $parts[1]
            case plain
                printf '%s\n' $parts[2]
            case file
                __fish_complete_path $word
        end
    end
end
complete --command procore-login --no-files --keep-order --arguments '(__procore_login_completion)'
"""

SCRIPTS: Final[Mapping[str, str]] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
