# fish completion for busyd

complete -c busyd -f
complete -c busyd -s c -l config -rF -d 'Read this file instead of the usual ones'
complete -c busyd -s s -l state-dir -x -a '(__fish_complete_directories)' -d 'Keep state there'
complete -c busyd -s l -l log-level -x -a 'error warning info debug' -d 'What is logged'
complete -c busyd -l check -d 'Say what is wrong with the configuration'
complete -c busyd -n '__fish_contains_opt check' -F
complete -c busyd -s h -l help -d 'Show help'
complete -c busyd -l version -d 'Show the version'
