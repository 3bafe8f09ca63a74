# procore-login: completion for fish (3.0 or newer)
function __procore_login_completion
    set -l program (string replace -r '^~/' "$HOME/" -- (commandline -opc)[1])
    set -l word (commandline -ct)
    set -l line (commandline -cp | string join ' ')
    # fish replaces the whole word, the option's name too.
    set -l option (string match -r -- '^-[^=]*=' $word)
    for answer in (env _PROCORE_LOGIN_COMPLETE=fish_complete "COMP_WORDS=$line" "COMP_CWORD=$word" \
        $program 2>/dev/null)
        set -l parts (string split -m 1 , -- $answer)
        switch $parts[1]
            case plain
                printf '%s\n' "$option$parts[2]"
            case file
                __fish_complete_path $word
        end
    end
end
complete --command procore-login --no-files --keep-order --arguments '(__procore_login_completion)'
