# bash completion for busyd

_busyd() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}

        # "--config=FILE" comes in three words.
        if [[ $cur == = ]]; then
                cur=''
        elif [[ $prev == = ]]; then
                prev=${COMP_WORDS[COMP_CWORD - 2]}
        fi
        case $prev in
        -l | --log-level) mapfile -t COMPREPLY < <(compgen -W 'error warning info debug' -- "$cur") ;;
        -s | --state-dir) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
        -c | --config | --check) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        esac
        [[ $cur != -* && ${#COMPREPLY[@]} -gt 0 ]] && return
        [[ $prev == -[lsc] || $prev == --log-level || $prev == --state-dir || $prev == --config ]] && return
        mapfile -t COMPREPLY < <(compgen -W '--config --state-dir --log-level --check --help --version' -- "$cur")
}

complete -o filenames -F _busyd busyd
