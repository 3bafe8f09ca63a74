"""The answer to a shell that asks how a word may go on; says nothing at all where something is wrong.

Built on click's own shell completion; the scripts are ours, because click's bash script does not know `@`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    split_arg_string,
)

if TYPE_CHECKING:
    import click


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


# What bash takes for the word, which it ends at `@`, `=` and `:` too.
_BASH_WORD = "_PROCORE_LOGIN_WORD"
_PROGRAM = "procore-login"


def answer(group: click.Group, instruction: str, variable: str) -> None:
    """Print what `variable` asks for: SHELL_complete, or SHELL_source. Raises nothing."""
    shell, _, action = instruction.partition("_")
    kind = _SHELLS.get(shell)
    if kind is None:
        return
    try:
        complete = kind(group, {}, _PROGRAM, variable)
        text = complete.source() if action == "source" else complete.complete()
        # As bytes: Windows would write two characters for each line break.
        sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
        sys.stdout.flush()
    except Exception:  # noqa: BLE001, S110 - a message would land in the middle of what somebody types
        pass


class _Bash(BashComplete):
    """Completes the whole word, and gives back what bash takes for its end."""

    _cut = 0

    def source(self) -> str:
        """The script."""
        return SCRIPTS["bash"]

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one to complete, and that."""
        if _BASH_WORD not in os.environ:
            return super().get_completion_args()
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        incomplete = "" if line[-1:].isspace() or not words else words.pop()
        value = _value_of(incomplete)
        self._cut = max(0, len(value) - len(os.environ[_BASH_WORD].removeprefix("=")))
        return words, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """A line for the script."""
        return f"{item.type},{item.value[self._cut :]}" if item.type == "plain" else f"{item.type},"


class _Zsh(ZshComplete):
    """As click's, with our script."""

    def source(self) -> str:
        """The script."""
        return SCRIPTS["zsh"]


class _Fish(FishComplete):
    """As click's; fish replaces the whole word, the option's name too."""

    _before = ""

    def source(self) -> str:
        """The script."""
        return SCRIPTS["fish"]

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one to complete, and that."""
        args, incomplete = super().get_completion_args()
        self._before = incomplete.removesuffix(_value_of(incomplete))
        return args, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """A line for the script."""
        whole = CompletionItem(self._before + item.value, item.type, item.help)
        return super().format_completion(whole)


_SHELLS: Mapping[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def _value_of(word: str) -> str:
    """What of `--option=value` is completed."""
    return word.partition("=")[2] if word.startswith("-") and "=" in word else word
