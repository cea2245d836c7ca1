
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'edgectl' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'edgectl'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'edgectl' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Say what models cost: time, memory, energy, on devices or on this machine')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('deploy', 'deploy', [CompletionResultType]::ParameterValue, 'Bring a bundle to devices and prove it there')
            [CompletionResult]::new('distill', 'distill', [CompletionResultType]::ParameterValue, 'Train a small model to do what a large one does')
            [CompletionResult]::new('finetune', 'finetune', [CompletionResultType]::ParameterValue, 'Train a model further: one that was pruned, that drifted, or that shall become int8')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Show a model''s operators, their cost, and whether it can be quantized; or what a bundle holds')
            [CompletionResult]::new('keys', 'keys', [CompletionResultType]::ParameterValue, 'Generate and show the keys that sign bundles; sign and verify files')
            [CompletionResult]::new('monitor', 'monitor', [CompletionResultType]::ParameterValue, 'Show what a board says on its serial line: its log, and edgectl''s frames in words')
            [CompletionResult]::new('package', 'package', [CompletionResultType]::ParameterValue, 'Put a program, its golden vectors and its evidence into a signed bundle')
            [CompletionResult]::new('profiles', 'profiles', [CompletionResultType]::ParameterValue, 'List, show and check device profiles')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Remove channels from a float model, or set weights to zero, and measure what that costs')
            [CompletionResult]::new('quantize', 'quantize', [CompletionResultType]::ParameterValue, 'Quantize a float model to int8 and measure what it costs')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a model on every sample of a data set')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check a bundle: signatures, expiry, rollback, and every byte of it')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'edgectl;bench' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Devices: names (see `edgectl profiles list`), files, folders of files, or all')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Where the device is, for back end device: serial:PORT, which is lent the program for as long as it takes, or ssh://user@host')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'How times are found [default: device with --to, estimate with --profile, otherwise host]')
            [CompletionResult]::new('--kernels', '--kernels', [CompletionResultType]::ParameterName, 'The kernel library that is assumed: a name of the profile''s, or all [default: the profile''s choice]')
            [CompletionResult]::new('--max-latency-ms', '--max-latency-ms', [CompletionResultType]::ParameterName, 'Time of an inference')
            [CompletionResult]::new('--max-ram-kib', '--max-ram-kib', [CompletionResultType]::ParameterName, 'Arena, stack and, on Linux, the program')
            [CompletionResult]::new('--max-flash-kib', '--max-flash-kib', [CompletionResultType]::ParameterName, 'Program, runtime and kernels')
            [CompletionResult]::new('--max-energy-uj', '--max-energy-uj', [CompletionResultType]::ParameterName, 'Energy of an inference')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'One inference every so often: 500ms, 5s, 2min, 1h')
            [CompletionResult]::new('--battery', '--battery', [CompletionResultType]::ParameterName, 'What the battery holds: 2000mAh (at 3.7 V), 2000mAh@3V or 7.4Wh')
            [CompletionResult]::new('--time', '--time', [CompletionResultType]::ParameterName, 'How long is measured, per model and engine [default: 2s]')
            [CompletionResult]::new('--runs', '--runs', [CompletionResultType]::ParameterName, 'How many runs are timed, instead of a time')
            [CompletionResult]::new('--warm-up', '--warm-up', [CompletionResultType]::ParameterName, 'The most that is spent on warming up [default: 1s]')
            [CompletionResult]::new('--peers', '--peers', [CompletionResultType]::ParameterName, 'Engines to compare with; onnxruntime needs Python with that package ($EDGECTL_PYTHON or python3) [default: tract]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too')
            [CompletionResult]::new('--known-hosts', '--known-hosts', [CompletionResultType]::ParameterName, 'Known hosts, instead of ~/.ssh/known_hosts and the system''s')
            [CompletionResult]::new('--ssh-config', '--ssh-config', [CompletionResultType]::ParameterName, 'ssh''s configuration [default: ~/.ssh/config]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for any answer')
            [CompletionResult]::new('--save', '--save', [CompletionResultType]::ParameterName, 'Keep the findings, for --baseline')
            [CompletionResult]::new('--baseline', '--baseline', [CompletionResultType]::ParameterName, 'Compare with findings that were kept; exit with status 1 where one has become worse')
            [CompletionResult]::new('--tolerance', '--tolerance', [CompletionResultType]::ParameterName, 'Measured times that changed by less are the same, whatever their noise')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write a page with charts, in one file')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--accept-new', '--accept-new', [CompletionResultType]::ParameterName, 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgectl;completions' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;deploy' {
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Trust this public key, or the one in this file')
            [CompletionResult]::new('--trust', '--trust', [CompletionResultType]::ParameterName, 'Trust whom this file names, for what it says')
            [CompletionResult]::new('--channel', '--channel', [CompletionResultType]::ParameterName, 'The channel that the bundle must be for')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`')
            [CompletionResult]::new('--inventory', '--inventory', [CompletionResultType]::ParameterName, 'A file with devices in groups (see the README)')
            [CompletionResult]::new('--group', '--group', [CompletionResultType]::ParameterName, 'Only these groups of the inventory')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Only devices with one of these tags')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The device''s profile, where the bundle has several for its architecture')
            [CompletionResult]::new('--service', '--service', [CompletionResultType]::ParameterName, 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too')
            [CompletionResult]::new('--known-hosts', '--known-hosts', [CompletionResultType]::ParameterName, 'Known hosts, instead of ~/.ssh/known_hosts and the system''s')
            [CompletionResult]::new('--ssh-config', '--ssh-config', [CompletionResultType]::ParameterName, 'ssh''s configuration [default: ~/.ssh/config]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for any answer')
            [CompletionResult]::new('--host-key', '--host-key', [CompletionResultType]::ParameterName, 'The only host key that the device may have: SHA256:…')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'How long a release may be on trial before the device takes it back by itself')
            [CompletionResult]::new('--passes', '--passes', [CompletionResultType]::ParameterName, 'How often in a row the service must be well')
            [CompletionResult]::new('--parallel', '--parallel', [CompletionResultType]::ParameterName, 'How many devices at once [default: the inventory''s, or 8]')
            [CompletionResult]::new('--canary', '--canary', [CompletionResultType]::ParameterName, 'So many of the devices that are named with --to get the release first [default: 1]')
            [CompletionResult]::new('--max-failures', '--max-failures', [CompletionResultType]::ParameterName, 'The share of a group that may fail, in percent; more stop the rollout at once [default: the inventory''s, or 0]')
            [CompletionResult]::new('--min-success', '--min-success', [CompletionResultType]::ParameterName, 'The share of a group that must succeed before the next one begins, in percent [default: the inventory''s, or 100]')
            [CompletionResult]::new('--pause-after', '--pause-after', [CompletionResultType]::ParameterName, 'Stop after this group; the same command without this option goes on')
            [CompletionResult]::new('--journal', '--journal', [CompletionResultType]::ParameterName, 'Where this side writes down what it has done, to go on after an interruption [default, for several devices: the bundle''s path with `.rollout.jsonl`]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done; no device is asked')
            [CompletionResult]::new('--accept-new', '--accept-new', [CompletionResultType]::ParameterName, 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused')
            [CompletionResult]::new('--allow-unverified', '--allow-unverified', [CompletionResultType]::ParameterName, 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'What devices run, and how they are')
            [CompletionResult]::new('rollback', 'rollback', [CompletionResultType]::ParameterValue, 'Go back to the release before the current one, with the same proof as a deployment')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'What became of deployments on devices')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'edgectl;deploy;status' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`')
            [CompletionResult]::new('--inventory', '--inventory', [CompletionResultType]::ParameterName, 'A file with devices in groups (see the README)')
            [CompletionResult]::new('--group', '--group', [CompletionResultType]::ParameterName, 'Only these groups of the inventory')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Only devices with one of these tags')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The device''s profile, where the bundle has several for its architecture')
            [CompletionResult]::new('--service', '--service', [CompletionResultType]::ParameterName, 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too')
            [CompletionResult]::new('--known-hosts', '--known-hosts', [CompletionResultType]::ParameterName, 'Known hosts, instead of ~/.ssh/known_hosts and the system''s')
            [CompletionResult]::new('--ssh-config', '--ssh-config', [CompletionResultType]::ParameterName, 'ssh''s configuration [default: ~/.ssh/config]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for any answer')
            [CompletionResult]::new('--host-key', '--host-key', [CompletionResultType]::ParameterName, 'The only host key that the device may have: SHA256:…')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'How long a release may be on trial before the device takes it back by itself')
            [CompletionResult]::new('--passes', '--passes', [CompletionResultType]::ParameterName, 'How often in a row the service must be well')
            [CompletionResult]::new('--parallel', '--parallel', [CompletionResultType]::ParameterName, 'How many devices at once [default: the inventory''s, or 8]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--accept-new', '--accept-new', [CompletionResultType]::ParameterName, 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused')
            [CompletionResult]::new('--allow-unverified', '--allow-unverified', [CompletionResultType]::ParameterName, 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;deploy;rollback' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`')
            [CompletionResult]::new('--inventory', '--inventory', [CompletionResultType]::ParameterName, 'A file with devices in groups (see the README)')
            [CompletionResult]::new('--group', '--group', [CompletionResultType]::ParameterName, 'Only these groups of the inventory')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Only devices with one of these tags')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The device''s profile, where the bundle has several for its architecture')
            [CompletionResult]::new('--service', '--service', [CompletionResultType]::ParameterName, 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too')
            [CompletionResult]::new('--known-hosts', '--known-hosts', [CompletionResultType]::ParameterName, 'Known hosts, instead of ~/.ssh/known_hosts and the system''s')
            [CompletionResult]::new('--ssh-config', '--ssh-config', [CompletionResultType]::ParameterName, 'ssh''s configuration [default: ~/.ssh/config]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for any answer')
            [CompletionResult]::new('--host-key', '--host-key', [CompletionResultType]::ParameterName, 'The only host key that the device may have: SHA256:…')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'How long a release may be on trial before the device takes it back by itself')
            [CompletionResult]::new('--passes', '--passes', [CompletionResultType]::ParameterName, 'How often in a row the service must be well')
            [CompletionResult]::new('--parallel', '--parallel', [CompletionResultType]::ParameterName, 'How many devices at once [default: the inventory''s, or 8]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--accept-new', '--accept-new', [CompletionResultType]::ParameterName, 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused')
            [CompletionResult]::new('--allow-unverified', '--allow-unverified', [CompletionResultType]::ParameterName, 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;deploy;history' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`')
            [CompletionResult]::new('--inventory', '--inventory', [CompletionResultType]::ParameterName, 'A file with devices in groups (see the README)')
            [CompletionResult]::new('--group', '--group', [CompletionResultType]::ParameterName, 'Only these groups of the inventory')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Only devices with one of these tags')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The device''s profile, where the bundle has several for its architecture')
            [CompletionResult]::new('--service', '--service', [CompletionResultType]::ParameterName, 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too')
            [CompletionResult]::new('--known-hosts', '--known-hosts', [CompletionResultType]::ParameterName, 'Known hosts, instead of ~/.ssh/known_hosts and the system''s')
            [CompletionResult]::new('--ssh-config', '--ssh-config', [CompletionResultType]::ParameterName, 'ssh''s configuration [default: ~/.ssh/config]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for any answer')
            [CompletionResult]::new('--host-key', '--host-key', [CompletionResultType]::ParameterName, 'The only host key that the device may have: SHA256:…')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'How long a release may be on trial before the device takes it back by itself')
            [CompletionResult]::new('--passes', '--passes', [CompletionResultType]::ParameterName, 'How often in a row the service must be well')
            [CompletionResult]::new('--parallel', '--parallel', [CompletionResultType]::ParameterName, 'How many devices at once [default: the inventory''s, or 8]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--accept-new', '--accept-new', [CompletionResultType]::ParameterName, 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused')
            [CompletionResult]::new('--allow-unverified', '--allow-unverified', [CompletionResultType]::ParameterName, 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;deploy;help' {
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'What devices run, and how they are')
            [CompletionResult]::new('rollback', 'rollback', [CompletionResultType]::ParameterValue, 'Go back to the release before the current one, with the same proof as a deployment')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'What became of deployments on devices')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'edgectl;deploy;help;status' {
            break
        }
        'edgectl;deploy;help;rollback' {
            break
        }
        'edgectl;deploy;help;history' {
            break
        }
        'edgectl;deploy;help;help' {
            break
        }
        'edgectl;distill' {
            [CompletionResult]::new('--teacher', '--teacher', [CompletionResultType]::ParameterName, 'The large model: .onnx, .tflite or .edgm')
            [CompletionResult]::new('--student', '--student', [CompletionResultType]::ParameterName, 'The small model: .onnx, .tflite; a template such as ds-cnn:width=0.5 (autoencoder, ds-cnn, gru, mlp, mobilenet-v1, mobilenet-v2, resnet8, squeezenet, tcn); or auto, the widest template that --profile can run within the limits')
            [CompletionResult]::new('--data', '--data', [CompletionResultType]::ParameterName, 'Samples to train on; labels are used where there are any')
            [CompletionResult]::new('--eval', '--eval', [CompletionResultType]::ParameterName, 'Samples on which the models are measured')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once')
            [CompletionResult]::new('--template', '--template', [CompletionResultType]::ParameterName, 'auto: the template [default: by the shape of the samples]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'auto: the device that must run it. Also says what the int8 programs cost there (see `edgectl bench`)')
            [CompletionResult]::new('--max-latency-ms', '--max-latency-ms', [CompletionResultType]::ParameterName, 'auto: time of an inference')
            [CompletionResult]::new('--max-ram-kib', '--max-ram-kib', [CompletionResultType]::ParameterName, 'auto: arena, stack and, on Linux, the program')
            [CompletionResult]::new('--max-flash-kib', '--max-flash-kib', [CompletionResultType]::ParameterName, 'auto: program, runtime and kernels')
            [CompletionResult]::new('--samples', '--samples', [CompletionResultType]::ParameterName, 'Read at most the first so many training samples')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Read at most the first so many evaluation samples')
            [CompletionResult]::new('--metric', '--metric', [CompletionResultType]::ParameterName, 'What is measured [default: top1, where there are labels and the only output is a list of classes]')
            [CompletionResult]::new('--loss', '--loss', [CompletionResultType]::ParameterName, 'What the model''s own outputs are compared with [default: labels where there are any and the outputs are classes; the input, where the output has its shape]')
            [CompletionResult]::new('--label-smoothing', '--label-smoothing', [CompletionResultType]::ParameterName, 'The share of a label that goes to all classes alike')
            [CompletionResult]::new('--temperature', '--temperature', [CompletionResultType]::ParameterName, 'Teacher: the greater, the more its small probabilities matter')
            [CompletionResult]::new('--teacher-weight', '--teacher-weight', [CompletionResultType]::ParameterName, 'Teacher: the weight of its outputs; the labels have the rest to 1')
            [CompletionResult]::new('--match-features', '--match-features', [CompletionResultType]::ParameterName, 'Teacher: tensors of both models to be made alike, of one size')
            [CompletionResult]::new('--match-attention', '--match-attention', [CompletionResultType]::ParameterName, 'Teacher: tensors of both models that should be large in the same places, of one height and width')
            [CompletionResult]::new('--match-weight', '--match-weight', [CompletionResultType]::ParameterName, 'Teacher: the weight of each pair of tensors')
            [CompletionResult]::new('--epochs', '--epochs', [CompletionResultType]::ParameterName, 'Times that all samples are seen [default: 10 for finetune, 30 for distill]')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Samples of a step')
            [CompletionResult]::new('--learning-rate', '--learning-rate', [CompletionResultType]::ParameterName, 'The greatest learning rate [default: 0.0005 for finetune, 0.01 for distill]')
            [CompletionResult]::new('--schedule', '--schedule', [CompletionResultType]::ParameterName, 'How the learning rate goes on')
            [CompletionResult]::new('--warm-up', '--warm-up', [CompletionResultType]::ParameterName, 'Epochs in which the learning rate rises first; may be a fraction [default: 0 for finetune, 1 for distill]')
            [CompletionResult]::new('--optimizer', '--optimizer', [CompletionResultType]::ParameterName, 'How gradients become steps')
            [CompletionResult]::new('--momentum', '--momentum', [CompletionResultType]::ParameterName, 'sgd: what remains of the step before')
            [CompletionResult]::new('--weight-decay', '--weight-decay', [CompletionResultType]::ParameterName, 'Decay of weights, at a learning rate of 1')
            [CompletionResult]::new('--clip-norm', '--clip-norm', [CompletionResultType]::ParameterName, 'The greatest norm of all gradients together; 0 for no limit')
            [CompletionResult]::new('--augment', '--augment', [CompletionResultType]::ParameterName, 'Random changes of the training samples: flip, shift=PIXELS, cutout=PIXELS of images; time-shift=STEPS, time-mask=STEPS of windows with time on the last axis; noise=STD, scale=SHARE of either')
            [CompletionResult]::new('--validation', '--validation', [CompletionResultType]::ParameterName, 'The share of the training samples by which the best epoch is chosen; 0 to train on all and keep the last epoch')
            [CompletionResult]::new('--patience', '--patience', [CompletionResultType]::ParameterName, 'Stop after so many epochs without a better one')
            [CompletionResult]::new('--freeze', '--freeze', [CompletionResultType]::ParameterName, 'Nodes whose weights stay as they are')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Whence order, augmentation and first weights follow: the same seed gives the same bytes')
            [CompletionResult]::new('--checkpoint', '--checkpoint', [CompletionResultType]::ParameterName, 'The state of training: kept after each epoch and on interrupt, and taken up again by the same command; goes when all is done [default: the first output with .checkpoint behind it]')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Write loss and metric of each epoch, one JSON object a line')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write the curves of training as a page to look at; nothing in it is loaded from elsewhere')
            [CompletionResult]::new('--scale', '--scale', [CompletionResultType]::ParameterName, 'Factor of the raw values, such as 1/255')
            [CompletionResult]::new('--mean', '--mean', [CompletionResultType]::ParameterName, 'Subtracted after scaling: one value, or one per channel')
            [CompletionResult]::new('--std', '--std', [CompletionResultType]::ParameterName, 'Divides after subtracting: one value, or one per channel')
            [CompletionResult]::new('--resize', '--resize', [CompletionResultType]::ParameterName, 'Resize images, bilinear')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'Layout of the stored images')
            [CompletionResult]::new('--model-layout', '--model-layout', [CompletionResultType]::ParameterName, 'Layout of the model''s input, where it is an image [default: nchw]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Decode images to this colour model')
            [CompletionResult]::new('--labels', '--labels', [CompletionResultType]::ParameterName, '.csv: the column of labels, by its name or its position from 1')
            [CompletionResult]::new('--csv-header', '--csv-header', [CompletionResultType]::ParameterName, '.csv: whether the first line names the columns')
            [CompletionResult]::new('--x-key', '--x-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name')
            [CompletionResult]::new('--y-key', '--y-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of labels [default: y]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--reinitialize', '--reinitialize', [CompletionResultType]::ParameterName, 'A student''s file: begin with new random weights')
            [CompletionResult]::new('--quantization-aware', '--quantization-aware', [CompletionResultType]::ParameterName, 'Train as int8 will compute, and learn the ranges of activations')
            [CompletionResult]::new('--per-tensor', '--per-tensor', [CompletionResultType]::ParameterName, 'Quantization-aware: one weight scale per layer, instead of one per output channel')
            [CompletionResult]::new('--freeze-statistics', '--freeze-statistics', [CompletionResultType]::ParameterName, 'Keep the running statistics of batch normalization')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgectl;finetune' {
            [CompletionResult]::new('--data', '--data', [CompletionResultType]::ParameterName, 'Samples to train on, with labels where there are any')
            [CompletionResult]::new('--eval', '--eval', [CompletionResultType]::ParameterName, 'Samples on which the model is measured before and after')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once')
            [CompletionResult]::new('--teacher', '--teacher', [CompletionResultType]::ParameterName, 'A model to learn from beside the labels: .onnx, .tflite or .edgm')
            [CompletionResult]::new('--samples', '--samples', [CompletionResultType]::ParameterName, 'Read at most the first so many training samples')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Read at most the first so many evaluation samples')
            [CompletionResult]::new('--metric', '--metric', [CompletionResultType]::ParameterName, 'What is measured [default: top1, where there are labels and the only output is a list of classes]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Also say what the int8 program costs on these devices (see `edgectl bench`)')
            [CompletionResult]::new('--loss', '--loss', [CompletionResultType]::ParameterName, 'What the model''s own outputs are compared with [default: labels where there are any and the outputs are classes; the input, where the output has its shape]')
            [CompletionResult]::new('--label-smoothing', '--label-smoothing', [CompletionResultType]::ParameterName, 'The share of a label that goes to all classes alike')
            [CompletionResult]::new('--temperature', '--temperature', [CompletionResultType]::ParameterName, 'Teacher: the greater, the more its small probabilities matter')
            [CompletionResult]::new('--teacher-weight', '--teacher-weight', [CompletionResultType]::ParameterName, 'Teacher: the weight of its outputs; the labels have the rest to 1')
            [CompletionResult]::new('--match-features', '--match-features', [CompletionResultType]::ParameterName, 'Teacher: tensors of both models to be made alike, of one size')
            [CompletionResult]::new('--match-attention', '--match-attention', [CompletionResultType]::ParameterName, 'Teacher: tensors of both models that should be large in the same places, of one height and width')
            [CompletionResult]::new('--match-weight', '--match-weight', [CompletionResultType]::ParameterName, 'Teacher: the weight of each pair of tensors')
            [CompletionResult]::new('--epochs', '--epochs', [CompletionResultType]::ParameterName, 'Times that all samples are seen [default: 10 for finetune, 30 for distill]')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Samples of a step')
            [CompletionResult]::new('--learning-rate', '--learning-rate', [CompletionResultType]::ParameterName, 'The greatest learning rate [default: 0.0005 for finetune, 0.01 for distill]')
            [CompletionResult]::new('--schedule', '--schedule', [CompletionResultType]::ParameterName, 'How the learning rate goes on')
            [CompletionResult]::new('--warm-up', '--warm-up', [CompletionResultType]::ParameterName, 'Epochs in which the learning rate rises first; may be a fraction [default: 0 for finetune, 1 for distill]')
            [CompletionResult]::new('--optimizer', '--optimizer', [CompletionResultType]::ParameterName, 'How gradients become steps')
            [CompletionResult]::new('--momentum', '--momentum', [CompletionResultType]::ParameterName, 'sgd: what remains of the step before')
            [CompletionResult]::new('--weight-decay', '--weight-decay', [CompletionResultType]::ParameterName, 'Decay of weights, at a learning rate of 1')
            [CompletionResult]::new('--clip-norm', '--clip-norm', [CompletionResultType]::ParameterName, 'The greatest norm of all gradients together; 0 for no limit')
            [CompletionResult]::new('--augment', '--augment', [CompletionResultType]::ParameterName, 'Random changes of the training samples: flip, shift=PIXELS, cutout=PIXELS of images; time-shift=STEPS, time-mask=STEPS of windows with time on the last axis; noise=STD, scale=SHARE of either')
            [CompletionResult]::new('--validation', '--validation', [CompletionResultType]::ParameterName, 'The share of the training samples by which the best epoch is chosen; 0 to train on all and keep the last epoch')
            [CompletionResult]::new('--patience', '--patience', [CompletionResultType]::ParameterName, 'Stop after so many epochs without a better one')
            [CompletionResult]::new('--freeze', '--freeze', [CompletionResultType]::ParameterName, 'Nodes whose weights stay as they are')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Whence order, augmentation and first weights follow: the same seed gives the same bytes')
            [CompletionResult]::new('--checkpoint', '--checkpoint', [CompletionResultType]::ParameterName, 'The state of training: kept after each epoch and on interrupt, and taken up again by the same command; goes when all is done [default: the first output with .checkpoint behind it]')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Write loss and metric of each epoch, one JSON object a line')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write the curves of training as a page to look at; nothing in it is loaded from elsewhere')
            [CompletionResult]::new('--scale', '--scale', [CompletionResultType]::ParameterName, 'Factor of the raw values, such as 1/255')
            [CompletionResult]::new('--mean', '--mean', [CompletionResultType]::ParameterName, 'Subtracted after scaling: one value, or one per channel')
            [CompletionResult]::new('--std', '--std', [CompletionResultType]::ParameterName, 'Divides after subtracting: one value, or one per channel')
            [CompletionResult]::new('--resize', '--resize', [CompletionResultType]::ParameterName, 'Resize images, bilinear')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'Layout of the stored images')
            [CompletionResult]::new('--model-layout', '--model-layout', [CompletionResultType]::ParameterName, 'Layout of the model''s input, where it is an image [default: nchw]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Decode images to this colour model')
            [CompletionResult]::new('--labels', '--labels', [CompletionResultType]::ParameterName, '.csv: the column of labels, by its name or its position from 1')
            [CompletionResult]::new('--csv-header', '--csv-header', [CompletionResultType]::ParameterName, '.csv: whether the first line names the columns')
            [CompletionResult]::new('--x-key', '--x-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name')
            [CompletionResult]::new('--y-key', '--y-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of labels [default: y]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--quantization-aware', '--quantization-aware', [CompletionResultType]::ParameterName, 'Train as int8 will compute, and learn the ranges of activations')
            [CompletionResult]::new('--per-tensor', '--per-tensor', [CompletionResultType]::ParameterName, 'Quantization-aware: one weight scale per layer, instead of one per output channel')
            [CompletionResult]::new('--freeze-statistics', '--freeze-statistics', [CompletionResultType]::ParameterName, 'Keep the running statistics of batch normalization')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgectl;inspect' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Also say what it costs on these devices (see `edgectl bench`); exit with status 1 where it does not fit or run there')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--dump', '--dump', [CompletionResultType]::ParameterName, 'Print the graph as text, one line per tensor or node, before any pass')
            [CompletionResult]::new('--require-int8', '--require-int8', [CompletionResultType]::ParameterName, 'Exit with status 1 where an operator computes in float')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;keys' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Make a new key pair')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the public key that belongs to a key')
            [CompletionResult]::new('sign', 'sign', [CompletionResultType]::ParameterValue, 'Sign a file: the signature is minisign''s, in FILE.minisig; a bundle gets it inside, beside those that it has')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Verify the signature of a file')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'edgectl;keys;generate' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'File for the secret key, encrypted with a password; one that exists is never replaced')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'File for the secret key, encrypted with a password; one that exists is never replaced')
            [CompletionResult]::new('--public', '--public', [CompletionResultType]::ParameterName, 'File for the public key [default: the secret key''s, with the extension .pub]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;keys;show' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;keys;sign' {
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The key to sign with')
            [CompletionResult]::new('--comment', '--comment', [CompletionResultType]::ParameterName, 'A comment that is signed too; a bundle''s says which release it is')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'File to write [default: FILE.minisig, or the bundle itself]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'File to write [default: FILE.minisig, or the bundle itself]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;keys;verify' {
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The public key, or its file')
            [CompletionResult]::new('--signature', '--signature', [CompletionResultType]::ParameterName, 'The signature [default: FILE.minisig]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;keys;help' {
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Make a new key pair')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the public key that belongs to a key')
            [CompletionResult]::new('sign', 'sign', [CompletionResultType]::ParameterValue, 'Sign a file: the signature is minisign''s, in FILE.minisig; a bundle gets it inside, beside those that it has')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Verify the signature of a file')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'edgectl;keys;help;generate' {
            break
        }
        'edgectl;keys;help;show' {
            break
        }
        'edgectl;keys;help;sign' {
            break
        }
        'edgectl;keys;help;verify' {
            break
        }
        'edgectl;keys;help;help' {
            break
        }
        'edgectl;monitor' {
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The serial port: a name such as /dev/ttyUSB0, `board:NUMBER`, `mac:ADDRESS`, `usb:SERIAL`, `tcp:HOST:PORT` or `auto`; `?baud=N` behind it for other speeds than 115200')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'How long [default: until it is interrupted]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--no-reconnect', '--no-reconnect', [CompletionResultType]::ParameterName, 'End when the port goes away, with exit status 2')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgectl;package' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The devices that it is for (see `edgectl profiles list`)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'File to write: .edgepkg, a bundle; .uf2 (Raspberry Pi Pico) or .bin (ESP32), all that lies in the flash of one kind of board')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'File to write: .edgepkg, a bundle; .uf2 (Raspberry Pi Pico) or .bin (ESP32), all that lies in the flash of one kind of board')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Sign with this key; may be given more than once. Without it, nothing will deploy the bundle before `keys sign` has signed it')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the model [default: the program''s file name]')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Version of the model')
            [CompletionResult]::new('--channel', '--channel', [CompletionResultType]::ParameterName, 'Whom it is for; test keys never sign for `prod`')
            [CompletionResult]::new('--counter', '--counter', [CompletionResultType]::ParameterName, 'Number of the release in its channel, such as the pipeline''s; a higher one is newer')
            [CompletionResult]::new('--security-version', '--security-version', [CompletionResultType]::ParameterName, 'What devices that have committed to this release accept at least; raise it when older releases are not safe')
            [CompletionResult]::new('--expires', '--expires', [CompletionResultType]::ParameterName, 'When it is not to be deployed any more: a moment such as 2027-01-31T00:00:00Z, or days after `--created` such as 90d')
            [CompletionResult]::new('--created', '--created', [CompletionResultType]::ParameterName, 'When it was made [default: SOURCE_DATE_EPOCH, or left out]')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'The model with QDQ pairs, for other engines')
            [CompletionResult]::new('--classes', '--classes', [CompletionResultType]::ParameterName, 'Names of the classes, one a line')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Report of `quantize` or `bench` (--format json): accuracy and latency go into the manifest')
            [CompletionResult]::new('--golden', '--golden', [CompletionResultType]::ParameterName, 'Data of which golden vectors are made [default: random inputs]')
            [CompletionResult]::new('--vectors', '--vectors', [CompletionResultType]::ParameterName, 'Number of golden vectors')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of random inputs')
            [CompletionResult]::new('--firmware', '--firmware', [CompletionResultType]::ParameterName, 'ESP32 chips: another firmware than edgectl''s own')
            [CompletionResult]::new('--partition-table', '--partition-table', [CompletionResultType]::ParameterName, 'ESP32 chips: another partition table than edgectl''s own; the program goes into its partition `model`')
            [CompletionResult]::new('--runtime', '--runtime', [CompletionResultType]::ParameterName, '`edge-agent` for Linux devices, one for each architecture [default: those that edgectl has, for aarch64 and x86_64]')
            [CompletionResult]::new('--scale', '--scale', [CompletionResultType]::ParameterName, 'Factor of the raw values, such as 1/255')
            [CompletionResult]::new('--mean', '--mean', [CompletionResultType]::ParameterName, 'Subtracted after scaling: one value, or one per channel')
            [CompletionResult]::new('--std', '--std', [CompletionResultType]::ParameterName, 'Divides after subtracting: one value, or one per channel')
            [CompletionResult]::new('--resize', '--resize', [CompletionResultType]::ParameterName, 'Resize images, bilinear')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'Layout of the stored images')
            [CompletionResult]::new('--model-layout', '--model-layout', [CompletionResultType]::ParameterName, 'Layout of the model''s input, where it is an image [default: nchw]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Decode images to this colour model')
            [CompletionResult]::new('--labels', '--labels', [CompletionResultType]::ParameterName, '.csv: the column of labels, by its name or its position from 1')
            [CompletionResult]::new('--csv-header', '--csv-header', [CompletionResultType]::ParameterName, '.csv: whether the first line names the columns')
            [CompletionResult]::new('--x-key', '--x-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name')
            [CompletionResult]::new('--y-key', '--y-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of labels [default: y]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--model-only', '--model-only', [CompletionResultType]::ParameterName, '.uf2, .bin: the model alone, for boards that have the firmware')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgectl;profiles' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the profiles that are built in, or those of a folder')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a device: processors, memories, power, kernel libraries, and where each figure is from')
            [CompletionResult]::new('calibrate', 'calibrate', [CompletionResultType]::ParameterValue, 'Fit a kernel library of a profile to measurements of your own')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check profiles: keys, units, and what no device can be')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'edgectl;profiles;list' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;profiles;show' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;profiles;calibrate' {
            [CompletionResult]::new('--measurements', '--measurements', [CompletionResultType]::ParameterName, 'A .csv whose first line names the columns: `model`, a path beside the file, and `latency_ms`; or a .json of `bench --backend device --save`')
            [CompletionResult]::new('--kernels', '--kernels', [CompletionResultType]::ParameterName, 'The kernel library that was measured [default: the profile''s choice]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'File to write; the profile is named after it')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'File to write; the profile is named after it')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;profiles;validate' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;profiles;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the profiles that are built in, or those of a folder')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a device: processors, memories, power, kernel libraries, and where each figure is from')
            [CompletionResult]::new('calibrate', 'calibrate', [CompletionResultType]::ParameterValue, 'Fit a kernel library of a profile to measurements of your own')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check profiles: keys, units, and what no device can be')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'edgectl;profiles;help;list' {
            break
        }
        'edgectl;profiles;help;show' {
            break
        }
        'edgectl;profiles;help;calibrate' {
            break
        }
        'edgectl;profiles;help;validate' {
            break
        }
        'edgectl;profiles;help;help' {
            break
        }
        'edgectl;prune' {
            [CompletionResult]::new('--data', '--data', [CompletionResultType]::ParameterName, 'Samples, with labels or without: for activation statistics, gradients and training')
            [CompletionResult]::new('--eval', '--eval', [CompletionResultType]::ParameterName, 'Samples on which the model is measured before and after')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'File to write: .onnx')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'File to write: .onnx')
            [CompletionResult]::new('--sparsity', '--sparsity', [CompletionResultType]::ParameterName, 'The share of parameters that goes, from 0 to 1; with --structure unstructured, the share of weights that become zero')
            [CompletionResult]::new('--max-macs', '--max-macs', [CompletionResultType]::ParameterName, 'The most multiply-accumulate operations: 1500000, 1500k or 1.5M')
            [CompletionResult]::new('--max-params', '--max-params', [CompletionResultType]::ParameterName, 'The most parameters: 20000 or 20k')
            [CompletionResult]::new('--max-latency-ms', '--max-latency-ms', [CompletionResultType]::ParameterName, 'Time of an inference on each --profile, as its cost model estimates it for int8')
            [CompletionResult]::new('--max-ram-kib', '--max-ram-kib', [CompletionResultType]::ParameterName, 'Arena, stack and, on Linux, the int8 program')
            [CompletionResult]::new('--max-flash-kib', '--max-flash-kib', [CompletionResultType]::ParameterName, 'Int8 program, runtime and kernels')
            [CompletionResult]::new('--blocks', '--blocks', [CompletionResultType]::ParameterName, 'Weights of which blocks stay, N of M, such as 2:4')
            [CompletionResult]::new('--structure', '--structure', [CompletionResultType]::ParameterName, 'Whether channels go, or single weights become zero')
            [CompletionResult]::new('--importance', '--importance', [CompletionResultType]::ParameterName, 'How channels are compared')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Whether all layers are compared, or each loses the same share')
            [CompletionResult]::new('--multiple', '--multiple', [CompletionResultType]::ParameterName, 'Numbers of channels become multiples of this [default: what the profile''s kernels take at a time, otherwise 1]')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'The share of channels that each layer keeps at least')
            [CompletionResult]::new('--max-drop', '--max-drop', [CompletionResultType]::ParameterName, 'The drop of the metric that is allowed, in points; more than that is refused with exit status 1, and nothing is written')
            [CompletionResult]::new('--input-range', '--input-range', [CompletionResultType]::ParameterName, '--lossless: the range of the model''s inputs, such as 0,1 [default: any number]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Devices: names (see `edgectl profiles list`) or files')
            [CompletionResult]::new('--steps', '--steps', [CompletionResultType]::ParameterName, 'Steps in which the target is reached')
            [CompletionResult]::new('--epochs', '--epochs', [CompletionResultType]::ParameterName, 'Epochs after each step but the last')
            [CompletionResult]::new('--final-epochs', '--final-epochs', [CompletionResultType]::ParameterName, 'Epochs after the last step [default: 4 times --epochs]')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Samples of a batch')
            [CompletionResult]::new('--learning-rate', '--learning-rate', [CompletionResultType]::ParameterName, 'The greatest learning rate')
            [CompletionResult]::new('--distill-weight', '--distill-weight', [CompletionResultType]::ParameterName, 'How much the unpruned model''s outputs count beside the labels, from 0 to 1; without labels they are all there is')
            [CompletionResult]::new('--temperature', '--temperature', [CompletionResultType]::ParameterName, 'How soft the unpruned model''s classes are')
            [CompletionResult]::new('--feature-weight', '--feature-weight', [CompletionResultType]::ParameterName, 'How much the inner tensors of the unpruned model count: channels that stay are held to what they were [default: 100 without labels, 0 with labels]')
            [CompletionResult]::new('--augment', '--augment', [CompletionResultType]::ParameterName, 'Random changes of training samples (see `edgectl finetune --help`)')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Whence all randomness comes')
            [CompletionResult]::new('--checkpoint', '--checkpoint', [CompletionResultType]::ParameterName, 'The state of training: kept in a file for each step, with its number behind this name, after each epoch and on interrupt, and taken up again by the same command; goes when all is done [default: the output with .checkpoint behind it]')
            [CompletionResult]::new('--samples', '--samples', [CompletionResultType]::ParameterName, 'Read at most so many samples of --data, taken evenly from all of them')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Read at most the first so many evaluation samples')
            [CompletionResult]::new('--metric', '--metric', [CompletionResultType]::ParameterName, 'What is measured [default: top1, where there are labels and the only output is a list of classes]')
            [CompletionResult]::new('--scale', '--scale', [CompletionResultType]::ParameterName, 'Factor of the raw values, such as 1/255')
            [CompletionResult]::new('--mean', '--mean', [CompletionResultType]::ParameterName, 'Subtracted after scaling: one value, or one per channel')
            [CompletionResult]::new('--std', '--std', [CompletionResultType]::ParameterName, 'Divides after subtracting: one value, or one per channel')
            [CompletionResult]::new('--resize', '--resize', [CompletionResultType]::ParameterName, 'Resize images, bilinear')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'Layout of the stored images')
            [CompletionResult]::new('--model-layout', '--model-layout', [CompletionResultType]::ParameterName, 'Layout of the model''s input, where it is an image [default: nchw]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Decode images to this colour model')
            [CompletionResult]::new('--labels', '--labels', [CompletionResultType]::ParameterName, '.csv: the column of labels, by its name or its position from 1')
            [CompletionResult]::new('--csv-header', '--csv-header', [CompletionResultType]::ParameterName, '.csv: whether the first line names the columns')
            [CompletionResult]::new('--x-key', '--x-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name')
            [CompletionResult]::new('--y-key', '--y-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of labels [default: y]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--lossless', '--lossless', [CompletionResultType]::ParameterName, 'Remove only what does nothing: outputs stay as they are, to rounding')
            [CompletionResult]::new('--no-compensation', '--no-compensation', [CompletionResultType]::ParameterName, 'Only take channels out, and leave the weights of the others as they are, instead of letting them make up for what goes')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgectl;quantize' {
            [CompletionResult]::new('--calibration', '--calibration', [CompletionResultType]::ParameterName, 'Samples from which the ranges of activations are found; needed for float models, and for quantized ones of which a part has no scale')
            [CompletionResult]::new('--eval', '--eval', [CompletionResultType]::ParameterName, 'Samples on which float and int8 are compared')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'File to write: .edgm (int8 program) or .onnx (QDQ); may be given more than once')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'File to write: .edgm (int8 program) or .onnx (QDQ); may be given more than once')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'What becomes int8: activations and weights, for devices of any kind; or weights alone, as .onnx for Linux devices, computing in float (weights-only) or in integers with activations quantized as they come (dynamic)')
            [CompletionResult]::new('--calibrator', '--calibrator', [CompletionResultType]::ParameterName, 'How ranges are found [default: percentile]')
            [CompletionResult]::new('--percentile', '--percentile', [CompletionResultType]::ParameterName, 'percentile: the share of values that stays, above 50, at most 100 [default: 99.98]')
            [CompletionResult]::new('--passes', '--passes', [CompletionResultType]::ParameterName, 'Methods beside calibration, applied in their own order: none, or some of remove-dead, equalize, absorb-bias, clip-weights, round-adaptive, correct-bias, correct-bias-empirical [default: equalize; with --per-tensor also correct-bias-empirical]')
            [CompletionResult]::new('--calibration-samples', '--calibration-samples', [CompletionResultType]::ParameterName, 'Read at most so many calibration samples, taken evenly from all of the data')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Read at most the first so many evaluation samples')
            [CompletionResult]::new('--metric', '--metric', [CompletionResultType]::ParameterName, 'What is measured [default: top1, where there are labels and the only output is a list of classes]')
            [CompletionResult]::new('--max-drop', '--max-drop', [CompletionResultType]::ParameterName, 'The drop of the metric that is allowed, in points: tries recipes from the cheapest on and stops at the first that stays within; exits with status 1 where none does')
            [CompletionResult]::new('--budget', '--budget', [CompletionResultType]::ParameterName, 'Begin no further recipe of --max-drop after so long, such as 30s or 2m')
            [CompletionResult]::new('--int16', '--int16', [CompletionResultType]::ParameterName, 'Nodes with int16 activations and int8 weights: their names, all that have such a form, or auto, which with --max-drop takes as few as stay within it, where no recipe of int8 does')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write the explanation as a page to look at, with plots; nothing in it is loaded from elsewhere')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Also say what the result costs on these devices (see `edgectl bench`); exit with status 1 where it does not fit or run there')
            [CompletionResult]::new('--streaming', '--streaming', [CompletionResultType]::ParameterName, 'The .edgm takes only so many new columns of the window per invocation and keeps the others: a window that slides over a stream')
            [CompletionResult]::new('--time-axis', '--time-axis', [CompletionResultType]::ParameterName, 'The axis of the model''s input along which the window slides [default: the last one]')
            [CompletionResult]::new('--scale', '--scale', [CompletionResultType]::ParameterName, 'Factor of the raw values, such as 1/255')
            [CompletionResult]::new('--mean', '--mean', [CompletionResultType]::ParameterName, 'Subtracted after scaling: one value, or one per channel')
            [CompletionResult]::new('--std', '--std', [CompletionResultType]::ParameterName, 'Divides after subtracting: one value, or one per channel')
            [CompletionResult]::new('--resize', '--resize', [CompletionResultType]::ParameterName, 'Resize images, bilinear')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'Layout of the stored images')
            [CompletionResult]::new('--model-layout', '--model-layout', [CompletionResultType]::ParameterName, 'Layout of the model''s input, where it is an image [default: nchw]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Decode images to this colour model')
            [CompletionResult]::new('--labels', '--labels', [CompletionResultType]::ParameterName, '.csv: the column of labels, by its name or its position from 1')
            [CompletionResult]::new('--csv-header', '--csv-header', [CompletionResultType]::ParameterName, '.csv: whether the first line names the columns')
            [CompletionResult]::new('--x-key', '--x-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name')
            [CompletionResult]::new('--y-key', '--y-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of labels [default: y]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('--require-int8', '--require-int8', [CompletionResultType]::ParameterName, 'Exit with status 1 where an operator computes in float')
            [CompletionResult]::new('--allow-constant', '--allow-constant', [CompletionResultType]::ParameterName, 'Let calibration show but one value of an activation: a part of the model that does nothing')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Refuse calibration data that look wrong, instead of warning')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Say where the noise of int8 is, which samples change class and where that begins, and try repairs')
            [CompletionResult]::new('--per-tensor', '--per-tensor', [CompletionResultType]::ParameterName, 'One weight scale per layer, instead of one per output channel')
            [CompletionResult]::new('--stateful', '--stateful', [CompletionResultType]::ParameterName, 'Recurrent layers of the .edgm go on where the invocation before left them, instead of beginning anew')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgectl;run' {
            [CompletionResult]::new('--input', '--input', [CompletionResultType]::ParameterName, 'Samples: .npz, .safetensors, .npy, .csv, or a folder of images; .npz or .safetensors for models with several inputs')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write all outputs, stacked: .npz by name, or .npy for a model with one output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write all outputs, stacked: .npz by name, or .npy for a model with one output')
            [CompletionResult]::new('--against', '--against', [CompletionResultType]::ParameterName, 'Compare with another model of the same outputs')
            [CompletionResult]::new('--metric', '--metric', [CompletionResultType]::ParameterName, 'What is measured [default: top1, where there are labels and the only output is a list of classes]')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Read at most the first so many samples')
            [CompletionResult]::new('--sequence', '--sequence', [CompletionResultType]::ParameterName, 'Take samples for steps of sequences, so many each or all, of which a stateful model remembers those before')
            [CompletionResult]::new('--scale', '--scale', [CompletionResultType]::ParameterName, 'Factor of the raw values, such as 1/255')
            [CompletionResult]::new('--mean', '--mean', [CompletionResultType]::ParameterName, 'Subtracted after scaling: one value, or one per channel')
            [CompletionResult]::new('--std', '--std', [CompletionResultType]::ParameterName, 'Divides after subtracting: one value, or one per channel')
            [CompletionResult]::new('--resize', '--resize', [CompletionResultType]::ParameterName, 'Resize images, bilinear')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'Layout of the stored images')
            [CompletionResult]::new('--model-layout', '--model-layout', [CompletionResultType]::ParameterName, 'Layout of the model''s input, where it is an image [default: nchw]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Decode images to this colour model')
            [CompletionResult]::new('--labels', '--labels', [CompletionResultType]::ParameterName, '.csv: the column of labels, by its name or its position from 1')
            [CompletionResult]::new('--csv-header', '--csv-header', [CompletionResultType]::ParameterName, '.csv: whether the first line names the columns')
            [CompletionResult]::new('--x-key', '--x-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name')
            [CompletionResult]::new('--y-key', '--y-key', [CompletionResultType]::ParameterName, '.npz, .safetensors: the array of labels [default: y]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'edgectl;verify' {
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Trust this public key, or the one in this file')
            [CompletionResult]::new('--trust', '--trust', [CompletionResultType]::ParameterName, 'Trust whom this file names, for what it says')
            [CompletionResult]::new('--channel', '--channel', [CompletionResultType]::ParameterName, 'The channel that it must be for')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The device that it must be for')
            [CompletionResult]::new('--installed-security-version', '--installed-security-version', [CompletionResultType]::ParameterName, 'The security version that the device has committed to: lower ones are refused')
            [CompletionResult]::new('--installed-counter', '--installed-counter', [CompletionResultType]::ParameterName, 'The number of the release that the device has: lower ones are refused')
            [CompletionResult]::new('--at', '--at', [CompletionResultType]::ParameterName, 'The moment at which it is judged [default: now]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgectl;help' {
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Say what models cost: time, memory, energy, on devices or on this machine')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('deploy', 'deploy', [CompletionResultType]::ParameterValue, 'Bring a bundle to devices and prove it there')
            [CompletionResult]::new('distill', 'distill', [CompletionResultType]::ParameterValue, 'Train a small model to do what a large one does')
            [CompletionResult]::new('finetune', 'finetune', [CompletionResultType]::ParameterValue, 'Train a model further: one that was pruned, that drifted, or that shall become int8')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Show a model''s operators, their cost, and whether it can be quantized; or what a bundle holds')
            [CompletionResult]::new('keys', 'keys', [CompletionResultType]::ParameterValue, 'Generate and show the keys that sign bundles; sign and verify files')
            [CompletionResult]::new('monitor', 'monitor', [CompletionResultType]::ParameterValue, 'Show what a board says on its serial line: its log, and edgectl''s frames in words')
            [CompletionResult]::new('package', 'package', [CompletionResultType]::ParameterValue, 'Put a program, its golden vectors and its evidence into a signed bundle')
            [CompletionResult]::new('profiles', 'profiles', [CompletionResultType]::ParameterValue, 'List, show and check device profiles')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Remove channels from a float model, or set weights to zero, and measure what that costs')
            [CompletionResult]::new('quantize', 'quantize', [CompletionResultType]::ParameterValue, 'Quantize a float model to int8 and measure what it costs')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a model on every sample of a data set')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check a bundle: signatures, expiry, rollback, and every byte of it')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'edgectl;help;bench' {
            break
        }
        'edgectl;help;completions' {
            break
        }
        'edgectl;help;deploy' {
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'What devices run, and how they are')
            [CompletionResult]::new('rollback', 'rollback', [CompletionResultType]::ParameterValue, 'Go back to the release before the current one, with the same proof as a deployment')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'What became of deployments on devices')
            break
        }
        'edgectl;help;deploy;status' {
            break
        }
        'edgectl;help;deploy;rollback' {
            break
        }
        'edgectl;help;deploy;history' {
            break
        }
        'edgectl;help;distill' {
            break
        }
        'edgectl;help;finetune' {
            break
        }
        'edgectl;help;inspect' {
            break
        }
        'edgectl;help;keys' {
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Make a new key pair')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the public key that belongs to a key')
            [CompletionResult]::new('sign', 'sign', [CompletionResultType]::ParameterValue, 'Sign a file: the signature is minisign''s, in FILE.minisig; a bundle gets it inside, beside those that it has')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Verify the signature of a file')
            break
        }
        'edgectl;help;keys;generate' {
            break
        }
        'edgectl;help;keys;show' {
            break
        }
        'edgectl;help;keys;sign' {
            break
        }
        'edgectl;help;keys;verify' {
            break
        }
        'edgectl;help;monitor' {
            break
        }
        'edgectl;help;package' {
            break
        }
        'edgectl;help;profiles' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the profiles that are built in, or those of a folder')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a device: processors, memories, power, kernel libraries, and where each figure is from')
            [CompletionResult]::new('calibrate', 'calibrate', [CompletionResultType]::ParameterValue, 'Fit a kernel library of a profile to measurements of your own')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check profiles: keys, units, and what no device can be')
            break
        }
        'edgectl;help;profiles;list' {
            break
        }
        'edgectl;help;profiles;show' {
            break
        }
        'edgectl;help;profiles;calibrate' {
            break
        }
        'edgectl;help;profiles;validate' {
            break
        }
        'edgectl;help;prune' {
            break
        }
        'edgectl;help;quantize' {
            break
        }
        'edgectl;help;run' {
            break
        }
        'edgectl;help;verify' {
            break
        }
        'edgectl;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
