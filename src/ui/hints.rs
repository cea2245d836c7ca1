//! What to do about an error: one function per library, one line per variant. Libraries know no flags, so the advice is here.

use std::error::Error;
use std::io;

use edge_device::client::ClientError;
use edge_format::FormatError;
use edge_runtime::RuntimeError;
use edgectl_bench::backend::BackendError;
use edgectl_bench::baseline::BaselineError;
use edgectl_bench::emulator::EmulatorError;
use edgectl_bench::qemu::QemuError;
use edgectl_bundle::{BundleError, SecretKeyError};
use edgectl_data::{DataError, MetricError};
use edgectl_deploy::BoardError;
use edgectl_deploy::fleet::{InventoryError, JournalError};
use edgectl_deploy::ssh::SshError;
use edgectl_deploy::{DeployError, TargetError};
use edgectl_esp::EspError;
use edgectl_float::FloatError;
use edgectl_graph::{GraphError, QuantError};
use edgectl_lower::LowerError;
use edgectl_onnx::OnnxError;
use edgectl_profile::{EstimateError, ProfileError};
use edgectl_prune::PruneError;
use edgectl_quantize::{QdqError, QuantizeError};
use edgectl_tflite::TfliteError;
use edgectl_train::TrainError;

use crate::benchmark::CandidateError;
use crate::benchmark::devices::DeviceError;
use crate::cmd::bench::BenchArgsError;
use crate::deployment::DeploymentError;
use crate::engine::NoMemory;
use crate::eval::EvalError;
use crate::model::ModelError;
use crate::output::OutputError;
use crate::packaging::PackageError;
use crate::pruning::PruningError;
use crate::quantization::LintError;
use crate::samples::SamplesError;
use crate::signing::KeyError;
use crate::training::{Interrupted, StudentError, TeacherError};

/// The first advice that a cause in the chain has.
pub(super) fn hint(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(of)
}

fn of(error: &(dyn Error + 'static)) -> Option<&'static str> {
    None.or_else(|| error.downcast_ref().and_then(backend))
        .or_else(|| error.downcast_ref().and_then(baseline))
        .or_else(|| error.downcast_ref().and_then(bench))
        .or_else(|| error.downcast_ref().and_then(board))
        .or_else(|| error.downcast_ref().and_then(bundle))
        .or_else(|| error.downcast_ref().and_then(candidate))
        .or_else(|| error.downcast_ref().and_then(data))
        .or_else(|| error.downcast_ref().and_then(deploy))
        .or_else(|| error.downcast_ref().and_then(deployment))
        .or_else(|| error.downcast_ref().and_then(device))
        .or_else(|| error.downcast_ref().and_then(eval))
        .or_else(|| error.downcast_ref().and_then(float))
        .or_else(|| error.downcast_ref().and_then(format))
        .or_else(|| error.downcast_ref().and_then(graph))
        .or_else(|| error.downcast_ref().and_then(key))
        .or_else(|| error.downcast_ref().and_then(inventory))
        .or_else(|| error.downcast_ref().and_then(interrupted))
        .or_else(|| error.downcast_ref().and_then(lint))
        .or_else(|| error.downcast_ref().and_then(lower))
        .or_else(|| error.downcast_ref().map(no_memory))
        .or_else(|| error.downcast_ref().and_then(metric))
        .or_else(|| error.downcast_ref().and_then(model))
        .or_else(|| error.downcast_ref().and_then(onnx))
        .or_else(|| error.downcast_ref().and_then(output))
        .or_else(|| error.downcast_ref().and_then(package))
        .or_else(|| error.downcast_ref().and_then(profile))
        .or_else(|| error.downcast_ref().and_then(prune))
        .or_else(|| error.downcast_ref().and_then(pruning))
        .or_else(|| error.downcast_ref().and_then(qdq))
        .or_else(|| error.downcast_ref().and_then(quantize))
        .or_else(|| error.downcast_ref().and_then(rollout))
        .or_else(|| error.downcast_ref().and_then(runtime))
        .or_else(|| error.downcast_ref().and_then(samples))
        .or_else(|| error.downcast_ref().and_then(secret_key))
        .or_else(|| error.downcast_ref().and_then(student))
        .or_else(|| error.downcast_ref().and_then(system))
        .or_else(|| error.downcast_ref().and_then(target))
        .or_else(|| error.downcast_ref().and_then(teacher))
        .or_else(|| error.downcast_ref().and_then(tflite))
        .or_else(|| error.downcast_ref().and_then(train))
}

fn backend(error: &BackendError) -> Option<&'static str> {
    Some(match error {
        BackendError::Estimate(EstimateError::Unsupported { .. }) => {
            "choose other kernels with --kernels, or export the model without these operators"
        }
        BackendError::Emulator(EmulatorError::NotInstalled { .. }) => {
            "`npm install --prefix FOLDER rp2040js@1.4.1` puts it there; EDGECTL_EMULATOR names another folder"
        }
        BackendError::Emulator(EmulatorError::Start { .. }) => "the emulator needs Node.js, as `node` on the PATH",
        BackendError::Qemu(QemuError::Start { package, .. }) if *package == "qemu-system-arm" => {
            "the emulator is QEMU for Arm: Debian's package qemu-system-arm, or `brew install qemu`"
        }
        BackendError::Qemu(QemuError::Start { .. }) => {
            "the emulator is QEMU for RISC-V: Debian's package qemu-system-misc, or `brew install qemu`"
        }
        BackendError::Unavailable { .. } => "`--backend estimate` needs no device; `edgectl profiles show PROFILE` lists the back ends",
        _ => return None,
    })
}

fn baseline(error: &BaselineError) -> Option<&'static str> {
    Some(match error {
        BaselineError::Malformed(_) => "make it with `edgectl bench ... --save FILE`",
        _ => "make a new one with --save, of the same models on the same targets",
    })
}

fn bench(error: &BenchArgsError) -> Option<&'static str> {
    Some(match error {
        BenchArgsError::Host { .. } | BenchArgsError::OnlyEstimate { .. } => "leave it out, or choose --backend estimate",
        BenchArgsError::Device { .. } => "such as `--backend device --profile pico --to serial:auto`",
        BenchArgsError::OnlyDevice { .. } => "leave it out, or choose --backend device",
        BenchArgsError::NoProfile { .. } => "`edgectl profiles list` shows what there is",
        BenchArgsError::OnlyHost { .. } => "leave it out, or choose --backend host without --profile",
    })
}

/// About boards; what else a deployment can meet has advice of its own.
fn board(error: &edgectl_deploy::DeployError) -> Option<&'static str> {
    let edgectl_deploy::DeployError::Board(error) = error else { return None };
    Some(match error {
        BoardError::Abi { .. } | BoardError::Operators { .. } => {
            "the bundle has the firmware that it needs: start the board with BOOTSEL pressed, then `--to uf2:auto`"
        }
        BoardError::AfterSwitch(_) => "reset the board, then run the same command again",
        BoardError::Arena { .. } | BoardError::Slot { .. } => "`edgectl bench PROGRAM --profile PROFILE` shows what takes the memory",
        BoardError::Chip { .. } => "name the board's profile: --profile of `edgectl package`, or of `edgectl bench`",
        BoardError::Client(ClientError::Version { .. }) => {
            "start the board with BOOTSEL pressed, then `--to uf2:auto` brings firmware and model that fit each other"
        }
        BoardError::Client(_) => {
            "is it the board's port, and has the board this project's firmware? `--to uf2:auto` brings it to a Pico, `?via=loader` to an ESP32"
        }
        BoardError::Esp(error) => return esp(error),
        BoardError::NoBoard { .. } => "connect it by USB; a board without firmware is started with BOOTSEL pressed, and is then a volume",
        BoardError::Open { .. } => "check the name of the port; your account must be in the group that owns it, such as `dialout`",
        BoardError::OnTrial { .. } => {
            "run `edgectl deploy` with its bundle again, which confirms it, or reset the board, which takes it back"
        }
        BoardError::Rollback { .. } => "make a release with a --security-version that is not lower",
        BoardError::Role { .. } => "no firmware is shipped for this board",
        BoardError::Several { .. } => "name one of them: serial:board:NUMBER, or uf2:PATH",
        BoardError::Volume { .. } => "start the board with BOOTSEL pressed, and mount the volume that it then is",
        BoardError::Write { .. } => "the board needs the file again, whole: run the same command once more",
        _ => return None,
    })
}

fn esp(error: &EspError) -> Option<&'static str> {
    Some(match error {
        EspError::Bounds { .. } | EspError::Image { .. } | EspError::Table(_) => {
            "make the bundle again, with a partition table that fits the board's flash"
        }
        EspError::Chip { .. } => "add the board's profile to --profile of `edgectl package`",
        EspError::Differs { .. } => "run the same command again; where it differs each time, the flash is worn, or smaller than it says",
        EspError::Gone { .. } => "check cable and power, then run the same command again: it goes on where it was",
        EspError::Interrupted { .. } | EspError::Refused { .. } => "run the same command again: it goes on where it was",
        EspError::Locked { .. } => "what the fuses lock stays locked: bring releases to this board by its own firmware's updates",
        EspError::Mac { .. } => "serial:mac:ADDRESS finds the board that is meant, where its USB port is in the chip",
        EspError::NoLoader { .. } => {
            "hold BOOT, press and release RESET, let go of BOOT, and run it again; is another program using the port, or the line too bad for its \
             speed (`?baud=115200` behind the port)?"
        }
        EspError::Open { source, .. } => return port(source),
        EspError::Reset { .. } => "press RESET on the board; `edgectl monitor` shows how it starts",
        EspError::Revision { .. } => "build the firmware for the silicon that the board has",
        EspError::Silent { .. } => "run the same command again, slower where the line is bad: `?baud=115200` behind the port",
        EspError::Unverifiable => "--allow-unverified writes all the same; the firmware then has to prove what it holds",
        _ => return None,
    })
}

/// What keeps a serial port shut.
fn port(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        io::ErrorKind::NotFound => "`ls /dev/serial/by-id` shows the ports; a cable that only charges brings none",
        io::ErrorKind::PermissionDenied => {
            "your account must be in the group that owns the port: `sudo usermod -aG dialout $USER`, then log in again"
        }
        _ => "close what else uses the port, such as a monitor",
    })
}

fn bundle(error: &BundleError) -> Option<&'static str> {
    Some(match error {
        BundleError::NotABundle => "`edgectl package` makes bundles",
        BundleError::Archive { .. } | BundleError::Manifest(_) | BundleError::Truncated { .. } => {
            "the file is damaged, or another tool has packed it again; get it from where it was made"
        }
        _ => return None,
    })
}

fn key(error: &KeyError) -> Option<&'static str> {
    Some(match error {
        KeyError::Agent { .. } => "`ssh-add -l` lists the keys; name one by comment or fingerprint: agent:COMMENT, agent:SHA256:…",
        KeyError::NoAgent => "`eval $(ssh-agent); ssh-add` starts one",
        KeyError::NoVariable { .. } => "put the content of the key file into it, from the pipeline's secrets",
        KeyError::NoPassword => "put the password into EDGECTL_KEY_PASSWORD",
        KeyError::Permissions { .. } => "`chmod 600` it; if others could read it for long, it is no secret any more",
        KeyError::PasswordsDiffer | KeyError::EmptyPassword => "type a password that you can type again",
    })
}

fn package(error: &PackageError) -> Option<&'static str> {
    Some(match error {
        PackageError::DoesNotFit { .. } => "`edgectl bench PROGRAM --profile PROFILE` shows what takes the memory",
        PackageError::NotAFile { .. } => "copy it into a file",
        PackageError::Runtime { .. } => "give the `edge-agent` of this edgectl, which is linked statically",
        PackageError::RuntimeTwice { .. } => "leave one of them out",
        PackageError::NoRuntime { .. } => "give it with --runtime",
        PackageError::Report { .. } => "make the report with the program that is packed",
        PackageError::Epoch { .. } => "`git log -1 --format=%ct` prints such a number",
        PackageError::Uf2 { .. } => "`edgectl profiles list` says which boards take UF2 files; give one of them with --profile",
        PackageError::Unsigned { .. } => "make a bundle (-o OUT.edgepkg): `edgectl deploy` takes what a board needs out of it",
        PackageError::Bin { .. } => "give a profile such as esp32-c3, and --firmware FILE.elf where edgectl has none for it",
        PackageError::NoEsp { .. } => "leave --firmware out, or pack this profile into a bundle of its own",
        PackageError::NoModel { .. } => "add a line such as `model, 0x40, 0x00, , 1M` to the table",
        PackageError::Since => "add --created, set SOURCE_DATE_EPOCH, or give --expires as a moment",
    })
}

fn secret_key(error: &SecretKeyError) -> Option<&'static str> {
    Some(match error {
        SecretKeyError::NotEncrypted => "a key at rest must be encrypted; `minisign -C` gives it a password, `env:NAME` takes it as it is",
        SecretKeyError::Malformed { .. } => "`edgectl keys generate` makes a key; the secret one, not the public one, signs",
        _ => return None,
    })
}

fn candidate(error: &CandidateError) -> Option<&'static str> {
    Some(match error {
        CandidateError::NoInt8 { .. } => "`edgectl inspect MODEL` marks what is not supported; devices with Linux can run it in float",
    })
}

fn device(error: &DeviceError) -> Option<&'static str> {
    Some(match error {
        DeviceError::Empty { .. } => "give a folder with *.yaml files, or names of `edgectl profiles list`",
        DeviceError::Kernels { .. } => "`edgectl profiles show PROFILE` describes them",
    })
}

fn prune(error: &PruneError) -> Option<&'static str> {
    Some(match error {
        PruneError::NothingPrunable { .. } => "--structure unstructured sets single weights to zero, wherever they are",
        _ => return None,
    })
}

fn pruning(error: &PruningError) -> Option<&'static str> {
    Some(match error {
        PruningError::Importance { .. } => "choose another --importance; l2 needs nothing but the weights",
        PruningError::NoMetric => "give labelled data to --eval, or leave --max-drop out",
    })
}

fn profile(error: &ProfileError) -> Option<&'static str> {
    Some(match error {
        ProfileError::Unknown { .. } => "`edgectl profiles list` shows all; a path needs a slash or the extension .yaml",
        _ => return None,
    })
}

fn data(error: &DataError) -> Option<&'static str> {
    Some(match error {
        DataError::DType { .. } => "convert it with numpy, for instance x.astype(numpy.float32)",
        DataError::Empty { .. } => "give data with at least one sample; the first dimension counts them",
        DataError::FortranOrder { .. } => "write it with numpy.ascontiguousarray(x)",
        DataError::Io { .. } => "check the path and its permissions",
        DataError::LabelColumn { .. } => "name a column of the first line with --labels, or give its position from 1",
        DataError::LabelCount { .. } | DataError::LabelShape { .. } => "there must be exactly one label for each sample",
        DataError::LayoutUnknown { .. } => "state the layout of the data with --layout nhwc or --layout nchw",
        DataError::Length { .. } | DataError::Ended { .. } | DataError::Magic { .. } => "the file is truncated or damaged; write it again",
        DataError::MissingArray { .. } => {
            "name the array with --x-key, and that of the labels with --y-key; several inputs read arrays of their own names"
        }
        DataError::ModelShape { .. } => {
            "--resize and --layout change the shape of images, --labels takes a column out of a .csv; see `edgectl inspect MODEL`"
        }
        DataError::NotANumber { .. } => "name the column of labels with --labels; any other column must hold numbers",
        DataError::NotFinite { .. } => "remove or repair samples with missing or infinite values",
        DataError::SampleShape { .. } => "bring all images to one size with --resize HxW",
        DataError::UnknownFormat { .. } => "numpy.savez(\"data.npz\", x=samples, y=labels) writes a file that is understood",
        _ => return None,
    })
}

fn deploy(error: &DeployError) -> Option<&'static str> {
    Some(match error {
        DeployError::Ssh(error) => match error {
            SshError::HostKeyUnknown { .. } => {
                "compare the fingerprint with the device's own (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there), then connect once with `ssh`, or use --accept-new at a terminal, or pin it with --host-key"
            }
            SshError::HostKeyChanged { .. } => {
                "either the device was set up anew, or another machine answers in its place; when you know that it is the former, `ssh-keygen -R HOST` forgets the old key"
            }
            SshError::HostKeyPinned { .. } => "either the device was set up anew, or another machine answers in its place",
            SshError::Authority { .. } => "pin the device's own key with --host-key, or `host_key` in the inventory",
            SshError::Auth { .. } => {
                "name a key with --identity, or add it with `ssh-add`; `ssh-copy-id` brings its public part to the device"
            }
            SshError::Locked { .. } => "wait for it; a deployment that has lost its device gives the lock back within 20 s",
            SshError::Unknown { .. } => "`edgectl deploy status NAME --to URL` says what it runs once it can be reached",
            SshError::Broken { .. } => "`edgectl deploy history NAME --to URL` says what happened; log in and look at the service",
            SshError::Unreachable { .. } | SshError::Timeout { .. } => "is it on, and in this network? --timeout gives it more time",
            SshError::NoSpace { .. } => "remove something on the device; what was running still runs",
            _ => return None,
        },
        _ => return None,
    })
}

fn deployment(error: &DeploymentError) -> Option<&'static str> {
    Some(match error {
        DeploymentError::AcceptNew => "in a pipeline, pin keys in the inventory (`host_key: SHA256:…`), or bring a file for --known-hosts",
        DeploymentError::Failed { .. } => "the same command goes on: devices that run the release already are left alone",
        _ => return None,
    })
}

fn inventory(error: &InventoryError) -> Option<&'static str> {
    match error {
        InventoryError::Empty(_) => Some("--dry-run without --group and --tag shows all devices"),
        _ => None,
    }
}

fn rollout(error: &JournalError) -> Option<&'static str> {
    match error {
        JournalError::OtherRelease { .. } | JournalError::Malformed { .. } => Some("name another file with --journal"),
        _ => None,
    }
}

fn target(_: &TargetError) -> Option<&'static str> {
    Some("such as ssh://pi@kitchen.local, serial:/dev/ttyUSB0 or uf2:/media/RPI-RP2")
}

fn eval(error: &EvalError) -> Option<&'static str> {
    Some(match error {
        EvalError::NoLabels { .. } => {
            "put labels into `y` of the .npz, into NAME_y.npy beside NAME_x.npy, or name their column with --labels"
        }
        EvalError::NoReference { .. } => "name the float model with --against",
        EvalError::OutputCount { .. } => "leave --metric out: float and int8 are then compared output by output",
        _ => return None,
    })
}

fn float(error: &FloatError) -> Option<&'static str> {
    Some(match error {
        FloatError::Dynamic { .. } => "export the model with fixed dimensions; only the batch may be symbolic",
        FloatError::Engine { .. } | FloatError::EnginePanic { .. } => {
            "check the model with onnx.checker; if it passes, the fault is the engine's: please report it with the model"
        }
        FloatError::Export(error) => return onnx(error),
        FloatError::Graph(error) => return graph(error),
        FloatError::Unsupported { .. } => "export the model without this operator; `edgectl inspect MODEL` lists all operators",
        _ => return None,
    })
}

fn format(error: &FormatError) -> Option<&'static str> {
    Some(match error {
        FormatError::FormatVersion { .. } | FormatError::RuntimeAbi { .. } => {
            "the program was made by another version of edgectl; make it again with `edgectl quantize`"
        }
        _ => "the file is damaged or no int8 program; make it again with `edgectl quantize`",
    })
}

fn graph(error: &GraphError) -> Option<&'static str> {
    Some(match error {
        GraphError::Dynamic { .. } => "export the model with fixed dimensions; only the batch may be symbolic",
        GraphError::Empty { .. } => {
            "a dimension of 0 leaves nothing to compute: choose a larger input, or export the model without this part"
        }
        GraphError::Unsupported { .. } => {
            "export the model without this operator (`edgectl inspect MODEL` marks all); `quantize -o OUT.onnx` alone leaves it in float"
        }
        GraphError::TooLarge { .. } => "choose a smaller input, or a model for small devices",
        _ => "the model contradicts itself; check it with onnx.checker and export it again",
    })
}

fn lower(error: &LowerError) -> Option<&'static str> {
    Some(match error {
        LowerError::Graph(error) => return graph(error),
        LowerError::Stream { .. } => {
            "leave --streaming out, choose another number of columns or --time-axis, or train the model without padding along time"
        }
        LowerError::NoKernel { .. } => "export the model without this form of the operator, or write only .onnx",
        _ => return None,
    })
}

fn interrupted(_: &Interrupted) -> Option<&'static str> {
    Some("the same command goes on from there; delete the file to begin anew")
}

fn lint(_: &LintError) -> Option<&'static str> {
    Some("give some hundred samples like those that the device will see, prepared as those are; without --strict this is a warning")
}

fn no_memory(_: &NoMemory) -> &'static str {
    "make a program that remembers: edgectl quantize --stateful or --streaming, -o MODEL.edgm"
}

fn metric(error: &MetricError) -> Option<&'static str> {
    Some(match error {
        MetricError::LabelOutOfRange { .. } => "labels count from 0; check that the data belong to this model",
        MetricError::NotFinite { .. } => "the model overflows on this sample: check the preprocessing (--scale, --mean, --std)",
        MetricError::OneClass { .. } => "the curve needs labels of 0 and of 1; raise --limit, or shuffle the data",
        MetricError::OutputCount { .. } => "choose another metric with --metric",
        _ => return None,
    })
}

fn samples(error: &SamplesError) -> Option<&'static str> {
    Some(match error {
        SamplesError::Count { .. } => "sample i of every array belongs to sample i of the others: give all arrays the same first dimension",
        SamplesError::Keyed { .. } => {
            "numpy.savez(\"data.npz\", **{name: array, ...}), each array with the samples along its first dimension"
        }
        SamplesError::None => return None,
        SamplesError::OneInput { .. } => "store the arrays as the model takes them",
    })
}

fn model(error: &ModelError) -> Option<&'static str> {
    Some(match error {
        ModelError::NoCalibration { .. } => "--calibration DATA: some hundred samples like those that the device will see",
        ModelError::Kind { expected: "an int8 program", .. } => "`edgectl quantize` makes one of it",
        ModelError::Kind { .. } => "`edgectl run` executes models of any kind",
        ModelError::Size { .. } => "copy the model into a file",
        ModelError::UnknownKind { .. } => "give the file the extension that says what it is",
    })
}

fn onnx(error: &OnnxError) -> Option<&'static str> {
    Some(match error {
        OnnxError::External { .. } => "keep the data file beside the model, under the name that the model gives",
        OnnxError::Graph(error) => return graph(error),
        OnnxError::Inexpressible { .. } => "export the model with a newer opset, such as 13",
        OnnxError::Input { .. } => "export the model with tensors of known type as inputs",
        OnnxError::Malformed { .. } | OnnxError::Truncated { .. } => "the file is damaged; copy or export it again",
        OnnxError::NotOnnx { .. } => "export the model to ONNX, for instance with torch.onnx.export or tf2onnx",
        OnnxError::Opset { .. } => "export the model with a supported opset, or convert it with onnx.version_converter",
        _ => return None,
    })
}

fn output(error: &OutputError) -> Option<&'static str> {
    Some(match error {
        OutputError::Extension { .. } => "the extension of the output says what is written",
        OutputError::Input { .. } | OutputError::Twice { .. } => "choose another name for the output",
        OutputError::OneArray { .. } => "write a .npz: it holds all outputs by name",
        OutputError::Exists { .. } => "a key that is lost cannot be made again: choose another name, or move the old one away yourself",
        OutputError::Io { .. } | OutputError::NotAFile { .. } => "choose a file in a folder that exists and can be written",
    })
}

fn qdq(error: &QdqError) -> Option<&'static str> {
    Some(match error {
        QdqError::Graph(error) => return graph(error),
        QdqError::NotStated { .. } => "`edgectl quantize --calibration DATA` finds the ranges that a model does not state",
        QdqError::Params { .. } => {
            "its scales are not what int8 arithmetic can use: quantize the float model here, or give that tool better calibration data"
        }
        QdqError::QOperator { .. } => "write the model with QuantizeLinear/DequantizeLinear pairs (onnxruntime: QuantFormat.QDQ)",
        QdqError::Quant(error) => return quant(error),
        _ => return None,
    })
}

fn quant(error: &QuantError) -> Option<&'static str> {
    Some(match error {
        QuantError::Accumulator { .. } => "split the layer into several whose results are added, or give it smaller weights and biases",
        QuantError::Graph(error) => return graph(error),
        QuantError::Params { .. } => "the model's quantization is not what int8 arithmetic can use: quantize it anew, from float",
        QuantError::Terms { .. } => "split it into parts whose results are joined, or leave it out and compute it on the host",
        QuantError::Underflow { .. } => {
            "scale the model's input up, and the weights of its first layer down, or quantize it anew, from float"
        }
        _ => return None,
    })
}

fn quantize(error: &QuantizeError) -> Option<&'static str> {
    Some(match error {
        QuantizeError::Constant { .. } => {
            "give samples in which it varies, prepared as in training; --allow-constant, where this part of the model does nothing"
        }
        QuantizeError::ConstantNotFinite { .. } => {
            "the model's training or export went wrong there: export it again from a good checkpoint"
        }
        QuantizeError::Graph(error) => return graph(error),
        QuantizeError::NoInt8 { .. } => "export the model without this operator; `edgectl inspect MODEL` shows the nodes",
        QuantizeError::NotFinite { .. } => {
            "the model overflows on calibration data: check its weights, and the preprocessing (--scale, --mean, --std)"
        }
        QuantizeError::Quant(error) => return quant(error),
        QuantizeError::ScaleUnderflow { .. } => "check the preprocessing of the calibration data (--scale, --mean, --std)",
        _ => return None,
    })
}

fn runtime(_: &RuntimeError) -> Option<&'static str> {
    Some("the program does not fit this version of the runtime; make it again with `edgectl quantize`")
}

fn student(error: &StudentError) -> Option<&'static str> {
    Some(match error {
        StudentError::TooLarge { .. } => "try a smaller --template, such as ds-cnn or mlp, or other limits",
    })
}

fn system(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "check the permissions",
        io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull => "free some space, or write elsewhere",
        _ => return None,
    })
}

fn teacher(error: &TeacherError) -> Option<&'static str> {
    Some(match error {
        TeacherError::NoInside { .. } => "give the teacher's float model",
        TeacherError::NoTensor { .. } => "`edgectl inspect MODEL` shows the tensors",
        TeacherError::Outputs { .. } => {
            "teacher and student must have the same classes; choose another teacher, or a student with its outputs"
        }
    })
}

fn tflite(error: &TfliteError) -> Option<&'static str> {
    Some(match error {
        TfliteError::Graph(error) => return graph(error),
        TfliteError::Index { .. } | TfliteError::OutOfBounds { .. } | TfliteError::Overlap { .. } => {
            "the file is damaged; copy or convert it again"
        }
        TfliteError::NotTflite { .. } => "convert the model with the TensorFlow Lite converter, or export it to ONNX",
        TfliteError::Quant(error) => return quant(error),
        TfliteError::Type { .. } | TfliteError::Unsupported { .. } => {
            "start from the float model: `edgectl quantize FLOAT.tflite --calibration DATA`"
        }
        _ => return None,
    })
}

fn train(error: &TrainError) -> Option<&'static str> {
    Some(match error {
        TrainError::BatchMixed { .. } => "export the model so that no operator reaches over the batch axis",
        TrainError::Checkpoint { .. } => "delete the file to begin anew, or name another one with --checkpoint",
        TrainError::ClassMissing { .. } => "give more samples of this class, leave it out, or choose on all samples with --validation 0",
        TrainError::Graph(error) => return graph(error),
        TrainError::Label { .. } => "labels are the places of outputs, from 0; check --labels and --y-key",
        TrainError::NoGradient { op, .. } if op.contains("Quantize") => "train the float model; --quantization-aware simulates int8",
        TrainError::NoGradient { .. } => "export the model without this operator, such as by ending it before",
        TrainError::NoLabels => "give data with labels, or a teacher: --teacher MODEL --loss teacher",
        TrainError::NotFinite { .. } => "try a lower --learning-rate, a --warm-up or a lower --clip-norm",
        TrainError::Target { .. } => "`edgectl inspect MODEL` shows names and shapes of the tensors",
        TrainError::Template { .. } => "images are [C,H,W], windows [C,T] (tcn) or [T,C] (gru); mlp takes samples of any shape",
        _ => return None,
    })
}
