//! Layer lists of the measured models, from `architectures.txt`: a statement per layer or block, with the sizes that the papers give.
//!
//! | verb | what it adds |
//! |---|---|
//! | `conv C K S [v] [xN]`, `conv2 C KH KW S`, `gconv C K S G` | a convolution, its activation fused; `v` without padding, `xN` repeated |
//! | `dw K S`, `pw C`, `ds C S [N]` | depthwise, 1×1, or both, with 3×3 |
//! | `ir E C K S N`, `irx H C K S SE [act]`, `mb E C K S N R`, `fused E C K S N` | inverted residuals: by expansion, by hidden channels, with squeeze-and-excitation, with fused expansion |
//! | `basic C S N`, `bottleneck C S N`, `bottleneck1 C S N`, `regnet C G N` | residual blocks; `1` strides in the first convolution |
//! | `fire S E`, `inception …`, `shuffle1 C G N`, `shuffle2 C N`, `densenet G N`, `csptiny C`, `vit P D H N R` | blocks of the models so named |
//! | `maxpool K S`, `avgpool K S`, `gap`, `dense N`, `softmax`, `act`, `add`, `se C`, `up F`, `cat C` | single layers |
//! | `save NAME`, `load NAME`, `at C`, `head C`, `head3 C` | branches: remember a shape, continue from it, with other channels; a 1×1 or 3×3 convolution beside the main path |

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use edgectl_profile::{OpClass, OpWork, Workload, inner_taps};

const TEXT: &str = include_str!("architectures.txt");

/// What varies within an architecture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Variant {
    /// Multiplies channels.
    pub(super) width: f64,
    /// Height, width and channels of the input.
    pub(super) input: Option<[u64; 3]>,
    /// Outputs of the classifier.
    pub(super) classes: Option<u64>,
}

impl Default for Variant {
    fn default() -> Self {
        Variant { width: 1.0, input: None, classes: None }
    }
}

/// The layers of an architecture.
pub(super) fn workload(name: &str, variant: Variant) -> Result<Workload> {
    let mut lines = TEXT.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let header = lines
        .find(|line| line.split_whitespace().take(2).eq(["model", name]))
        .with_context(|| format!("no architecture {name:?} in architectures.txt"))?;
    let words: Vec<&str> = header.split_whitespace().collect();
    let shape: Vec<u64> = words[2].split('x').map(str::parse).collect::<Result<_, _>>()?;
    let [h, w, c] = variant.input.unwrap_or([shape[0], shape[1], shape[2]]);
    let classes = variant.classes.unwrap_or(words[3].parse()?);
    let mut net = Net { shape: Shape { h, w, c }, width: variant.width, classes, saved: HashMap::new(), ops: Vec::new() };
    for line in lines.take_while(|line| !line.starts_with("model ")).filter(|line| !line.is_empty()) {
        net.statement(line).with_context(|| format!("{name}: {line}"))?;
    }
    Ok(Workload { name: name.to_owned(), ops: net.ops })
}

#[derive(Clone, Copy)]
struct Shape {
    h: u64,
    w: u64,
    c: u64,
}

impl Shape {
    fn elements(self) -> u64 {
        self.h * self.w * self.c
    }
}

/// Of a pooling window.
#[derive(Clone, Copy)]
enum Padding {
    Same,
    Valid,
    /// No padding, but a last window that is not full.
    Ceil,
}

struct Net {
    shape: Shape,
    width: f64,
    classes: u64,
    saved: HashMap<String, Shape>,
    ops: Vec<OpWork>,
}

/// Channels divisible by 8 and at least 90 % of what the width asks for, as MobileNet rounds them.
fn rounded(channels: u64, width: f64) -> u64 {
    let wanted = channels as f64 * width;
    let near = ((wanted + 4.0) as u64 / 8 * 8).max(8);
    if (near as f64) < 0.9 * wanted { near + 8 } else { near }
}

impl Net {
    fn channels(&self, word: &str) -> Result<u64> {
        Ok(match word.strip_prefix('^') {
            _ if word == "=classes" => self.classes,
            // Never narrower than stated.
            Some(number) => rounded(number.parse()?, self.width.max(1.0)),
            None if self.width == 1.0 => word.parse()?,
            None => rounded(word.parse()?, self.width),
        })
    }

    fn statement(&mut self, line: &str) -> Result<()> {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let repeat = match words.last().and_then(|last| last.strip_prefix('x')).and_then(|count| count.parse().ok()) {
            Some(count) => {
                words.pop();
                count
            }
            None => 1,
        };
        for _ in 0..repeat {
            self.layer(&words)?;
        }
        Ok(())
    }

    fn layer(&mut self, words: &[&str]) -> Result<()> {
        let number = |index: usize| -> Result<u64> { Ok(words.get(index).context("a number is missing")?.parse()?) };
        let has = |word: &str| words.contains(&word);
        let padding = match () {
            () if has("v") => Padding::Valid,
            () if has("c") => Padding::Ceil,
            () => Padding::Same,
        };
        match words[0] {
            "conv" => self.conv(self.channels(words[1])?, [number(2)?; 2], number(3).unwrap_or(1), 1, has("v")),
            "conv2" => self.conv(number(1)?, [number(2)?, number(3)?], number(4)?, 1, false),
            "gconv" => self.conv(number(1)?, [number(2)?; 2], number(3)?, number(4)?, false),
            "dw" => self.depthwise(number(1)?, number(2)?),
            "pw" => self.pointwise(self.channels(words[1])?),
            "head" | "head3" => {
                let (before, kernel) = (self.shape, if words[0] == "head" { 1 } else { 3 });
                self.conv(number(1)?, [kernel; 2], 1, 1, false);
                self.shape = before;
            }
            "ds" => {
                for _ in 0..number(3).unwrap_or(1) {
                    self.depthwise(3, number(2)?);
                    self.pointwise(self.channels(words[1])?);
                }
            }
            "ir" => {
                for repeat in 0..number(5)? {
                    let hidden = self.shape.c * number(1)?;
                    let stride = if repeat == 0 { number(4)? } else { 1 };
                    self.inverted(hidden, self.channels(words[2])?, number(3)?, stride, 0, false);
                }
            }
            "irx" => {
                self.inverted(rounded(number(1)?, self.width), self.channels(words[2])?, number(3)?, number(4)?, number(5)?, has("act"))
            }
            "mb" => {
                for repeat in 0..number(5)? {
                    let squeeze = (self.shape.c / number(6)?).max(1);
                    let stride = if repeat == 0 { number(4)? } else { 1 };
                    self.inverted(self.shape.c * number(1)?, number(2)?, number(3)?, stride, squeeze, true);
                }
            }
            "fused" => {
                for repeat in 0..number(5)? {
                    let (before, stride) = (self.shape, if repeat == 0 { number(4)? } else { 1 });
                    let expansion = number(1)?;
                    let hidden = if expansion == 1 { number(2)? } else { before.c * expansion };
                    self.conv(hidden, [number(3)?; 2], stride, 1, false);
                    self.elementwise("Swish", 1);
                    if expansion != 1 {
                        self.pointwise(number(2)?);
                    }
                    self.residual(before);
                }
            }
            "basic" => {
                for repeat in 0..number(3)? {
                    let (before, stride) = (self.shape, if repeat == 0 { number(2)? } else { 1 });
                    self.conv(number(1)?, [3, 3], stride, 1, false);
                    self.conv(number(1)?, [3, 3], 1, 1, false);
                    self.projected(before, stride);
                }
            }
            "bottleneck" | "bottleneck1" => {
                for repeat in 0..number(3)? {
                    let (before, stride) = (self.shape, if repeat == 0 { number(2)? } else { 1 });
                    let (first, second) = if words[0] == "bottleneck1" { (stride, 1) } else { (1, stride) };
                    self.conv(number(1)?, [1, 1], first, 1, false);
                    self.conv(number(1)?, [3, 3], second, 1, false);
                    self.pointwise(4 * number(1)?);
                    self.projected(before, stride);
                }
            }
            "regnet" => {
                for repeat in 0..number(3)? {
                    let (before, stride) = (self.shape, if repeat == 0 { 2 } else { 1 });
                    let channels = number(1)?;
                    self.pointwise(channels);
                    self.conv(channels, [3, 3], stride, channels / number(2)?, false);
                    self.squeeze(before.c / 4);
                    self.pointwise(channels);
                    self.projected(before, stride);
                }
            }
            "fire" => {
                self.pointwise(number(1)?);
                let squeezed = self.shape;
                self.pointwise(number(2)?);
                self.shape = squeezed;
                self.conv(number(2)?, [3, 3], 1, 1, false);
                self.concat(2 * number(2)?);
            }
            "inception" => {
                let before = self.shape;
                self.pointwise(number(1)?);
                for (reduced, channels, kernel) in [(number(2)?, number(3)?, 3), (number(4)?, number(5)?, 5)] {
                    self.shape = before;
                    self.pointwise(reduced);
                    self.conv(channels, [kernel; 2], 1, 1, false);
                }
                self.shape = before;
                self.pool("MaxPool", 3, 1, Padding::Same);
                self.pointwise(number(6)?);
                self.concat(number(1)? + number(3)? + number(5)? + number(6)?);
            }
            "shuffle1" => {
                let (channels, groups) = (number(1)?, number(2)?);
                for repeat in 0..number(3)? {
                    let before = self.shape;
                    let out = if repeat == 0 { channels - before.c } else { channels };
                    // The very first convolution has one group, since 24 channels are few.
                    let first = if before.c == 24 { 1 } else { groups };
                    self.conv(channels / 4, [1, 1], 1, first, false);
                    self.movement("Shuffle", self.shape.elements());
                    self.depthwise(3, if repeat == 0 { 2 } else { 1 });
                    self.conv(out, [1, 1], 1, groups, false);
                    if repeat == 0 {
                        let reduced = self.shape;
                        self.shape = before;
                        self.pool("AveragePool", 3, 2, Padding::Same);
                        self.shape = reduced;
                        self.concat(channels);
                    } else {
                        self.elementwise("Add", 2);
                    }
                }
            }
            "shuffle2" => {
                let half = number(1)? / 2;
                for repeat in 0..number(2)? {
                    let before = self.shape;
                    if repeat == 0 {
                        self.depthwise(3, 2);
                        self.pointwise(half);
                        self.shape = before;
                    } else {
                        self.shape.c = half;
                    }
                    self.pointwise(half);
                    self.depthwise(3, if repeat == 0 { 2 } else { 1 });
                    self.pointwise(half);
                    self.concat(2 * half);
                    self.movement("Shuffle", self.shape.elements());
                }
            }
            "densenet" => {
                for _ in 0..number(2)? {
                    let before = self.shape;
                    self.pointwise(4 * number(1)?);
                    self.conv(number(1)?, [3, 3], 1, 1, false);
                    self.concat(before.c + number(1)?);
                }
            }
            "csptiny" => {
                let channels = number(1)?;
                self.conv(channels, [3, 3], 1, 1, false);
                self.shape.c = channels / 2;
                self.conv(channels / 2, [3, 3], 1, 1, false);
                self.conv(channels / 2, [3, 3], 1, 1, false);
                self.concat(channels);
                self.pointwise(channels);
                self.concat(2 * channels);
                self.pool("MaxPool", 2, 2, Padding::Same);
            }
            "nanohead" => {
                for _ in 0..2 {
                    self.depthwise(5, 1);
                    self.pointwise(96);
                }
                self.pointwise(number(1)?);
            }
            "fasthead" => {
                for channels in [72, 72, 72, 15, 80] {
                    self.depthwise(5, 1);
                    self.pointwise(72);
                    if channels != 72 {
                        self.pointwise(channels);
                        self.shape.c = 72;
                    }
                }
            }
            "vit" => self.transformer(number(1)?, number(2)?, number(3)?, number(4)?, number(5)?),
            "maxpool" => self.pool("MaxPool", number(1)?, number(2)?, padding),
            "avgpool" => self.pool("AveragePool", number(1)?, number(2)?, padding),
            "gap" => self.global_pool(),
            "dense" => self.dense(if words[1] == "=classes" { self.classes } else { number(1)? }),
            "softmax" => self.push("Softmax", OpClass::Softmax, self.shape, 0, 0, [1, 1], 1),
            "act" => self.elementwise("HardSwish", 1),
            "add" => self.elementwise("Add", 2),
            "se" => self.squeeze(number(1)?),
            "up" => {
                self.shape.h *= number(1)?;
                self.shape.w *= number(1)?;
                self.movement("Resize", self.shape.elements() / (number(1)? * number(1)?));
            }
            "cat" => self.concat(number(1)?),
            "at" => self.shape.c = number(1)?,
            "save" => {
                self.saved.insert(words[1].to_owned(), self.shape);
            }
            "load" => self.shape = *self.saved.get(words[1]).context("nothing is saved under this name")?,
            other => bail!("unknown verb {other:?}"),
        }
        ensure!(self.shape.elements() > 0, "the shape became empty");
        Ok(())
    }

    /// Adds an operator whose output is `self.shape`.
    #[allow(clippy::too_many_arguments)]
    fn push(&mut self, op: &str, class: OpClass, input: Shape, macs_per_output: u64, weights: u64, kernel: [u64; 2], groups: u64) {
        let outputs = self.shape.elements();
        self.ops.push(OpWork {
            name: format!("{op}-{}", self.ops.len()),
            op: op.to_owned(),
            class,
            macs: outputs * macs_per_output,
            outputs,
            inputs: input.elements(),
            weights,
            in_channels: (input.c / groups).max(1) as u32,
            out_channels: self.shape.c as u32,
            kernel: [kernel[0] as u32, kernel[1] as u32],
            stride: [(input.h / self.shape.h.max(1)).max(1) as u32, (input.w / self.shape.w.max(1)).max(1) as u32],
            groups: groups as u32,
            inner_taps: self.inner_taps(input, kernel),
        });
    }

    /// With as much padding as the output's size needs, half of it before the input.
    fn inner_taps(&self, input: Shape, kernel: [u64; 2]) -> u64 {
        let sides = |shape: Shape| [shape.h as u32, shape.w as u32];
        let (input, output, kernel) = (sides(input), sides(self.shape), kernel.map(|side| side as u32));
        let stride = [0, 1].map(|axis| input[axis].div_ceil(output[axis]));
        let pad = [0, 1].map(|axis| ((output[axis] - 1) * stride[axis] + kernel[axis]).saturating_sub(input[axis]) / 2);
        inner_taps(input, output, kernel, stride, [1, 1], pad)
    }

    fn conv(&mut self, channels: u64, kernel: [u64; 2], stride: u64, groups: u64, valid: bool) {
        let input = self.shape;
        let out = |size: u64, kernel: u64| if valid { (size - kernel) / stride + 1 } else { size.div_ceil(stride) };
        self.shape = Shape { h: out(input.h, kernel[0]), w: out(input.w, kernel[1]), c: channels };
        let depth = kernel[0] * kernel[1] * (input.c / groups);
        let class = OpWork::conv_class([kernel[0] as u32, kernel[1] as u32], groups as u32, input.c as u32);
        self.push("Conv2D", class, input, depth, channels * (depth + 1), kernel, groups);
    }

    fn pointwise(&mut self, channels: u64) {
        self.conv(channels, [1, 1], 1, 1, false);
    }

    fn depthwise(&mut self, kernel: u64, stride: u64) {
        let input = self.shape;
        self.shape = Shape { h: input.h.div_ceil(stride), w: input.w.div_ceil(stride), c: input.c };
        self.push("DepthwiseConv2D", OpClass::Depthwise, input, kernel * kernel, input.c * (kernel * kernel + 1), [kernel; 2], input.c);
    }

    fn pool(&mut self, op: &str, kernel: u64, stride: u64, padding: Padding) {
        let input = self.shape;
        let out = |size: u64| match padding {
            Padding::Same => size.div_ceil(stride),
            Padding::Valid => (size - kernel) / stride + 1,
            Padding::Ceil => (size - kernel).div_ceil(stride) + 1,
        };
        self.shape = Shape { h: out(input.h), w: out(input.w), c: input.c };
        self.push(op, OpClass::Pool, input, 0, 0, [kernel; 2], 1);
    }

    fn global_pool(&mut self) {
        let input = self.shape;
        self.shape = Shape { h: 1, w: 1, c: input.c };
        self.push("AveragePool", OpClass::Pool, input, 0, 0, [input.h, input.w], 1);
    }

    fn dense(&mut self, outputs: u64) {
        let input = Shape { h: 1, w: 1, c: self.shape.elements() };
        self.shape = Shape { h: 1, w: 1, c: outputs };
        self.push("FullyConnected", OpClass::Dense, input, input.c, outputs * (input.c + 1), [1, 1], 1);
    }

    fn elementwise(&mut self, op: &str, inputs: u64) {
        let input = Shape { c: self.shape.c * inputs, ..self.shape };
        self.push(op, OpClass::Elementwise, input, 0, 0, [1, 1], 1);
    }

    fn movement(&mut self, op: &str, inputs: u64) {
        self.push(op, OpClass::Movement, Shape { h: 1, w: 1, c: inputs }, 0, 0, [1, 1], 1);
    }

    fn concat(&mut self, channels: u64) {
        self.shape.c = channels;
        self.movement("Concat", self.shape.elements());
    }

    /// Squeeze and excitation.
    fn squeeze(&mut self, channels: u64) {
        let before = self.shape;
        self.global_pool();
        self.pointwise(channels);
        self.pointwise(before.c);
        self.elementwise("Sigmoid", 1);
        self.shape = before;
        self.elementwise("Mul", 1);
    }

    fn inverted(&mut self, hidden: u64, channels: u64, kernel: u64, stride: u64, squeeze: u64, act: bool) {
        let before = self.shape;
        if hidden != before.c {
            self.pointwise(hidden);
            if act {
                self.elementwise("HardSwish", 1);
            }
        }
        self.depthwise(kernel, stride);
        if act {
            self.elementwise("HardSwish", 1);
        }
        if squeeze > 0 {
            self.squeeze(squeeze);
        }
        self.pointwise(channels);
        self.residual(before);
    }

    /// An addition where the shapes allow it.
    fn residual(&mut self, before: Shape) {
        if (before.h, before.w, before.c) == (self.shape.h, self.shape.w, self.shape.c) {
            self.elementwise("Add", 2);
        }
    }

    /// An addition, after a 1×1 convolution of the input where the shapes differ.
    fn projected(&mut self, before: Shape, stride: u64) {
        let after = self.shape;
        if stride != 1 || before.c != after.c {
            self.shape = before;
            self.conv(after.c, [1, 1], stride, 1, false);
        }
        self.elementwise("Add", 2);
    }

    /// A vision transformer: patches, then `depth` layers of attention and a perceptron.
    fn transformer(&mut self, patch: u64, dim: u64, heads: u64, depth: u64, ratio: u64) {
        self.conv(dim, [patch; 2], patch, 1, true);
        let tokens = self.shape.h * self.shape.w + 1;
        let shape = |channels: u64| Shape { h: 1, w: tokens, c: channels };
        self.shape = shape(dim);
        for _ in 0..depth {
            self.push("LayerNormalization", OpClass::Softmax, shape(dim), 0, 2 * dim, [1, 1], 1);
            self.product(shape(dim), shape(3 * dim), dim, 3 * dim * (dim + 1));
            self.product(shape(2 * dim), shape(tokens * heads), dim / heads, 0);
            self.push("Softmax", OpClass::Softmax, self.shape, 0, 0, [1, 1], 1);
            self.product(shape(tokens * heads + dim), shape(dim), tokens, 0);
            self.product(shape(dim), shape(dim), dim, dim * (dim + 1));
            self.elementwise("Add", 2);
            self.push("LayerNormalization", OpClass::Softmax, shape(dim), 0, 2 * dim, [1, 1], 1);
            self.product(shape(dim), shape(ratio * dim), dim, ratio * dim * (dim + 1));
            self.elementwise("Gelu", 1);
            self.product(shape(ratio * dim), shape(dim), ratio * dim, dim * (ratio * dim + 1));
            self.elementwise("Add", 2);
        }
        self.shape = Shape { h: 1, w: 1, c: dim };
    }

    fn product(&mut self, input: Shape, output: Shape, depth: u64, weights: u64) {
        self.shape = output;
        self.push("MatMul", OpClass::Dense, input, depth, weights, [1, 1], 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplications_and_parameters_are_those_of_the_papers_and_of_published_models() -> Result<()> {
        let wide = Variant::default();
        let narrow = |width, input| Variant { width, input: Some(input), classes: None };
        // Architecture, variant, multiplications, parameters without batch normalization.
        for (name, variant, macs, parameters) in [
            ("ad-autoencoder", wide, 264_192, 265_864),
            ("alexnet", wide, 724_406_816, 60_965_224),
            ("googlenet", wide, 1_582_671_872, 6_998_552),
            ("kws-ds-cnn", wide, 2_656_768, 22_604),
            ("mnasnet", wide, 314_415_872, 4_364_352),
            ("mobilenet-v1", narrow(0.25, [128, 128, 3]), 13_570_304, 467_593),
            ("mobilenet-v2", narrow(0.35, [96, 96, 3]), 11_935_408, 1_671_369),
            ("regnety-400m", wide, 401_842_848, 4_330_568),
            ("resnet50-caffe", wide, 3_857_973_248, 25_530_472),
            ("resnet8", wide, 12_501_632, 77_706),
            ("shufflenet-v2", wide, 144_907_992, 2_270_514),
            ("vgg16", wide, 15_470_264_320, 138_357_544),
        ] {
            let workload = workload(name, variant)?;
            assert_eq!((workload.macs(), workload.weights()), (macs, parameters), "{name}");
        }
        Ok(())
    }

    #[test]
    fn every_architecture_can_be_laid_out() -> Result<()> {
        let names = TEXT.lines().filter_map(|line| line.strip_prefix("model ")?.split(' ').next());
        for name in names {
            assert!(workload(name, Variant::default())?.macs() > 0, "{name}");
        }
        Ok(())
    }
}
