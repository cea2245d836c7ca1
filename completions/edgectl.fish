# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_edgectl_global_optspecs
    string join \n format= q/quiet v/verbose h/help V/version
end

function __fish_edgectl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_edgectl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_edgectl_using_subcommand
    set -l cmd (__fish_edgectl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c edgectl -n "__fish_edgectl_needs_command" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_needs_command" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_needs_command" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_needs_command" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_needs_command" -s V -l version -d 'Print version'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "bench" -d 'Say what models cost: time, memory, energy, on devices or on this machine'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "deploy" -d 'Bring a bundle to devices and prove it there'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "distill" -d 'Train a small model to do what a large one does'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "finetune" -d 'Train a model further: one that was pruned, that drifted, or that shall become int8'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "inspect" -d 'Show a model\'s operators, their cost, and whether it can be quantized; or what a bundle holds'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "keys" -d 'Generate and show the keys that sign bundles; sign and verify files'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "monitor" -d 'Show what a board says on its serial line: its log, and edgectl\'s frames in words'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "package" -d 'Put a program, its golden vectors and its evidence into a signed bundle'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "profiles" -d 'List, show and check device profiles'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "prune" -d 'Remove channels from a float model, or set weights to zero, and measure what that costs'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "quantize" -d 'Quantize a float model to int8 and measure what it costs'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "run" -d 'Run a model on every sample of a data set'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "verify" -d 'Check a bundle: signatures, expiry, rollback, and every byte of it'
complete -c edgectl -n "__fish_edgectl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l profile -d 'Devices: names (see `edgectl profiles list`), files, folders of files, or all' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l to -d 'Where the device is, for back end device: serial:PORT, which is lent the program for as long as it takes, or ssh://user@host' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l backend -d 'How times are found [default: device with --to, estimate with --profile, otherwise host]' -r -f -a "device\t''
emulator\t''
estimate\t''
host\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l kernels -d 'The kernel library that is assumed: a name of the profile\'s, or all [default: the profile\'s choice]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l max-latency-ms -d 'Time of an inference' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l max-ram-kib -d 'Arena, stack and, on Linux, the program' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l max-flash-kib -d 'Program, runtime and kernels' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l max-energy-uj -d 'Energy of an inference' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l every -d 'One inference every so often: 500ms, 5s, 2min, 1h' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l battery -d 'What the battery holds: 2000mAh (at 3.7 V), 2000mAh@3V or 7.4Wh' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l time -d 'How long is measured, per model and engine [default: 2s]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l runs -d 'How many runs are timed, instead of a time' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l warm-up -d 'The most that is spent on warming up [default: 1s]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l peers -d 'Engines to compare with; onnxruntime needs Python with that package ($EDGECTL_PYTHON or python3) [default: tract]' -r -f -a "tract\t'Float, in this binary'
onnxruntime\t'Float, and int8 as QDQ; where Python finds it'"
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l identity -d 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l known-hosts -d 'Known hosts, instead of ~/.ssh/known_hosts and the system\'s' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l ssh-config -d 'ssh\'s configuration [default: ~/.ssh/config]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l timeout -d 'How long to wait for any answer' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l save -d 'Keep the findings, for --baseline' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l baseline -d 'Compare with findings that were kept; exit with status 1 where one has become worse' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l tolerance -d 'Measured times that changed by less are the same, whatever their noise' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l report -d 'Write a page with charts, in one file' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -l accept-new -d 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused'
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgectl -n "__fish_edgectl_using_subcommand completions" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand completions" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand completions" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l key -d 'Trust this public key, or the one in this file' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l trust -d 'Trust whom this file names, for what it says' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l channel -d 'The channel that the bundle must be for' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l to -d 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l inventory -d 'A file with devices in groups (see the README)' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l group -d 'Only these groups of the inventory' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l tag -d 'Only devices with one of these tags' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l profile -d 'The device\'s profile, where the bundle has several for its architecture' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l service -d 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l identity -d 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l known-hosts -d 'Known hosts, instead of ~/.ssh/known_hosts and the system\'s' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l ssh-config -d 'ssh\'s configuration [default: ~/.ssh/config]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l timeout -d 'How long to wait for any answer' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l host-key -d 'The only host key that the device may have: SHA256:…' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l deadline -d 'How long a release may be on trial before the device takes it back by itself' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l passes -d 'How often in a row the service must be well' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l parallel -d 'How many devices at once [default: the inventory\'s, or 8]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l canary -d 'So many of the devices that are named with --to get the release first [default: 1]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l max-failures -d 'The share of a group that may fail, in percent; more stop the rollout at once [default: the inventory\'s, or 0]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l min-success -d 'The share of a group that must succeed before the next one begins, in percent [default: the inventory\'s, or 100]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l pause-after -d 'Stop after this group; the same command without this option goes on' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l journal -d 'Where this side writes down what it has done, to go on after an interruption [default, for several devices: the bundle\'s path with `.rollout.jsonl`]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l dry-run -d 'Show what would be done; no device is asked'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l accept-new -d 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -l allow-unverified -d 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -a "status" -d 'What devices run, and how they are'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -a "rollback" -d 'Go back to the release before the current one, with the same proof as a deployment'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -a "history" -d 'What became of deployments on devices'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and not __fish_seen_subcommand_from status rollback history help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l to -d 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l inventory -d 'A file with devices in groups (see the README)' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l group -d 'Only these groups of the inventory' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l tag -d 'Only devices with one of these tags' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l profile -d 'The device\'s profile, where the bundle has several for its architecture' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l service -d 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l identity -d 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l known-hosts -d 'Known hosts, instead of ~/.ssh/known_hosts and the system\'s' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l ssh-config -d 'ssh\'s configuration [default: ~/.ssh/config]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l timeout -d 'How long to wait for any answer' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l host-key -d 'The only host key that the device may have: SHA256:…' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l deadline -d 'How long a release may be on trial before the device takes it back by itself' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l passes -d 'How often in a row the service must be well' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l parallel -d 'How many devices at once [default: the inventory\'s, or 8]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l accept-new -d 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -l allow-unverified -d 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l to -d 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l inventory -d 'A file with devices in groups (see the README)' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l group -d 'Only these groups of the inventory' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l tag -d 'Only devices with one of these tags' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l profile -d 'The device\'s profile, where the bundle has several for its architecture' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l service -d 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l identity -d 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l known-hosts -d 'Known hosts, instead of ~/.ssh/known_hosts and the system\'s' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l ssh-config -d 'ssh\'s configuration [default: ~/.ssh/config]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l timeout -d 'How long to wait for any answer' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l host-key -d 'The only host key that the device may have: SHA256:…' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l deadline -d 'How long a release may be on trial before the device takes it back by itself' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l passes -d 'How often in a row the service must be well' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l parallel -d 'How many devices at once [default: the inventory\'s, or 8]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l accept-new -d 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -l allow-unverified -d 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from rollback" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l to -d 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l inventory -d 'A file with devices in groups (see the README)' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l group -d 'Only these groups of the inventory' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l tag -d 'Only devices with one of these tags' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l profile -d 'The device\'s profile, where the bundle has several for its architecture' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l service -d 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l identity -d 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l known-hosts -d 'Known hosts, instead of ~/.ssh/known_hosts and the system\'s' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l ssh-config -d 'ssh\'s configuration [default: ~/.ssh/config]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l timeout -d 'How long to wait for any answer' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l host-key -d 'The only host key that the device may have: SHA256:…' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l deadline -d 'How long a release may be on trial before the device takes it back by itself' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l passes -d 'How often in a row the service must be well' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l parallel -d 'How many devices at once [default: the inventory\'s, or 8]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l accept-new -d 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -l allow-unverified -d 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "status" -d 'What devices run, and how they are'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "rollback" -d 'Go back to the release before the current one, with the same proof as a deployment'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "history" -d 'What became of deployments on devices'
complete -c edgectl -n "__fish_edgectl_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l teacher -d 'The large model: .onnx, .tflite or .edgm' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l student -d 'The small model: .onnx, .tflite; a template such as ds-cnn:width=0.5 (autoencoder, ds-cnn, gru, mlp, mobilenet-v1, mobilenet-v2, resnet8, squeezenet, tcn); or auto, the widest template that --profile can run within the limits' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l data -d 'Samples to train on; labels are used where there are any' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l eval -d 'Samples on which the models are measured' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -s o -l output -d 'File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l template -d 'auto: the template [default: by the shape of the samples]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l profile -d 'auto: the device that must run it. Also says what the int8 programs cost there (see `edgectl bench`)' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l max-latency-ms -d 'auto: time of an inference' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l max-ram-kib -d 'auto: arena, stack and, on Linux, the program' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l max-flash-kib -d 'auto: program, runtime and kernels' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l samples -d 'Read at most the first so many training samples' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l limit -d 'Read at most the first so many evaluation samples' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l metric -d 'What is measured [default: top1, where there are labels and the only output is a list of classes]' -r -f -a "auc\t''
auc-reconstruction\t''
mse\t''
top1\t''
top5\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l loss -d 'What the model\'s own outputs are compared with [default: labels where there are any and the outputs are classes; the input, where the output has its shape]' -r -f -a "labels\t'Classes: cross-entropy, or the logistic loss of one output'
reconstruction\t'The input: squared error, for autoencoders'
teacher\t'Nothing but the teacher'"
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l label-smoothing -d 'The share of a label that goes to all classes alike' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l temperature -d 'Teacher: the greater, the more its small probabilities matter' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l teacher-weight -d 'Teacher: the weight of its outputs; the labels have the rest to 1' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l match-features -d 'Teacher: tensors of both models to be made alike, of one size' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l match-attention -d 'Teacher: tensors of both models that should be large in the same places, of one height and width' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l match-weight -d 'Teacher: the weight of each pair of tensors' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l epochs -d 'Times that all samples are seen [default: 10 for finetune, 30 for distill]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l batch -d 'Samples of a step' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l learning-rate -d 'The greatest learning rate [default: 0.0005 for finetune, 0.01 for distill]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l schedule -d 'How the learning rate goes on' -r -f -a "constant\t''
cosine\t''
one-cycle\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l warm-up -d 'Epochs in which the learning rate rises first; may be a fraction [default: 0 for finetune, 1 for distill]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l optimizer -d 'How gradients become steps' -r -f -a "adamw\t''
sgd\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l momentum -d 'sgd: what remains of the step before' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l weight-decay -d 'Decay of weights, at a learning rate of 1' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l clip-norm -d 'The greatest norm of all gradients together; 0 for no limit' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l augment -d 'Random changes of the training samples: flip, shift=PIXELS, cutout=PIXELS of images; time-shift=STEPS, time-mask=STEPS of windows with time on the last axis; noise=STD, scale=SHARE of either' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l validation -d 'The share of the training samples by which the best epoch is chosen; 0 to train on all and keep the last epoch' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l patience -d 'Stop after so many epochs without a better one' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l freeze -d 'Nodes whose weights stay as they are' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l seed -d 'Whence order, augmentation and first weights follow: the same seed gives the same bytes' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l checkpoint -d 'The state of training: kept after each epoch and on interrupt, and taken up again by the same command; goes when all is done [default: the first output with .checkpoint behind it]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l log -d 'Write loss and metric of each epoch, one JSON object a line' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l report -d 'Write the curves of training as a page to look at; nothing in it is loaded from elsewhere' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l scale -d 'Factor of the raw values, such as 1/255' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l mean -d 'Subtracted after scaling: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l std -d 'Divides after subtracting: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l resize -d 'Resize images, bilinear' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l layout -d 'Layout of the stored images' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l model-layout -d 'Layout of the model\'s input, where it is an image [default: nchw]' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l color -d 'Decode images to this colour model' -r -f -a "gray\t''
rgb\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l labels -d '.csv: the column of labels, by its name or its position from 1' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l csv-header -d '.csv: whether the first line names the columns' -r -f -a "true\t''
false\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l x-key -d '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input\'s name' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l y-key -d '.npz, .safetensors: the array of labels [default: y]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l reinitialize -d 'A student\'s file: begin with new random weights'
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l quantization-aware -d 'Train as int8 will compute, and learn the ranges of activations'
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l per-tensor -d 'Quantization-aware: one weight scale per layer, instead of one per output channel'
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -l freeze-statistics -d 'Keep the running statistics of batch normalization'
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand distill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l data -d 'Samples to train on, with labels where there are any' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l eval -d 'Samples on which the model is measured before and after' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -s o -l output -d 'File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l teacher -d 'A model to learn from beside the labels: .onnx, .tflite or .edgm' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l samples -d 'Read at most the first so many training samples' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l limit -d 'Read at most the first so many evaluation samples' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l metric -d 'What is measured [default: top1, where there are labels and the only output is a list of classes]' -r -f -a "auc\t''
auc-reconstruction\t''
mse\t''
top1\t''
top5\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l profile -d 'Also say what the int8 program costs on these devices (see `edgectl bench`)' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l loss -d 'What the model\'s own outputs are compared with [default: labels where there are any and the outputs are classes; the input, where the output has its shape]' -r -f -a "labels\t'Classes: cross-entropy, or the logistic loss of one output'
reconstruction\t'The input: squared error, for autoencoders'
teacher\t'Nothing but the teacher'"
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l label-smoothing -d 'The share of a label that goes to all classes alike' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l temperature -d 'Teacher: the greater, the more its small probabilities matter' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l teacher-weight -d 'Teacher: the weight of its outputs; the labels have the rest to 1' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l match-features -d 'Teacher: tensors of both models to be made alike, of one size' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l match-attention -d 'Teacher: tensors of both models that should be large in the same places, of one height and width' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l match-weight -d 'Teacher: the weight of each pair of tensors' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l epochs -d 'Times that all samples are seen [default: 10 for finetune, 30 for distill]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l batch -d 'Samples of a step' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l learning-rate -d 'The greatest learning rate [default: 0.0005 for finetune, 0.01 for distill]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l schedule -d 'How the learning rate goes on' -r -f -a "constant\t''
cosine\t''
one-cycle\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l warm-up -d 'Epochs in which the learning rate rises first; may be a fraction [default: 0 for finetune, 1 for distill]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l optimizer -d 'How gradients become steps' -r -f -a "adamw\t''
sgd\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l momentum -d 'sgd: what remains of the step before' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l weight-decay -d 'Decay of weights, at a learning rate of 1' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l clip-norm -d 'The greatest norm of all gradients together; 0 for no limit' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l augment -d 'Random changes of the training samples: flip, shift=PIXELS, cutout=PIXELS of images; time-shift=STEPS, time-mask=STEPS of windows with time on the last axis; noise=STD, scale=SHARE of either' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l validation -d 'The share of the training samples by which the best epoch is chosen; 0 to train on all and keep the last epoch' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l patience -d 'Stop after so many epochs without a better one' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l freeze -d 'Nodes whose weights stay as they are' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l seed -d 'Whence order, augmentation and first weights follow: the same seed gives the same bytes' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l checkpoint -d 'The state of training: kept after each epoch and on interrupt, and taken up again by the same command; goes when all is done [default: the first output with .checkpoint behind it]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l log -d 'Write loss and metric of each epoch, one JSON object a line' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l report -d 'Write the curves of training as a page to look at; nothing in it is loaded from elsewhere' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l scale -d 'Factor of the raw values, such as 1/255' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l mean -d 'Subtracted after scaling: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l std -d 'Divides after subtracting: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l resize -d 'Resize images, bilinear' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l layout -d 'Layout of the stored images' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l model-layout -d 'Layout of the model\'s input, where it is an image [default: nchw]' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l color -d 'Decode images to this colour model' -r -f -a "gray\t''
rgb\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l labels -d '.csv: the column of labels, by its name or its position from 1' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l csv-header -d '.csv: whether the first line names the columns' -r -f -a "true\t''
false\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l x-key -d '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input\'s name' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l y-key -d '.npz, .safetensors: the array of labels [default: y]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l quantization-aware -d 'Train as int8 will compute, and learn the ranges of activations'
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l per-tensor -d 'Quantization-aware: one weight scale per layer, instead of one per output channel'
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -l freeze-statistics -d 'Keep the running statistics of batch normalization'
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand finetune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgectl -n "__fish_edgectl_using_subcommand inspect" -l profile -d 'Also say what it costs on these devices (see `edgectl bench`); exit with status 1 where it does not fit or run there' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand inspect" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand inspect" -l dump -d 'Print the graph as text, one line per tensor or node, before any pass'
complete -c edgectl -n "__fish_edgectl_using_subcommand inspect" -l require-int8 -d 'Exit with status 1 where an operator computes in float'
complete -c edgectl -n "__fish_edgectl_using_subcommand inspect" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand inspect" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and not __fish_seen_subcommand_from generate show sign verify help" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and not __fish_seen_subcommand_from generate show sign verify help" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and not __fish_seen_subcommand_from generate show sign verify help" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and not __fish_seen_subcommand_from generate show sign verify help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and not __fish_seen_subcommand_from generate show sign verify help" -f -a "generate" -d 'Make a new key pair'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and not __fish_seen_subcommand_from generate show sign verify help" -f -a "show" -d 'Show the public key that belongs to a key'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and not __fish_seen_subcommand_from generate show sign verify help" -f -a "sign" -d 'Sign a file: the signature is minisign\'s, in FILE.minisig; a bundle gets it inside, beside those that it has'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and not __fish_seen_subcommand_from generate show sign verify help" -f -a "verify" -d 'Verify the signature of a file'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and not __fish_seen_subcommand_from generate show sign verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from generate" -s o -l output -d 'File for the secret key, encrypted with a password; one that exists is never replaced' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from generate" -l public -d 'File for the public key [default: the secret key\'s, with the extension .pub]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from generate" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from generate" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from generate" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from generate" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from show" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from sign" -l key -d 'The key to sign with' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from sign" -l comment -d 'A comment that is signed too; a bundle\'s says which release it is' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from sign" -s o -l output -d 'File to write [default: FILE.minisig, or the bundle itself]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from sign" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from sign" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from sign" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from sign" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from verify" -l key -d 'The public key, or its file' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from verify" -l signature -d 'The signature [default: FILE.minisig]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from verify" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "generate" -d 'Make a new key pair'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the public key that belongs to a key'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "sign" -d 'Sign a file: the signature is minisign\'s, in FILE.minisig; a bundle gets it inside, beside those that it has'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Verify the signature of a file'
complete -c edgectl -n "__fish_edgectl_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgectl -n "__fish_edgectl_using_subcommand monitor" -l port -d 'The serial port: a name such as /dev/ttyUSB0, `board:NUMBER`, `mac:ADDRESS`, `usb:SERIAL`, `tcp:HOST:PORT` or `auto`; `?baud=N` behind it for other speeds than 115200' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand monitor" -l for -d 'How long [default: until it is interrupted]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand monitor" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand monitor" -l no-reconnect -d 'End when the port goes away, with exit status 2'
complete -c edgectl -n "__fish_edgectl_using_subcommand monitor" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand monitor" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand monitor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l profile -d 'The devices that it is for (see `edgectl profiles list`)' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -s o -l output -d 'File to write: .edgepkg, a bundle; .uf2 (Raspberry Pi Pico) or .bin (ESP32), all that lies in the flash of one kind of board' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l key -d 'Sign with this key; may be given more than once. Without it, nothing will deploy the bundle before `keys sign` has signed it' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l name -d 'Name of the model [default: the program\'s file name]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l version -d 'Version of the model' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l channel -d 'Whom it is for; test keys never sign for `prod`' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l counter -d 'Number of the release in its channel, such as the pipeline\'s; a higher one is newer' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l security-version -d 'What devices that have committed to this release accept at least; raise it when older releases are not safe' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l expires -d 'When it is not to be deployed any more: a moment such as 2027-01-31T00:00:00Z, or days after `--created` such as 90d' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l created -d 'When it was made [default: SOURCE_DATE_EPOCH, or left out]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l model -d 'The model with QDQ pairs, for other engines' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l classes -d 'Names of the classes, one a line' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l report -d 'Report of `quantize` or `bench` (--format json): accuracy and latency go into the manifest' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l golden -d 'Data of which golden vectors are made [default: random inputs]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l vectors -d 'Number of golden vectors' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l seed -d 'Seed of random inputs' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l firmware -d 'ESP32 chips: another firmware than edgectl\'s own' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l partition-table -d 'ESP32 chips: another partition table than edgectl\'s own; the program goes into its partition `model`' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l runtime -d '`edge-agent` for Linux devices, one for each architecture [default: those that edgectl has, for aarch64 and x86_64]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l scale -d 'Factor of the raw values, such as 1/255' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l mean -d 'Subtracted after scaling: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l std -d 'Divides after subtracting: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l resize -d 'Resize images, bilinear' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l layout -d 'Layout of the stored images' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l model-layout -d 'Layout of the model\'s input, where it is an image [default: nchw]' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l color -d 'Decode images to this colour model' -r -f -a "gray\t''
rgb\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l labels -d '.csv: the column of labels, by its name or its position from 1' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l csv-header -d '.csv: whether the first line names the columns' -r -f -a "true\t''
false\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l x-key -d '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input\'s name' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l y-key -d '.npz, .safetensors: the array of labels [default: y]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -l model-only -d '.uf2, .bin: the model alone, for boards that have the firmware'
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand package" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and not __fish_seen_subcommand_from list show calibrate validate help" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and not __fish_seen_subcommand_from list show calibrate validate help" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and not __fish_seen_subcommand_from list show calibrate validate help" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and not __fish_seen_subcommand_from list show calibrate validate help" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and not __fish_seen_subcommand_from list show calibrate validate help" -f -a "list" -d 'List the profiles that are built in, or those of a folder'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and not __fish_seen_subcommand_from list show calibrate validate help" -f -a "show" -d 'Show a device: processors, memories, power, kernel libraries, and where each figure is from'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and not __fish_seen_subcommand_from list show calibrate validate help" -f -a "calibrate" -d 'Fit a kernel library of a profile to measurements of your own'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and not __fish_seen_subcommand_from list show calibrate validate help" -f -a "validate" -d 'Check profiles: keys, units, and what no device can be'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and not __fish_seen_subcommand_from list show calibrate validate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from list" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from show" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from calibrate" -l measurements -d 'A .csv whose first line names the columns: `model`, a path beside the file, and `latency_ms`; or a .json of `bench --backend device --save`' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from calibrate" -l kernels -d 'The kernel library that was measured [default: the profile\'s choice]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from calibrate" -s o -l output -d 'File to write; the profile is named after it' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from calibrate" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from calibrate" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from calibrate" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from calibrate" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from validate" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from validate" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from validate" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from validate" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the profiles that are built in, or those of a folder'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a device: processors, memories, power, kernel libraries, and where each figure is from'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from help" -f -a "calibrate" -d 'Fit a kernel library of a profile to measurements of your own'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from help" -f -a "validate" -d 'Check profiles: keys, units, and what no device can be'
complete -c edgectl -n "__fish_edgectl_using_subcommand profiles; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l data -d 'Samples, with labels or without: for activation statistics, gradients and training' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l eval -d 'Samples on which the model is measured before and after' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -s o -l output -d 'File to write: .onnx' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l sparsity -d 'The share of parameters that goes, from 0 to 1; with --structure unstructured, the share of weights that become zero' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l max-macs -d 'The most multiply-accumulate operations: 1500000, 1500k or 1.5M' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l max-params -d 'The most parameters: 20000 or 20k' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l max-latency-ms -d 'Time of an inference on each --profile, as its cost model estimates it for int8' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l max-ram-kib -d 'Arena, stack and, on Linux, the int8 program' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l max-flash-kib -d 'Int8 program, runtime and kernels' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l blocks -d 'Weights of which blocks stay, N of M, such as 2:4' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l structure -d 'Whether channels go, or single weights become zero' -r -f -a "channels\t'Channels go: the model has fewer operations'
unstructured\t'Single weights become zero: the model only compresses better'"
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l importance -d 'How channels are compared' -r -f -a "reconstruction\t'What is lost of the next layers\' outputs on the data, once the other channels make up for it'
l1\t'Sums of the magnitudes of weights'
l2\t'Root of the sums of squares of weights'
bn-scale\t'Scales of batch normalization'
taylor\t'Weights times gradients, squared (first-order Taylor expansion of the loss)'"
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l scope -d 'Whether all layers are compared, or each loses the same share' -r -f -a "global\t'All layers are compared'
per-layer\t'Each layer loses the same share'"
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l multiple -d 'Numbers of channels become multiples of this [default: what the profile\'s kernels take at a time, otherwise 1]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l keep -d 'The share of channels that each layer keeps at least' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l max-drop -d 'The drop of the metric that is allowed, in points; more than that is refused with exit status 1, and nothing is written' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l input-range -d '--lossless: the range of the model\'s inputs, such as 0,1 [default: any number]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l profile -d 'Devices: names (see `edgectl profiles list`) or files' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l steps -d 'Steps in which the target is reached' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l epochs -d 'Epochs after each step but the last' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l final-epochs -d 'Epochs after the last step [default: 4 times --epochs]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l batch -d 'Samples of a batch' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l learning-rate -d 'The greatest learning rate' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l distill-weight -d 'How much the unpruned model\'s outputs count beside the labels, from 0 to 1; without labels they are all there is' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l temperature -d 'How soft the unpruned model\'s classes are' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l feature-weight -d 'How much the inner tensors of the unpruned model count: channels that stay are held to what they were [default: 100 without labels, 0 with labels]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l augment -d 'Random changes of training samples (see `edgectl finetune --help`)' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l seed -d 'Whence all randomness comes' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l checkpoint -d 'The state of training: kept in a file for each step, with its number behind this name, after each epoch and on interrupt, and taken up again by the same command; goes when all is done [default: the output with .checkpoint behind it]' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l samples -d 'Read at most so many samples of --data, taken evenly from all of them' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l limit -d 'Read at most the first so many evaluation samples' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l metric -d 'What is measured [default: top1, where there are labels and the only output is a list of classes]' -r -f -a "auc\t''
auc-reconstruction\t''
mse\t''
top1\t''
top5\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l scale -d 'Factor of the raw values, such as 1/255' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l mean -d 'Subtracted after scaling: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l std -d 'Divides after subtracting: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l resize -d 'Resize images, bilinear' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l layout -d 'Layout of the stored images' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l model-layout -d 'Layout of the model\'s input, where it is an image [default: nchw]' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l color -d 'Decode images to this colour model' -r -f -a "gray\t''
rgb\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l labels -d '.csv: the column of labels, by its name or its position from 1' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l csv-header -d '.csv: whether the first line names the columns' -r -f -a "true\t''
false\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l x-key -d '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input\'s name' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l y-key -d '.npz, .safetensors: the array of labels [default: y]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l lossless -d 'Remove only what does nothing: outputs stay as they are, to rounding'
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -l no-compensation -d 'Only take channels out, and leave the weights of the others as they are, instead of letting them make up for what goes'
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l calibration -d 'Samples from which the ranges of activations are found; needed for float models, and for quantized ones of which a part has no scale' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l eval -d 'Samples on which float and int8 are compared' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -s o -l output -d 'File to write: .edgm (int8 program) or .onnx (QDQ); may be given more than once' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l mode -d 'What becomes int8: activations and weights, for devices of any kind; or weights alone, as .onnx for Linux devices, computing in float (weights-only) or in integers with activations quantized as they come (dynamic)' -r -f -a "static\t'Activations and weights, by calibration'
weights-only\t'Weights; computes in float'
dynamic\t'Weights; activations are quantized as they come'"
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l calibrator -d 'How ranges are found [default: percentile]' -r -f -a "minmax\t''
moving-average\t''
percentile\t''
mse\t''
entropy\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l percentile -d 'percentile: the share of values that stays, above 50, at most 100 [default: 99.98]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l passes -d 'Methods beside calibration, applied in their own order: none, or some of remove-dead, equalize, absorb-bias, clip-weights, round-adaptive, correct-bias, correct-bias-empirical [default: equalize; with --per-tensor also correct-bias-empirical]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l calibration-samples -d 'Read at most so many calibration samples, taken evenly from all of the data' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l limit -d 'Read at most the first so many evaluation samples' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l metric -d 'What is measured [default: top1, where there are labels and the only output is a list of classes]' -r -f -a "auc\t''
auc-reconstruction\t''
mse\t''
top1\t''
top5\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l max-drop -d 'The drop of the metric that is allowed, in points: tries recipes from the cheapest on and stops at the first that stays within; exits with status 1 where none does' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l budget -d 'Begin no further recipe of --max-drop after so long, such as 30s or 2m' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l int16 -d 'Nodes with int16 activations and int8 weights: their names, all that have such a form, or auto, which with --max-drop takes as few as stay within it, where no recipe of int8 does' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l report -d 'Write the explanation as a page to look at, with plots; nothing in it is loaded from elsewhere' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l profile -d 'Also say what the result costs on these devices (see `edgectl bench`); exit with status 1 where it does not fit or run there' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l streaming -d 'The .edgm takes only so many new columns of the window per invocation and keeps the others: a window that slides over a stream' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l time-axis -d 'The axis of the model\'s input along which the window slides [default: the last one]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l scale -d 'Factor of the raw values, such as 1/255' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l mean -d 'Subtracted after scaling: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l std -d 'Divides after subtracting: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l resize -d 'Resize images, bilinear' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l layout -d 'Layout of the stored images' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l model-layout -d 'Layout of the model\'s input, where it is an image [default: nchw]' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l color -d 'Decode images to this colour model' -r -f -a "gray\t''
rgb\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l labels -d '.csv: the column of labels, by its name or its position from 1' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l csv-header -d '.csv: whether the first line names the columns' -r -f -a "true\t''
false\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l x-key -d '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input\'s name' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l y-key -d '.npz, .safetensors: the array of labels [default: y]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l require-int8 -d 'Exit with status 1 where an operator computes in float'
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l allow-constant -d 'Let calibration show but one value of an activation: a part of the model that does nothing'
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l strict -d 'Refuse calibration data that look wrong, instead of warning'
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l explain -d 'Say where the noise of int8 is, which samples change class and where that begins, and try repairs'
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l per-tensor -d 'One weight scale per layer, instead of one per output channel'
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -l stateful -d 'Recurrent layers of the .edgm go on where the invocation before left them, instead of beginning anew'
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand quantize" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l input -d 'Samples: .npz, .safetensors, .npy, .csv, or a folder of images; .npz or .safetensors for models with several inputs' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -s o -l output -d 'Write all outputs, stacked: .npz by name, or .npy for a model with one output' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l against -d 'Compare with another model of the same outputs' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l metric -d 'What is measured [default: top1, where there are labels and the only output is a list of classes]' -r -f -a "auc\t''
auc-reconstruction\t''
mse\t''
top1\t''
top5\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l limit -d 'Read at most the first so many samples' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l sequence -d 'Take samples for steps of sequences, so many each or all, of which a stateful model remembers those before' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l scale -d 'Factor of the raw values, such as 1/255' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l mean -d 'Subtracted after scaling: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l std -d 'Divides after subtracting: one value, or one per channel' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l resize -d 'Resize images, bilinear' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l layout -d 'Layout of the stored images' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l model-layout -d 'Layout of the model\'s input, where it is an image [default: nchw]' -r -f -a "nchw\t''
nhwc\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l color -d 'Decode images to this colour model' -r -f -a "gray\t''
rgb\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l labels -d '.csv: the column of labels, by its name or its position from 1' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l csv-header -d '.csv: whether the first line names the columns' -r -f -a "true\t''
false\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l x-key -d '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input\'s name' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l y-key -d '.npz, .safetensors: the array of labels [default: y]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand run" -s h -l help -d 'Print help'
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -l key -d 'Trust this public key, or the one in this file' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -l trust -d 'Trust whom this file names, for what it says' -r -F
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -l channel -d 'The channel that it must be for' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -l profile -d 'The device that it must be for' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -l installed-security-version -d 'The security version that the device has committed to: lower ones are refused' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -l installed-counter -d 'The number of the release that the device has: lower ones are refused' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -l at -d 'The moment at which it is judged [default: now]' -r
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -l format -d 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown' -r -f -a "text\t''
json\t''
csv\t''
markdown\t''"
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -s q -l quiet -d 'Say nothing but errors'
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -s v -l verbose -d 'Say more about what is done'
complete -c edgectl -n "__fish_edgectl_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "bench" -d 'Say what models cost: time, memory, energy, on devices or on this machine'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "deploy" -d 'Bring a bundle to devices and prove it there'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "distill" -d 'Train a small model to do what a large one does'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "finetune" -d 'Train a model further: one that was pruned, that drifted, or that shall become int8'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "inspect" -d 'Show a model\'s operators, their cost, and whether it can be quantized; or what a bundle holds'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "keys" -d 'Generate and show the keys that sign bundles; sign and verify files'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "monitor" -d 'Show what a board says on its serial line: its log, and edgectl\'s frames in words'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "package" -d 'Put a program, its golden vectors and its evidence into a signed bundle'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "profiles" -d 'List, show and check device profiles'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "prune" -d 'Remove channels from a float model, or set weights to zero, and measure what that costs'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "quantize" -d 'Quantize a float model to int8 and measure what it costs'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "run" -d 'Run a model on every sample of a data set'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "verify" -d 'Check a bundle: signatures, expiry, rollback, and every byte of it'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and not __fish_seen_subcommand_from bench completions deploy distill finetune inspect keys monitor package profiles prune quantize run verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from deploy" -f -a "status" -d 'What devices run, and how they are'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from deploy" -f -a "rollback" -d 'Go back to the release before the current one, with the same proof as a deployment'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from deploy" -f -a "history" -d 'What became of deployments on devices'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "generate" -d 'Make a new key pair'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "show" -d 'Show the public key that belongs to a key'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "sign" -d 'Sign a file: the signature is minisign\'s, in FILE.minisig; a bundle gets it inside, beside those that it has'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "verify" -d 'Verify the signature of a file'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from profiles" -f -a "list" -d 'List the profiles that are built in, or those of a folder'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from profiles" -f -a "show" -d 'Show a device: processors, memories, power, kernel libraries, and where each figure is from'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from profiles" -f -a "calibrate" -d 'Fit a kernel library of a profile to measurements of your own'
complete -c edgectl -n "__fish_edgectl_using_subcommand help; and __fish_seen_subcommand_from profiles" -f -a "validate" -d 'Check profiles: keys, units, and what no device can be'
