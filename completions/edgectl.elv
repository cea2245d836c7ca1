
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
            cand --format 'Form of the result on stdout: text for people, or one JSON document'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand completions 'Print the completion script of a shell'
            cand inspect 'Show a model''s operators, their cost, and whether it can be quantized'
            cand quantize 'Quantize a float model to int8 and measure what it costs'
            cand run 'Run a model on every sample of a data set'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'edgectl;completions'= {
            cand --format 'Form of the result on stdout: text for people, or one JSON document'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;inspect'= {
            cand --format 'Form of the result on stdout: text for people, or one JSON document'
            cand --dump 'Print the graph as text, one line per tensor or node, before any pass'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;quantize'= {
            cand --calibration 'Samples from which the ranges of activations are found; needed for float models, without labels'
            cand --eval 'Samples on which float and int8 are compared'
            cand -o 'File to write: .edgm (int8 program) or .onnx (QDQ); may be given more than once'
            cand --output 'File to write: .edgm (int8 program) or .onnx (QDQ); may be given more than once'
            cand --calibrator 'How ranges are found'
            cand --percentile 'percentile: the share of values that stays, above 50, at most 100 [default: 99.98]'
            cand --passes 'Methods beside calibration, applied in their own order: none, or some of equalize, absorb-bias, clip-weights, round-adaptive, correct-bias, correct-bias-empirical'
            cand --calibration-samples 'Read at most the first so many calibration samples'
            cand --limit 'Read at most the first so many evaluation samples'
            cand --metric 'What is measured [default: top1, where there are labels and the only output is a list of classes]'
            cand --max-drop 'Exit with status 1 where int8 is worse than float by more than so many points'
            cand --scale 'Factor of the raw values, such as 1/255'
            cand --mean 'Subtracted after scaling: one value, or one per channel'
            cand --std 'Divides after subtracting: one value, or one per channel'
            cand --resize 'Resize images, bilinear'
            cand --layout 'Layout of the stored images'
            cand --model-layout 'Layout of the model''s input, where it is an image [default: nchw]'
            cand --color 'Decode images to this colour model'
            cand --labels '.csv: the column of labels, by its name or its position from 1'
            cand --csv-header '.csv: whether the first line names the columns'
            cand --x-key '.npz, .safetensors: the array of samples [default: x]'
            cand --y-key '.npz, .safetensors: the array of labels [default: y]'
            cand --format 'Form of the result on stdout: text for people, or one JSON document'
            cand --per-tensor 'One weight scale per layer, instead of one per output channel'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;run'= {
            cand --input 'Samples: .npz, .safetensors, .npy, .csv, or a folder of images'
            cand -o 'Write all outputs, stacked: .npz by name, or .npy for a model with one output'
            cand --output 'Write all outputs, stacked: .npz by name, or .npy for a model with one output'
            cand --against 'Compare with another model of the same outputs'
            cand --metric 'What is measured [default: top1, where there are labels and the only output is a list of classes]'
            cand --limit 'Read at most the first so many samples'
            cand --scale 'Factor of the raw values, such as 1/255'
            cand --mean 'Subtracted after scaling: one value, or one per channel'
            cand --std 'Divides after subtracting: one value, or one per channel'
            cand --resize 'Resize images, bilinear'
            cand --layout 'Layout of the stored images'
            cand --model-layout 'Layout of the model''s input, where it is an image [default: nchw]'
            cand --color 'Decode images to this colour model'
            cand --labels '.csv: the column of labels, by its name or its position from 1'
            cand --csv-header '.csv: whether the first line names the columns'
            cand --x-key '.npz, .safetensors: the array of samples [default: x]'
            cand --y-key '.npz, .safetensors: the array of labels [default: y]'
            cand --format 'Form of the result on stdout: text for people, or one JSON document'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more about what is done'
            cand --verbose 'Say more about what is done'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'edgectl;help'= {
            cand completions 'Print the completion script of a shell'
            cand inspect 'Show a model''s operators, their cost, and whether it can be quantized'
            cand quantize 'Quantize a float model to int8 and measure what it costs'
            cand run 'Run a model on every sample of a data set'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'edgectl;help;completions'= {
        }
        &'edgectl;help;inspect'= {
        }
        &'edgectl;help;quantize'= {
        }
        &'edgectl;help;run'= {
        }
        &'edgectl;help;help'= {
        }
    ]
    $completions[$command]
}
