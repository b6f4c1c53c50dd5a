# fish completion for busyctl

set -l verbs status watch why history busy free auto pause resume run ignore allow is-busy sources accounts login logout verify doctor cure reload help
set -l printing status watch why history ignore sources accounts login doctor

# Names that a running busyd knows: VERB KEY.
function __busyctl_names
    busyctl -j $argv[1] 2>/dev/null | string match -rg '^    "'$argv[2]'": "(.*)",$'
end

# The words of the command that run is to run, without the one that is being typed; fails where there is none yet.
function __busyctl_command
    set -l words (commandline -opc)
    set -l run (contains -i -- run $words); or return
    set -e words[1..$run]
    while set -q words[1]
        switch $words[1]
            case --app --reason
                set -q words[2]; or return 1
                set -e words[1..2]
            case --
                set -e words[1]
                break
            case '-*'
                set -e words[1]
            case '*'
                break
        end
    end
    set -q words[1]; and printf '%s\n' $words
    return 0
end

function __busyctl_complete_command
    set -l words (__busyctl_command); or return
    set -q words[1]; or not string match -q -- '-*' (commandline -ct); or return
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end

complete -c busyctl -f
complete -c busyctl -s h -l help -d 'Show help'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -l version -d 'Show the version'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs; or __fish_seen_subcommand_from $printing" -s j -l json -d 'Print JSON'

complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a status -d 'Show what busyd says of you and what each account shows'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a watch -d 'Print a line for every change'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a why -d 'Show the evidence, and what comes back afterwards'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a history -d 'Show the last changes, the newest first'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a busy -d 'Be busy, call or no call'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a free -d 'Be free, also in a call'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a auto -d 'Let the calls decide again'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a pause -d 'Go on watching, but write nothing anywhere'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a resume -d 'End a pause'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a run -d 'Be busy while a command runs'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a ignore -d 'Do not count calls of an application'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a allow -d 'Count them again'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a is-busy -d 'Tell by the exit code'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a sources -d 'List where calls are looked for'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a accounts -d 'List the Matrix accounts'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a login -d 'Log in to a Matrix account'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a logout -d 'Log out of a Matrix account and forget it'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a verify -d 'Verify the session, so that calls in encrypted rooms are seen'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a doctor -d 'Examine the set-up, and say what to do'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a cure -d 'Set up what takes back a busy that your other clients keep'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a reload -d 'Read the configuration again'
complete -c busyctl -n "not __fish_seen_subcommand_from $verbs" -a help -d 'Show what a command takes'
complete -c busyctl -n '__fish_seen_subcommand_from help' -a "$verbs"

complete -c busyctl -n '__fish_seen_subcommand_from watch' -l waybar -d 'Lines for waybar'
complete -c busyctl -n '__fish_seen_subcommand_from status why sources' -s v -l verbose -d 'Also by what it was told, and what was looked at'
complete -c busyctl -n '__fish_seen_subcommand_from doctor' -s v -l verbose -d 'A line for each source'
complete -c busyctl -n '__fish_seen_subcommand_from doctor' -l probe -d 'Be busy for a moment and see whether that shows'
complete -c busyctl -n '__fish_seen_subcommand_from history' -s n -l lines -x -d 'How many'
complete -c busyctl -n '__fish_seen_subcommand_from busy free pause' -l for -x -a '5min 15min 30min 1h 2h' -d 'How long'
complete -c busyctl -n '__fish_seen_subcommand_from busy free pause' -l until -x -d 'Until when'
complete -c busyctl -n '__fish_seen_subcommand_from busy' -s m -l message -x -d 'What to show'
complete -c busyctl -n '__fish_seen_subcommand_from free' -l until-call-ends -d 'Until the present calls have ended'
complete -c busyctl -n '__fish_seen_subcommand_from run' -l app -x -d 'Name of the application'
complete -c busyctl -n '__fish_seen_subcommand_from run' -l reason -x -d 'What it is for'
complete -c busyctl -n '__fish_seen_subcommand_from run' -a '(__busyctl_complete_command)'
complete -c busyctl -n '__fish_seen_subcommand_from ignore' -l once -d 'Only the calls of now'
complete -c busyctl -n '__fish_seen_subcommand_from ignore allow' -l source -x -a 'hold (__busyctl_names sources name)' -d 'Only of this source'
complete -c busyctl -n '__fish_seen_subcommand_from allow' -a '(__busyctl_names ignore app)' -d 'Application'
complete -c busyctl -n '__fish_seen_subcommand_from login' -l user -x -d 'Matrix ID'
complete -c busyctl -n '__fish_seen_subcommand_from login' -l homeserver -x -d 'Address of the homeserver'
complete -c busyctl -n '__fish_seen_subcommand_from login' -l with -x -a 'device browser password sso' -d 'Log in this way'
complete -c busyctl -n '__fish_seen_subcommand_from login' -l keep-in -x -a 'keyring file' -d 'Where the tokens are kept'
complete -c busyctl -n '__fish_seen_subcommand_from login' -l password-stdin -d 'Read the password from stdin'
complete -c busyctl -n '__fish_seen_subcommand_from login' -l token-stdin -d 'Read a login token from stdin'
complete -c busyctl -n '__fish_seen_subcommand_from login' -l access-token-stdin -d 'Read an access token from stdin'
complete -c busyctl -n '__fish_seen_subcommand_from logout' -l force -d 'Forget it whatever stays behind'
complete -c busyctl -n '__fish_seen_subcommand_from verify' -l recovery-key-file -r -F -d 'Read the recovery key there'
complete -c busyctl -n '__fish_seen_subcommand_from verify' -l emoji -d 'Compare emoji with another session'
complete -c busyctl -n '__fish_seen_subcommand_from cure; and not __fish_seen_subcommand_from print-registration remove' -a print-registration -d 'Print what the homeserver needs'
complete -c busyctl -n '__fish_seen_subcommand_from cure; and not __fish_seen_subcommand_from print-registration remove' -a remove -d 'Forget its token'
complete -c busyctl -n '__fish_seen_subcommand_from cure' -l force -d 'Make a new one'
complete -c busyctl -n '__fish_seen_subcommand_from login logout verify print-registration remove' -a '(__busyctl_names accounts name)' -d 'Account'
