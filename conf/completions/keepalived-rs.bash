# Completion of keepalived-rs keepalived for bash; made of the option table, see CONTRIBUTING.md.
_keepalived_rs() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    # bash takes `--option=value` for three words.
    [ "$previous" != = ] || previous=${COMP_WORDS[COMP_CWORD-2]}
    [ "$word" != = ] || { previous=${COMP_WORDS[COMP_CWORD-1]}; word=; }
    case $previous in
        -f|--use-file) COMPREPLY=($(compgen -f -- "$word")); return ;;
        -S|--log-facility) COMPREPLY=($(compgen -W 'local0 local1 local2 local3 local4 local5 local6 local7 user daemon' -- "$word")); return ;;
        -u|--umask) return ;;
        -p|--pid) COMPREPLY=($(compgen -f -- "$word")); return ;;
        -r|--vrrp_pid) COMPREPLY=($(compgen -f -- "$word")); return ;;
        -c|--checkers_pid) COMPREPLY=($(compgen -f -- "$word")); return ;;
        -b|--bfd_pid) COMPREPLY=($(compgen -f -- "$word")); return ;;
        -A|--snmp-agent-socket) return ;;
        -s|--namespace) COMPREPLY=($(compgen -W "$(ip netns list 2>/dev/null | cut -d' ' -f1)" -- "$word")); return ;;
        -i|--config-id) return ;;
        --signum) COMPREPLY=($(compgen -W 'STOP RELOAD DATA STATS STATS_CLEAR JSON UPGRADE' -- "$word")); return ;;
    esac
    COMPREPLY=($(compgen -W '-f --use-file -P --vrrp -C --check -B --no_bfd --all -l --log-console -D --log-detail -S --log-facility -G --no-syslog -g --log-file --flush-log-file -u --umask -X --release-vips -V --dont-release-vrrp -I --dont-release-ipvs -R --dont-respawn -n --dont-fork -d --dump-conf -p --pid -r --vrrp_pid -c --checkers_pid -b --bfd_pid -a --address-monitoring -x --snmp -A --snmp-agent-socket -s --namespace -m --core-dump -M --core-dump-pattern -e --all-config --any-interface -i --config-id --ignore-sigint --signum -t --config-test --plan -T --genhash -v --version -h --help' -- "$word"))
}
complete -F _keepalived_rs keepalived-rs keepalived
