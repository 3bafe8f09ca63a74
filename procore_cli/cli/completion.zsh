#compdef procore-login
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
