# procore-login: completion for bash (4.4 or newer)
_procore_login_completion() {
    local line=${COMP_LINE:0:COMP_POINT} type value before
    # bash ends a word at @, = and : too, and replaces only what it takes for the word.
    before=${line##*[[:space:]]}
    [[ $before == -*=* ]] && before=${before#*=}
    before=${before%"$2"}
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            plain) COMPREPLY+=("${value#"$before"}") ;;
            file) compopt -o default ;;
        esac
    done < <(env _PROCORE_LOGIN_COMPLETE=bash_complete COMP_WORDS="$line" "${1/#\~\//$HOME/}" 2>/dev/null)
}
complete -o nosort -F _procore_login_completion procore-login
