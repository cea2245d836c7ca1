//! Students that need no file: published architectures, in any width, for any input and number of outputs.
//!
//! Windows and strides follow the input: where an axis has fewer than [`LEAST_SIDE`] elements it is not halved any more. Layers are followed
//! by batch normalization and have random weights (K. He et al.: Delving Deep into Rectifiers, 2015).
//!
//! To add one, write a function over [`Build`] and a line in [`Template::ALL`].

mod build;
mod convolutional;
mod sequential;

use std::fmt;
use std::str::FromStr;

use edgectl_graph::Graph;

use build::Build;

use crate::TrainError;

/// Sides are not halved below this.
const LEAST_SIDE: usize = 6;
/// The greatest width.
const MAX_WIDTH: f32 = 16.0;

/// An architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Template {
    /// Dense layers down to a few numbers and up again (MLPerf Tiny's anomaly detection, C. Banbury et al., 2021).
    Autoencoder,
    /// Depthwise-separable convolutions of one width (Y. Zhang et al.: Hello Edge, 2017).
    DsCnn,
    /// A gated recurrent unit over time, then a dense layer (K. Cho et al., 2014).
    Gru,
    /// Two hidden layers.
    Mlp,
    /// Depthwise-separable convolutions that grow wider (A. Howard et al.: MobileNets, 2017).
    MobilenetV1,
    /// Inverted residuals (M. Sandler et al.: MobileNetV2, 2018).
    MobilenetV2,
    /// Three residual blocks (MLPerf Tiny's image classification).
    Resnet8,
    /// Fire modules (F. Iandola et al.: SqueezeNet, 2016).
    Squeezenet,
    /// Dilated convolutions over time with residuals (S. Bai et al., 2018).
    Tcn,
}

/// An architecture and its width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TemplateSpec {
    /// The architecture.
    pub template: Template,
    /// Channels and units, times those of the publication; above 0.
    pub width: f32,
}

/// A text that names no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\": expected NAME or NAME:width=NUMBER, with the name of one of {}", Template::names().join(", "))]
pub struct ParseTemplateError {
    found: String,
}

type Architecture = fn(&mut Build, &[usize], usize) -> Option<()>;

impl Template {
    /// All templates: name, architecture.
    const ALL: [(Template, &str, Architecture); 9] = [
        (Template::Autoencoder, "autoencoder", sequential::autoencoder),
        (Template::DsCnn, "ds-cnn", convolutional::ds_cnn),
        (Template::Gru, "gru", sequential::gru),
        (Template::Mlp, "mlp", sequential::mlp),
        (Template::MobilenetV1, "mobilenet-v1", convolutional::mobilenet_v1),
        (Template::MobilenetV2, "mobilenet-v2", convolutional::mobilenet_v2),
        (Template::Resnet8, "resnet8", convolutional::resnet8),
        (Template::Squeezenet, "squeezenet", convolutional::squeezenet),
        (Template::Tcn, "tcn", sequential::tcn),
    ];

    /// The names of all templates.
    pub fn names() -> Vec<&'static str> {
        Template::ALL.iter().map(|(_, name, _)| *name).collect()
    }

    /// All templates.
    pub fn all() -> impl Iterator<Item = Template> {
        Template::ALL.iter().map(|(template, ..)| *template)
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        Template::ALL.iter().find(|(template, ..)| *template == self).map_or("", |(_, name, _)| name)
    }

    /// What suits samples of this shape: images, windows over time, plain numbers.
    pub fn suggested(sample: &[usize], reconstructs: bool) -> Template {
        match sample.len() {
            _ if reconstructs => Template::Autoencoder,
            3 => Template::DsCnn,
            2 => Template::Tcn,
            _ => Template::Mlp,
        }
    }
}

impl TemplateSpec {
    /// A graph for samples of this shape, of batch 1, with so many outputs: logits, or where `softmax` probabilities. An autoencoder has the
    /// shape of its input as output. The same seed gives the same weights.
    ///
    /// # Errors
    /// A template that cannot take such samples.
    pub fn build(&self, sample: &[usize], outputs: usize, softmax: bool, seed: u64) -> Result<Graph, TrainError> {
        let error = || TrainError::Template { template: self.template.name(), shape: sample.to_vec() };
        let architecture = Template::ALL.iter().find(|(template, ..)| *template == self.template).map(|(.., build)| *build);
        let mut build = Build::new(self, sample, seed);
        architecture.ok_or_else(error)?(&mut build, sample, outputs).ok_or_else(error)?;
        if softmax && self.template != Template::Autoencoder {
            build.node("softmax", edgectl_graph::Op::Softmax { axis: 1 }, vec![]).ok_or_else(error)?;
        }
        Ok(build.finish())
    }
}

impl fmt::Display for TemplateSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:width={}", self.template.name(), self.width)
    }
}

impl FromStr for TemplateSpec {
    type Err = ParseTemplateError;

    fn from_str(text: &str) -> Result<TemplateSpec, ParseTemplateError> {
        let (name, width) = match text.split_once(':') {
            None => (text, Some(1.0)),
            Some((name, option)) => (name, option.strip_prefix("width=").and_then(|width| width.parse().ok())),
        };
        let template = Template::ALL.iter().find(|(_, own, _)| *own == name).map(|(template, ..)| *template);
        let width = width.filter(|width: &f32| width.is_finite() && *width > 0.0 && *width <= MAX_WIDTH);
        let spec = template.zip(width).map(|(template, width)| TemplateSpec { template, width });
        spec.ok_or_else(|| ParseTemplateError { found: text.into() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::network::Network;

    fn sample(template: Template) -> &'static [usize] {
        match template {
            Template::Tcn => &[6, 64],
            Template::Gru => &[32, 5],
            Template::Mlp | Template::Autoencoder => &[40],
            _ => &[3, 33, 20],
        }
    }

    #[test]
    fn every_template_is_a_graph_that_can_be_trained_and_grows_with_its_width() {
        for template in Template::all() {
            let parameters = |width| {
                let graph = TemplateSpec { template, width }.build(sample(template), 7, true, 1).unwrap();
                graph.check().unwrap();
                graph.require_deployable().unwrap();
                let output = graph.fixed_shape(graph.outputs()[0]).unwrap();
                let expected = if template == Template::Autoencoder { vec![1, 40] } else { vec![1, 7] };
                assert_eq!(output, expected, "{}", template.name());
                let (network, _) = Network::new(crate::network::trainable(&graph).unwrap()).unwrap();
                network.parameters.iter().map(|parameter| parameter.shape.iter().product::<usize>()).sum::<usize>()
            };
            assert!(parameters(0.25) < parameters(0.5) && parameters(0.5) < parameters(1.0), "{}", template.name());
        }
    }

    #[test]
    fn the_seed_decides_about_the_weights() {
        let build = |seed| "ds-cnn:width=0.25".parse::<TemplateSpec>().unwrap().build(&[1, 28, 28], 10, false, seed).unwrap();
        assert_eq!(build(1), build(1));
        assert_ne!(build(1), build(2));
    }

    #[test]
    fn texts_and_shapes_that_do_not_fit_are_refused() {
        for text in ["", "vgg", "ds-cnn:", "ds-cnn:width=", "ds-cnn:width=0", "ds-cnn:width=nan", "ds-cnn:depth=2", "mlp:width=1e9"] {
            assert!(text.parse::<TemplateSpec>().is_err(), "{text}");
        }
        for (text, shape) in [("ds-cnn", &[10][..]), ("tcn", &[3, 8, 8]), ("gru", &[9]), ("resnet8", &[4, 4])] {
            assert!(text.parse::<TemplateSpec>().unwrap().build(shape, 2, false, 0).is_err(), "{text} {shape:?}");
        }
        assert_eq!("mobilenet-v2:width=0.35".parse::<TemplateSpec>().unwrap().to_string(), "mobilenet-v2:width=0.35");
    }
}
