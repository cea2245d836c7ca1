
use builtin;
use str;

set edit:completion:arg-completer[edgectl] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'edgectl'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'edgectl'= {
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand bench 'Say what models cost: time, memory, energy, on devices or on this machine'
            cand completions 'Print the completion script of a shell'
            cand deploy 'Bring a bundle to devices and prove it there'
            cand distill 'Train a small model to do what a large one does'
            cand finetune 'Train a model further: one that was pruned, that drifted, or that shall become int8'
            cand inspect 'Show a model''s operators, their cost, and whether it can be quantized; or what a bundle holds'
            cand keys 'Generate and show the keys that sign bundles; sign and verify files'
            cand monitor 'Show what a board says on its serial line: its log, and edgectl''s frames in words'
            cand package 'Put a program, its golden vectors and its evidence into a signed bundle'
            cand profiles 'List, show and check device profiles'
            cand prune 'Remove channels from a float model, or set weights to zero, and measure what that costs'
            cand quantize 'Quantize a float model to int8 and measure what it costs'
            cand run 'Run a model on every sample of a data set'
            cand verify 'Check a bundle: signatures, expiry, rollback, and every byte of it'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'edgectl;bench'= {
            cand --profile 'Devices: names (see `edgectl profiles list`), files, folders of files, or all'
            cand --to 'Where the device is, for back end device: serial:PORT, which is lent the program for as long as it takes, or ssh://user@host'
            cand --backend 'How times are found [default: device with --to, estimate with --profile, otherwise host]'
            cand --kernels 'The kernel library that is assumed: a name of the profile''s, or all [default: the profile''s choice]'
            cand --max-latency-ms 'Time of an inference'
            cand --max-ram-kib 'Arena, stack and, on Linux, the program'
            cand --max-flash-kib 'Program, runtime and kernels'
            cand --max-energy-uj 'Energy of an inference'
            cand --every 'One inference every so often: 500ms, 5s, 2min, 1h'
            cand --battery 'What the battery holds: 2000mAh (at 3.7 V), 2000mAh@3V or 7.4Wh'
            cand --time 'How long is measured, per model and engine [default: 2s]'
            cand --runs 'How many runs are timed, instead of a time'
            cand --warm-up 'The most that is spent on warming up [default: 1s]'
            cand --peers 'Engines to compare with; onnxruntime needs Python with that package ($EDGECTL_PYTHON or python3) [default: tract]'
            cand --identity 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too'
            cand --known-hosts 'Known hosts, instead of ~/.ssh/known_hosts and the system''s'
            cand --ssh-config 'ssh''s configuration [default: ~/.ssh/config]'
            cand --timeout 'How long to wait for any answer'
            cand --save 'Keep the findings, for --baseline'
            cand --baseline 'Compare with findings that were kept; exit with status 1 where one has become worse'
            cand --tolerance 'Measured times that changed by less are the same, whatever their noise'
            cand --report 'Write a page with charts, in one file'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --accept-new 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgectl;completions'= {
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;deploy'= {
            cand --key 'Trust this public key, or the one in this file'
            cand --trust 'Trust whom this file names, for what it says'
            cand --channel 'The channel that the bundle must be for'
            cand --to 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`'
            cand --inventory 'A file with devices in groups (see the README)'
            cand --group 'Only these groups of the inventory'
            cand --tag 'Only devices with one of these tags'
            cand --profile 'The device''s profile, where the bundle has several for its architecture'
            cand --service 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`'
            cand --identity 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too'
            cand --known-hosts 'Known hosts, instead of ~/.ssh/known_hosts and the system''s'
            cand --ssh-config 'ssh''s configuration [default: ~/.ssh/config]'
            cand --timeout 'How long to wait for any answer'
            cand --host-key 'The only host key that the device may have: SHA256:…'
            cand --deadline 'How long a release may be on trial before the device takes it back by itself'
            cand --passes 'How often in a row the service must be well'
            cand --parallel 'How many devices at once [default: the inventory''s, or 8]'
            cand --canary 'So many of the devices that are named with --to get the release first [default: 1]'
            cand --max-failures 'The share of a group that may fail, in percent; more stop the rollout at once [default: the inventory''s, or 0]'
            cand --min-success 'The share of a group that must succeed before the next one begins, in percent [default: the inventory''s, or 100]'
            cand --pause-after 'Stop after this group; the same command without this option goes on'
            cand --journal 'Where this side writes down what it has done, to go on after an interruption [default, for several devices: the bundle''s path with `.rollout.jsonl`]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --dry-run 'Show what would be done; no device is asked'
            cand --accept-new 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused'
            cand --allow-unverified 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand status 'What devices run, and how they are'
            cand rollback 'Go back to the release before the current one, with the same proof as a deployment'
            cand history 'What became of deployments on devices'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'edgectl;deploy;status'= {
            cand --to 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`'
            cand --inventory 'A file with devices in groups (see the README)'
            cand --group 'Only these groups of the inventory'
            cand --tag 'Only devices with one of these tags'
            cand --profile 'The device''s profile, where the bundle has several for its architecture'
            cand --service 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`'
            cand --identity 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too'
            cand --known-hosts 'Known hosts, instead of ~/.ssh/known_hosts and the system''s'
            cand --ssh-config 'ssh''s configuration [default: ~/.ssh/config]'
            cand --timeout 'How long to wait for any answer'
            cand --host-key 'The only host key that the device may have: SHA256:…'
            cand --deadline 'How long a release may be on trial before the device takes it back by itself'
            cand --passes 'How often in a row the service must be well'
            cand --parallel 'How many devices at once [default: the inventory''s, or 8]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --accept-new 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused'
            cand --allow-unverified 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;deploy;rollback'= {
            cand --to 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`'
            cand --inventory 'A file with devices in groups (see the README)'
            cand --group 'Only these groups of the inventory'
            cand --tag 'Only devices with one of these tags'
            cand --profile 'The device''s profile, where the bundle has several for its architecture'
            cand --service 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`'
            cand --identity 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too'
            cand --known-hosts 'Known hosts, instead of ~/.ssh/known_hosts and the system''s'
            cand --ssh-config 'ssh''s configuration [default: ~/.ssh/config]'
            cand --timeout 'How long to wait for any answer'
            cand --host-key 'The only host key that the device may have: SHA256:…'
            cand --deadline 'How long a release may be on trial before the device takes it back by itself'
            cand --passes 'How often in a row the service must be well'
            cand --parallel 'How many devices at once [default: the inventory''s, or 8]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --accept-new 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused'
            cand --allow-unverified 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;deploy;history'= {
            cand --to 'A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0, `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`'
            cand --inventory 'A file with devices in groups (see the README)'
            cand --group 'Only these groups of the inventory'
            cand --tag 'Only devices with one of these tags'
            cand --profile 'The device''s profile, where the bundle has several for its architecture'
            cand --service 'Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`'
            cand --identity 'A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too'
            cand --known-hosts 'Known hosts, instead of ~/.ssh/known_hosts and the system''s'
            cand --ssh-config 'ssh''s configuration [default: ~/.ssh/config]'
            cand --timeout 'How long to wait for any answer'
            cand --host-key 'The only host key that the device may have: SHA256:…'
            cand --deadline 'How long a release may be on trial before the device takes it back by itself'
            cand --passes 'How often in a row the service must be well'
            cand --parallel 'How many devices at once [default: the inventory''s, or 8]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --accept-new 'Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused'
            cand --allow-unverified 'ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;deploy;help'= {
            cand status 'What devices run, and how they are'
            cand rollback 'Go back to the release before the current one, with the same proof as a deployment'
            cand history 'What became of deployments on devices'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'edgectl;deploy;help;status'= {
        }
        &'edgectl;deploy;help;rollback'= {
        }
        &'edgectl;deploy;help;history'= {
        }
        &'edgectl;deploy;help;help'= {
        }
        &'edgectl;distill'= {
            cand --teacher 'The large model: .onnx, .tflite or .edgm'
            cand --student 'The small model: .onnx, .tflite; a template such as ds-cnn:width=0.5 (autoencoder, ds-cnn, gru, mlp, mobilenet-v1, mobilenet-v2, resnet8, squeezenet, tcn); or auto, the widest template that --profile can run within the limits'
            cand --data 'Samples to train on; labels are used where there are any'
            cand --eval 'Samples on which the models are measured'
            cand -o 'File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once'
            cand --output 'File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once'
            cand --template 'auto: the template [default: by the shape of the samples]'
            cand --profile 'auto: the device that must run it. Also says what the int8 programs cost there (see `edgectl bench`)'
            cand --max-latency-ms 'auto: time of an inference'
            cand --max-ram-kib 'auto: arena, stack and, on Linux, the program'
            cand --max-flash-kib 'auto: program, runtime and kernels'
            cand --samples 'Read at most the first so many training samples'
            cand --limit 'Read at most the first so many evaluation samples'
            cand --metric 'What is measured [default: top1, where there are labels and the only output is a list of classes]'
            cand --loss 'What the model''s own outputs are compared with [default: labels where there are any and the outputs are classes; the input, where the output has its shape]'
            cand --label-smoothing 'The share of a label that goes to all classes alike'
            cand --temperature 'Teacher: the greater, the more its small probabilities matter'
            cand --teacher-weight 'Teacher: the weight of its outputs; the labels have the rest to 1'
            cand --match-features 'Teacher: tensors of both models to be made alike, of one size'
            cand --match-attention 'Teacher: tensors of both models that should be large in the same places, of one height and width'
            cand --match-weight 'Teacher: the weight of each pair of tensors'
            cand --epochs 'Times that all samples are seen [default: 10 for finetune, 30 for distill]'
            cand --batch 'Samples of a step'
            cand --learning-rate 'The greatest learning rate [default: 0.0005 for finetune, 0.01 for distill]'
            cand --schedule 'How the learning rate goes on'
            cand --warm-up 'Epochs in which the learning rate rises first; may be a fraction [default: 0 for finetune, 1 for distill]'
            cand --optimizer 'How gradients become steps'
            cand --momentum 'sgd: what remains of the step before'
            cand --weight-decay 'Decay of weights, at a learning rate of 1'
            cand --clip-norm 'The greatest norm of all gradients together; 0 for no limit'
            cand --augment 'Random changes of the training samples: flip, shift=PIXELS, cutout=PIXELS of images; time-shift=STEPS, time-mask=STEPS of windows with time on the last axis; noise=STD, scale=SHARE of either'
            cand --validation 'The share of the training samples by which the best epoch is chosen; 0 to train on all and keep the last epoch'
            cand --patience 'Stop after so many epochs without a better one'
            cand --freeze 'Nodes whose weights stay as they are'
            cand --seed 'Whence order, augmentation and first weights follow: the same seed gives the same bytes'
            cand --checkpoint 'The state of training: kept after each epoch and on interrupt, and taken up again by the same command; goes when all is done [default: the first output with .checkpoint behind it]'
            cand --log 'Write loss and metric of each epoch, one JSON object a line'
            cand --report 'Write the curves of training as a page to look at; nothing in it is loaded from elsewhere'
            cand --scale 'Factor of the raw values, such as 1/255'
            cand --mean 'Subtracted after scaling: one value, or one per channel'
            cand --std 'Divides after subtracting: one value, or one per channel'
            cand --resize 'Resize images, bilinear'
            cand --layout 'Layout of the stored images'
            cand --model-layout 'Layout of the model''s input, where it is an image [default: nchw]'
            cand --color 'Decode images to this colour model'
            cand --labels '.csv: the column of labels, by its name or its position from 1'
            cand --csv-header '.csv: whether the first line names the columns'
            cand --x-key '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name'
            cand --y-key '.npz, .safetensors: the array of labels [default: y]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --reinitialize 'A student''s file: begin with new random weights'
            cand --quantization-aware 'Train as int8 will compute, and learn the ranges of activations'
            cand --per-tensor 'Quantization-aware: one weight scale per layer, instead of one per output channel'
            cand --freeze-statistics 'Keep the running statistics of batch normalization'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgectl;finetune'= {
            cand --data 'Samples to train on, with labels where there are any'
            cand --eval 'Samples on which the model is measured before and after'
            cand -o 'File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once'
            cand --output 'File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once'
            cand --teacher 'A model to learn from beside the labels: .onnx, .tflite or .edgm'
            cand --samples 'Read at most the first so many training samples'
            cand --limit 'Read at most the first so many evaluation samples'
            cand --metric 'What is measured [default: top1, where there are labels and the only output is a list of classes]'
            cand --profile 'Also say what the int8 program costs on these devices (see `edgectl bench`)'
            cand --loss 'What the model''s own outputs are compared with [default: labels where there are any and the outputs are classes; the input, where the output has its shape]'
            cand --label-smoothing 'The share of a label that goes to all classes alike'
            cand --temperature 'Teacher: the greater, the more its small probabilities matter'
            cand --teacher-weight 'Teacher: the weight of its outputs; the labels have the rest to 1'
            cand --match-features 'Teacher: tensors of both models to be made alike, of one size'
            cand --match-attention 'Teacher: tensors of both models that should be large in the same places, of one height and width'
            cand --match-weight 'Teacher: the weight of each pair of tensors'
            cand --epochs 'Times that all samples are seen [default: 10 for finetune, 30 for distill]'
            cand --batch 'Samples of a step'
            cand --learning-rate 'The greatest learning rate [default: 0.0005 for finetune, 0.01 for distill]'
            cand --schedule 'How the learning rate goes on'
            cand --warm-up 'Epochs in which the learning rate rises first; may be a fraction [default: 0 for finetune, 1 for distill]'
            cand --optimizer 'How gradients become steps'
            cand --momentum 'sgd: what remains of the step before'
            cand --weight-decay 'Decay of weights, at a learning rate of 1'
            cand --clip-norm 'The greatest norm of all gradients together; 0 for no limit'
            cand --augment 'Random changes of the training samples: flip, shift=PIXELS, cutout=PIXELS of images; time-shift=STEPS, time-mask=STEPS of windows with time on the last axis; noise=STD, scale=SHARE of either'
            cand --validation 'The share of the training samples by which the best epoch is chosen; 0 to train on all and keep the last epoch'
            cand --patience 'Stop after so many epochs without a better one'
            cand --freeze 'Nodes whose weights stay as they are'
            cand --seed 'Whence order, augmentation and first weights follow: the same seed gives the same bytes'
            cand --checkpoint 'The state of training: kept after each epoch and on interrupt, and taken up again by the same command; goes when all is done [default: the first output with .checkpoint behind it]'
            cand --log 'Write loss and metric of each epoch, one JSON object a line'
            cand --report 'Write the curves of training as a page to look at; nothing in it is loaded from elsewhere'
            cand --scale 'Factor of the raw values, such as 1/255'
            cand --mean 'Subtracted after scaling: one value, or one per channel'
            cand --std 'Divides after subtracting: one value, or one per channel'
            cand --resize 'Resize images, bilinear'
            cand --layout 'Layout of the stored images'
            cand --model-layout 'Layout of the model''s input, where it is an image [default: nchw]'
            cand --color 'Decode images to this colour model'
            cand --labels '.csv: the column of labels, by its name or its position from 1'
            cand --csv-header '.csv: whether the first line names the columns'
            cand --x-key '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name'
            cand --y-key '.npz, .safetensors: the array of labels [default: y]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --quantization-aware 'Train as int8 will compute, and learn the ranges of activations'
            cand --per-tensor 'Quantization-aware: one weight scale per layer, instead of one per output channel'
            cand --freeze-statistics 'Keep the running statistics of batch normalization'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgectl;inspect'= {
            cand --profile 'Also say what it costs on these devices (see `edgectl bench`); exit with status 1 where it does not fit or run there'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --dump 'Print the graph as text, one line per tensor or node, before any pass'
            cand --require-int8 'Exit with status 1 where an operator computes in float'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;keys'= {
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand generate 'Make a new key pair'
            cand show 'Show the public key that belongs to a key'
            cand sign 'Sign a file: the signature is minisign''s, in FILE.minisig; a bundle gets it inside, beside those that it has'
            cand verify 'Verify the signature of a file'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'edgectl;keys;generate'= {
            cand -o 'File for the secret key, encrypted with a password; one that exists is never replaced'
            cand --output 'File for the secret key, encrypted with a password; one that exists is never replaced'
            cand --public 'File for the public key [default: the secret key''s, with the extension .pub]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;keys;show'= {
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;keys;sign'= {
            cand --key 'The key to sign with'
            cand --comment 'A comment that is signed too; a bundle''s says which release it is'
            cand -o 'File to write [default: FILE.minisig, or the bundle itself]'
            cand --output 'File to write [default: FILE.minisig, or the bundle itself]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;keys;verify'= {
            cand --key 'The public key, or its file'
            cand --signature 'The signature [default: FILE.minisig]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;keys;help'= {
            cand generate 'Make a new key pair'
            cand show 'Show the public key that belongs to a key'
            cand sign 'Sign a file: the signature is minisign''s, in FILE.minisig; a bundle gets it inside, beside those that it has'
            cand verify 'Verify the signature of a file'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'edgectl;keys;help;generate'= {
        }
        &'edgectl;keys;help;show'= {
        }
        &'edgectl;keys;help;sign'= {
        }
        &'edgectl;keys;help;verify'= {
        }
        &'edgectl;keys;help;help'= {
        }
        &'edgectl;monitor'= {
            cand --port 'The serial port: a name such as /dev/ttyUSB0, `board:NUMBER`, `mac:ADDRESS`, `usb:SERIAL`, `tcp:HOST:PORT` or `auto`; `?baud=N` behind it for other speeds than 115200'
            cand --for 'How long [default: until it is interrupted]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --no-reconnect 'End when the port goes away, with exit status 2'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgectl;package'= {
            cand --profile 'The devices that it is for (see `edgectl profiles list`)'
            cand -o 'File to write: .edgepkg, a bundle; .uf2 (Raspberry Pi Pico) or .bin (ESP32), all that lies in the flash of one kind of board'
            cand --output 'File to write: .edgepkg, a bundle; .uf2 (Raspberry Pi Pico) or .bin (ESP32), all that lies in the flash of one kind of board'
            cand --key 'Sign with this key; may be given more than once. Without it, nothing will deploy the bundle before `keys sign` has signed it'
            cand --name 'Name of the model [default: the program''s file name]'
            cand --version 'Version of the model'
            cand --channel 'Whom it is for; test keys never sign for `prod`'
            cand --counter 'Number of the release in its channel, such as the pipeline''s; a higher one is newer'
            cand --security-version 'What devices that have committed to this release accept at least; raise it when older releases are not safe'
            cand --expires 'When it is not to be deployed any more: a moment such as 2027-01-31T00:00:00Z, or days after `--created` such as 90d'
            cand --created 'When it was made [default: SOURCE_DATE_EPOCH, or left out]'
            cand --model 'The model with QDQ pairs, for other engines'
            cand --classes 'Names of the classes, one a line'
            cand --report 'Report of `quantize` or `bench` (--format json): accuracy and latency go into the manifest'
            cand --golden 'Data of which golden vectors are made [default: random inputs]'
            cand --vectors 'Number of golden vectors'
            cand --seed 'Seed of random inputs'
            cand --firmware 'ESP32 chips: another firmware than edgectl''s own'
            cand --partition-table 'ESP32 chips: another partition table than edgectl''s own; the program goes into its partition `model`'
            cand --runtime '`edge-agent` for Linux devices, one for each architecture [default: those that edgectl has, for aarch64 and x86_64]'
            cand --scale 'Factor of the raw values, such as 1/255'
            cand --mean 'Subtracted after scaling: one value, or one per channel'
            cand --std 'Divides after subtracting: one value, or one per channel'
            cand --resize 'Resize images, bilinear'
            cand --layout 'Layout of the stored images'
            cand --model-layout 'Layout of the model''s input, where it is an image [default: nchw]'
            cand --color 'Decode images to this colour model'
            cand --labels '.csv: the column of labels, by its name or its position from 1'
            cand --csv-header '.csv: whether the first line names the columns'
            cand --x-key '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name'
            cand --y-key '.npz, .safetensors: the array of labels [default: y]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --model-only '.uf2, .bin: the model alone, for boards that have the firmware'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgectl;profiles'= {
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
            cand list 'List the profiles that are built in, or those of a folder'
            cand show 'Show a device: processors, memories, power, kernel libraries, and where each figure is from'
            cand calibrate 'Fit a kernel library of a profile to measurements of your own'
            cand validate 'Check profiles: keys, units, and what no device can be'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'edgectl;profiles;list'= {
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;profiles;show'= {
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;profiles;calibrate'= {
            cand --measurements 'A .csv whose first line names the columns: `model`, a path beside the file, and `latency_ms`; or a .json of `bench --backend device --save`'
            cand --kernels 'The kernel library that was measured [default: the profile''s choice]'
            cand -o 'File to write; the profile is named after it'
            cand --output 'File to write; the profile is named after it'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;profiles;validate'= {
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;profiles;help'= {
            cand list 'List the profiles that are built in, or those of a folder'
            cand show 'Show a device: processors, memories, power, kernel libraries, and where each figure is from'
            cand calibrate 'Fit a kernel library of a profile to measurements of your own'
            cand validate 'Check profiles: keys, units, and what no device can be'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'edgectl;profiles;help;list'= {
        }
        &'edgectl;profiles;help;show'= {
        }
        &'edgectl;profiles;help;calibrate'= {
        }
        &'edgectl;profiles;help;validate'= {
        }
        &'edgectl;profiles;help;help'= {
        }
        &'edgectl;prune'= {
            cand --data 'Samples, with labels or without: for activation statistics, gradients and training'
            cand --eval 'Samples on which the model is measured before and after'
            cand -o 'File to write: .onnx'
            cand --output 'File to write: .onnx'
            cand --sparsity 'The share of parameters that goes, from 0 to 1; with --structure unstructured, the share of weights that become zero'
            cand --max-macs 'The most multiply-accumulate operations: 1500000, 1500k or 1.5M'
            cand --max-params 'The most parameters: 20000 or 20k'
            cand --max-latency-ms 'Time of an inference on each --profile, as its cost model estimates it for int8'
            cand --max-ram-kib 'Arena, stack and, on Linux, the int8 program'
            cand --max-flash-kib 'Int8 program, runtime and kernels'
            cand --blocks 'Weights of which blocks stay, N of M, such as 2:4'
            cand --structure 'Whether channels go, or single weights become zero'
            cand --importance 'How channels are compared'
            cand --scope 'Whether all layers are compared, or each loses the same share'
            cand --multiple 'Numbers of channels become multiples of this [default: what the profile''s kernels take at a time, otherwise 1]'
            cand --keep 'The share of channels that each layer keeps at least'
            cand --max-drop 'The drop of the metric that is allowed, in points; more than that is refused with exit status 1, and nothing is written'
            cand --input-range '--lossless: the range of the model''s inputs, such as 0,1 [default: any number]'
            cand --profile 'Devices: names (see `edgectl profiles list`) or files'
            cand --steps 'Steps in which the target is reached'
            cand --epochs 'Epochs after each step but the last'
            cand --final-epochs 'Epochs after the last step [default: 4 times --epochs]'
            cand --batch 'Samples of a batch'
            cand --learning-rate 'The greatest learning rate'
            cand --distill-weight 'How much the unpruned model''s outputs count beside the labels, from 0 to 1; without labels they are all there is'
            cand --temperature 'How soft the unpruned model''s classes are'
            cand --feature-weight 'How much the inner tensors of the unpruned model count: channels that stay are held to what they were [default: 100 without labels, 0 with labels]'
            cand --augment 'Random changes of training samples (see `edgectl finetune --help`)'
            cand --seed 'Whence all randomness comes'
            cand --checkpoint 'The state of training: kept in a file for each step, with its number behind this name, after each epoch and on interrupt, and taken up again by the same command; goes when all is done [default: the output with .checkpoint behind it]'
            cand --samples 'Read at most so many samples of --data, taken evenly from all of them'
            cand --limit 'Read at most the first so many evaluation samples'
            cand --metric 'What is measured [default: top1, where there are labels and the only output is a list of classes]'
            cand --scale 'Factor of the raw values, such as 1/255'
            cand --mean 'Subtracted after scaling: one value, or one per channel'
            cand --std 'Divides after subtracting: one value, or one per channel'
            cand --resize 'Resize images, bilinear'
            cand --layout 'Layout of the stored images'
            cand --model-layout 'Layout of the model''s input, where it is an image [default: nchw]'
            cand --color 'Decode images to this colour model'
            cand --labels '.csv: the column of labels, by its name or its position from 1'
            cand --csv-header '.csv: whether the first line names the columns'
            cand --x-key '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name'
            cand --y-key '.npz, .safetensors: the array of labels [default: y]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --lossless 'Remove only what does nothing: outputs stay as they are, to rounding'
            cand --no-compensation 'Only take channels out, and leave the weights of the others as they are, instead of letting them make up for what goes'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgectl;quantize'= {
            cand --calibration 'Samples from which the ranges of activations are found; needed for float models, and for quantized ones of which a part has no scale'
            cand --eval 'Samples on which float and int8 are compared'
            cand -o 'File to write: .edgm (int8 program) or .onnx (QDQ); may be given more than once'
            cand --output 'File to write: .edgm (int8 program) or .onnx (QDQ); may be given more than once'
            cand --mode 'What becomes int8: activations and weights, for devices of any kind; or weights alone, as .onnx for Linux devices, computing in float (weights-only) or in integers with activations quantized as they come (dynamic)'
            cand --calibrator 'How ranges are found [default: percentile]'
            cand --percentile 'percentile: the share of values that stays, above 50, at most 100 [default: 99.98]'
            cand --passes 'Methods beside calibration, applied in their own order: none, or some of remove-dead, equalize, absorb-bias, clip-weights, round-adaptive, correct-bias, correct-bias-empirical [default: equalize; with --per-tensor also correct-bias-empirical]'
            cand --calibration-samples 'Read at most so many calibration samples, taken evenly from all of the data'
            cand --limit 'Read at most the first so many evaluation samples'
            cand --metric 'What is measured [default: top1, where there are labels and the only output is a list of classes]'
            cand --max-drop 'The drop of the metric that is allowed, in points: tries recipes from the cheapest on and stops at the first that stays within; exits with status 1 where none does'
            cand --budget 'Begin no further recipe of --max-drop after so long, such as 30s or 2m'
            cand --int16 'Nodes with int16 activations and int8 weights: their names, all that have such a form, or auto, which with --max-drop takes as few as stay within it, where no recipe of int8 does'
            cand --report 'Write the explanation as a page to look at, with plots; nothing in it is loaded from elsewhere'
            cand --profile 'Also say what the result costs on these devices (see `edgectl bench`); exit with status 1 where it does not fit or run there'
            cand --streaming 'The .edgm takes only so many new columns of the window per invocation and keeps the others: a window that slides over a stream'
            cand --time-axis 'The axis of the model''s input along which the window slides [default: the last one]'
            cand --scale 'Factor of the raw values, such as 1/255'
            cand --mean 'Subtracted after scaling: one value, or one per channel'
            cand --std 'Divides after subtracting: one value, or one per channel'
            cand --resize 'Resize images, bilinear'
            cand --layout 'Layout of the stored images'
            cand --model-layout 'Layout of the model''s input, where it is an image [default: nchw]'
            cand --color 'Decode images to this colour model'
            cand --labels '.csv: the column of labels, by its name or its position from 1'
            cand --csv-header '.csv: whether the first line names the columns'
            cand --x-key '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name'
            cand --y-key '.npz, .safetensors: the array of labels [default: y]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand --require-int8 'Exit with status 1 where an operator computes in float'
            cand --allow-constant 'Let calibration show but one value of an activation: a part of the model that does nothing'
            cand --strict 'Refuse calibration data that look wrong, instead of warning'
            cand --explain 'Say where the noise of int8 is, which samples change class and where that begins, and try repairs'
            cand --per-tensor 'One weight scale per layer, instead of one per output channel'
            cand --stateful 'Recurrent layers of the .edgm go on where the invocation before left them, instead of beginning anew'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgectl;run'= {
            cand --input 'Samples: .npz, .safetensors, .npy, .csv, or a folder of images; .npz or .safetensors for models with several inputs'
            cand -o 'Write all outputs, stacked: .npz by name, or .npy for a model with one output'
            cand --output 'Write all outputs, stacked: .npz by name, or .npy for a model with one output'
            cand --against 'Compare with another model of the same outputs'
            cand --metric 'What is measured [default: top1, where there are labels and the only output is a list of classes]'
            cand --limit 'Read at most the first so many samples'
            cand --sequence 'Take samples for steps of sequences, so many each or all, of which a stateful model remembers those before'
            cand --scale 'Factor of the raw values, such as 1/255'
            cand --mean 'Subtracted after scaling: one value, or one per channel'
            cand --std 'Divides after subtracting: one value, or one per channel'
            cand --resize 'Resize images, bilinear'
            cand --layout 'Layout of the stored images'
            cand --model-layout 'Layout of the model''s input, where it is an image [default: nchw]'
            cand --color 'Decode images to this colour model'
            cand --labels '.csv: the column of labels, by its name or its position from 1'
            cand --csv-header '.csv: whether the first line names the columns'
            cand --x-key '.npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input''s name'
            cand --y-key '.npz, .safetensors: the array of labels [default: y]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;verify'= {
            cand --key 'Trust this public key, or the one in this file'
            cand --trust 'Trust whom this file names, for what it says'
            cand --channel 'The channel that it must be for'
            cand --profile 'The device that it must be for'
            cand --installed-security-version 'The security version that the device has committed to: lower ones are refused'
            cand --installed-counter 'The number of the release that the device has: lower ones are refused'
            cand --at 'The moment at which it is judged [default: now]'
            cand --format 'Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgectl;help'= {
            cand bench 'Say what models cost: time, memory, energy, on devices or on this machine'
            cand completions 'Print the completion script of a shell'
            cand deploy 'Bring a bundle to devices and prove it there'
            cand distill 'Train a small model to do what a large one does'
            cand finetune 'Train a model further: one that was pruned, that drifted, or that shall become int8'
            cand inspect 'Show a model''s operators, their cost, and whether it can be quantized; or what a bundle holds'
            cand keys 'Generate and show the keys that sign bundles; sign and verify files'
            cand monitor 'Show what a board says on its serial line: its log, and edgectl''s frames in words'
            cand package 'Put a program, its golden vectors and its evidence into a signed bundle'
            cand profiles 'List, show and check device profiles'
            cand prune 'Remove channels from a float model, or set weights to zero, and measure what that costs'
            cand quantize 'Quantize a float model to int8 and measure what it costs'
            cand run 'Run a model on every sample of a data set'
            cand verify 'Check a bundle: signatures, expiry, rollback, and every byte of it'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'edgectl;help;bench'= {
        }
        &'edgectl;help;completions'= {
        }
        &'edgectl;help;deploy'= {
            cand status 'What devices run, and how they are'
            cand rollback 'Go back to the release before the current one, with the same proof as a deployment'
            cand history 'What became of deployments on devices'
        }
        &'edgectl;help;deploy;status'= {
        }
        &'edgectl;help;deploy;rollback'= {
        }
        &'edgectl;help;deploy;history'= {
        }
        &'edgectl;help;distill'= {
        }
        &'edgectl;help;finetune'= {
        }
        &'edgectl;help;inspect'= {
        }
        &'edgectl;help;keys'= {
            cand generate 'Make a new key pair'
            cand show 'Show the public key that belongs to a key'
            cand sign 'Sign a file: the signature is minisign''s, in FILE.minisig; a bundle gets it inside, beside those that it has'
            cand verify 'Verify the signature of a file'
        }
        &'edgectl;help;keys;generate'= {
        }
        &'edgectl;help;keys;show'= {
        }
        &'edgectl;help;keys;sign'= {
        }
        &'edgectl;help;keys;verify'= {
        }
        &'edgectl;help;monitor'= {
        }
        &'edgectl;help;package'= {
        }
        &'edgectl;help;profiles'= {
            cand list 'List the profiles that are built in, or those of a folder'
            cand show 'Show a device: processors, memories, power, kernel libraries, and where each figure is from'
            cand calibrate 'Fit a kernel library of a profile to measurements of your own'
            cand validate 'Check profiles: keys, units, and what no device can be'
        }
        &'edgectl;help;profiles;list'= {
        }
        &'edgectl;help;profiles;show'= {
        }
        &'edgectl;help;profiles;calibrate'= {
        }
        &'edgectl;help;profiles;validate'= {
        }
        &'edgectl;help;prune'= {
        }
        &'edgectl;help;quantize'= {
        }
        &'edgectl;help;run'= {
        }
        &'edgectl;help;verify'= {
        }
        &'edgectl;help;help'= {
        }
    ]
    $completions[$command]
}
