# bash completion for busyctl

# Names that a running busyd knows: VERB KEY.
_busyctl_names() {
        busyctl -j "$1" 2>/dev/null | sed -n 's/^    "'"$2"'": "\(.*\)",$/\1/p'
}

_busyctl() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb='' i
        local verbs='status watch why history busy free auto pause resume run ignore allow is-busy sources accounts login logout verify doctor cure reload help'
        local options='--help --json'

        # "--with=p" comes in three words.
        if [[ $cur == = ]]; then
                cur=''
        elif [[ $prev == = ]]; then
                prev=${COMP_WORDS[COMP_CWORD - 2]}
        fi

        for ((i = 1; i < COMP_CWORD; i++)); do
                if [[ ${COMP_WORDS[i]} != -* ]]; then
                        verb=${COMP_WORDS[i]}
                        break
                fi
        done

        if [[ $verb == run ]]; then
                # The command and its arguments are completed as if they stood alone.
                local n=$((i + 1))
                while ((n < COMP_CWORD)); do
                        case ${COMP_WORDS[n]} in
                        --app | --reason)
                                [[ ${COMP_WORDS[n + 1]} == = ]] && ((n++))
                                ((n += 2))
                                ;;
                        --) ((n++)); break ;;
                        -*) ((n++)) ;;
                        *) break ;;
                        esac
                done
                if ((n < COMP_CWORD)) || [[ $cur != -* && $prev != --app && $prev != --reason ]]; then
                        if declare -F _command_offset >/dev/null; then
                                _command_offset "$n"
                        elif ((n == COMP_CWORD)); then
                                mapfile -t COMPREPLY < <(compgen -c -- "$cur")
                        fi
                        return
                fi
        fi

        case $prev in
        --for)
                mapfile -t COMPREPLY < <(compgen -W '5min 15min 30min 1h 2h' -- "$cur")
                return
                ;;
        --source)
                mapfile -t COMPREPLY < <(compgen -W "hold $(_busyctl_names sources name)" -- "$cur")
                return
                ;;
        --with)
                mapfile -t COMPREPLY < <(compgen -W 'device browser password sso' -- "$cur")
                return
                ;;
        --keep-in)
                mapfile -t COMPREPLY < <(compgen -W 'keyring file' -- "$cur")
                return
                ;;
        --recovery-key-file)
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                return
                ;;
        --until | -m | --message | -n | --lines | --app | --reason | --user | --homeserver) return ;;
        esac

        case $verb in
        '') options="$verbs $options --version" ;;
        watch) options+=' --waybar' ;;
        status | why | sources) options+=' --verbose' ;;
        history) options+=' --lines' ;;
        doctor) options+=' --verbose --probe' ;;
        busy) options+=' --for --until --message' ;;
        free) options+=' --for --until --until-call-ends' ;;
        pause) options+=' --for --until' ;;
        run) options+=' --app --reason' ;;
        ignore) options+=' --once --source' ;;
        allow) options+=" --source $(_busyctl_names ignore app)" ;;
        login) options+=" --user --homeserver --with --keep-in --password-stdin --token-stdin --access-token-stdin $(_busyctl_names accounts name)" ;;
        logout) options+=" --force $(_busyctl_names accounts name)" ;;
        verify) options+=" --recovery-key-file --emoji $(_busyctl_names accounts name)" ;;
        help) options=$verbs ;;
        cure)
                options+=' --force'
                case " ${COMP_WORDS[*]:i+1:COMP_CWORD-i-1} " in
                *' print-registration '* | *' remove '*) options+=" $(_busyctl_names accounts name)" ;;
                *) options+=' print-registration remove' ;;
                esac
                ;;
        esac
        case $verb in
        busy | free | auto | pause | resume | run | allow | is-busy | logout | cure | reload) options=${options/--json/} ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

complete -F _busyctl busyctl
