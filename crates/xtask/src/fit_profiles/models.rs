//! Which architecture a row of the published measurements is about, by the names that its source uses.

use super::architecture::Variant;

/// An architecture of `architectures.txt`, and what varies within it.
pub(super) struct Model {
    pub(super) architecture: &'static str,
    pub(super) variant: Variant,
}

/// Name in the file, architecture, outputs of the classifier (0: as the architecture says).
const NAMES: &[(&str, &str, u64)] = &[
    ("MLPerfTiny AD01 FC-AutoEncoder", "ad-autoencoder", 0),
    ("MLPerfTiny IC ResNet8", "resnet8", 0),
    ("MLPerfTiny KWS DS-CNN", "kws-ds-cnn", 0),
    ("MobileNetV3-Large-224", "mobilenet-v3-large", 0),
    ("MobileNetV3-Small-224", "mobilenet-v3-small", 0),
    ("ResNet50", "resnet50", 0),
    ("cvzoo:image_classification_mobilenetv1_2022apr", "mobilenet-v1", 1000),
    ("cvzoo:image_classification_mobilenetv2_2022apr", "mobilenet-v2", 1000),
    ("cvzoo:image_classification_ppresnet50_2022jan", "resnet50", 0),
    ("efficientnet-lite2", "efficientnet-lite2", 0),
    ("efficientnet-lite4", "efficientnet-lite4", 0),
    ("hello_world sine (3xFC)", "hello-world", 0),
    ("micro_speech TinyConv", "micro-speech", 0),
    ("mobilenet-v3-large-minimalistic_224_1.0", "mobilenet-v3-large-minimalistic", 0),
    ("mobilenet-v3-large_224_1.0", "mobilenet-v3-large", 0),
    ("mobilenet-v3-small-minimalistic_224_1.0", "mobilenet-v3-small-minimalistic", 0),
    ("mobilenet-v3-small_224_1.0", "mobilenet-v3-small", 0),
    ("ncnn:FastestDet", "fastestdet", 0),
    ("ncnn:alexnet", "alexnet", 0),
    ("ncnn:blazeface", "blazeface", 0),
    ("ncnn:efficientnet_b0", "efficientnet-b0", 0),
    ("ncnn:efficientnetv2_b0", "efficientnetv2-b0", 0),
    ("ncnn:googlenet", "googlenet", 0),
    ("ncnn:mnasnet", "mnasnet", 0),
    ("ncnn:mobilenet", "mobilenet-v1", 1000),
    ("ncnn:mobilenet_ssd", "mobilenet-ssd", 0),
    ("ncnn:mobilenet_v2", "mobilenet-v2", 1000),
    ("ncnn:mobilenet_v3", "mobilenet-v3-large", 1000),
    ("ncnn:mobilenet_yolo", "mobilenet-yolo", 0),
    ("ncnn:mobilenetv2_yolov3", "mobilenetv2-yolov3", 0),
    ("ncnn:nanodet_m", "nanodet-m", 0),
    ("ncnn:proxylessnasnet", "proxylessnas", 0),
    ("ncnn:regnety_400m", "regnety-400m", 0),
    ("ncnn:resnet18", "resnet18", 0),
    ("ncnn:resnet50", "resnet50-caffe", 0),
    ("ncnn:shufflenet", "shufflenet-v1-g3", 0),
    ("ncnn:shufflenet_v2", "shufflenet-v2", 0),
    ("ncnn:squeezenet", "squeezenet-v1.1", 0),
    ("ncnn:squeezenet_ssd", "squeezenet-ssd", 0),
    ("ncnn:vgg16", "vgg16", 0),
    ("ncnn:vision_transformer", "vit-b32", 0),
    ("ncnn:yolo-fastestv2", "yolo-fastestv2", 0),
    ("ncnn:yolov4-tiny", "yolov4-tiny", 0),
    ("netspresso:MobileNetV3-large (3cls)", "mobilenet-v3-large", 3),
    ("netspresso:MobileNetV3-small (3cls)", "mobilenet-v3-small", 3),
    ("netspresso:ResNet18 (3cls)", "resnet18", 3),
    ("netspresso:ResNet34 (3cls)", "resnet34", 3),
    ("netspresso:ResNet50 (3cls)", "resnet50", 3),
    ("netspresso:ViT-tiny (3cls)", "vit-tiny", 0),
    ("tengine:googlenet", "googlenet", 0),
    ("tengine:mobilenetv1", "mobilenet-v1", 1000),
    ("tengine:mobilenetv3", "mobilenet-v3-large", 1000),
    ("tengine:resnet18", "resnet18", 0),
    ("tengine:resnet50", "resnet50", 0),
    ("tengine:shufflenetv2", "shufflenet-v2", 0),
    ("tengine:squeezenet_v1.1", "squeezenet-v1.1", 0),
    ("torchvision:densenet121", "densenet121", 0),
    ("torchvision:resnet101", "resnet101", 0),
    ("torchvision:resnet152", "resnet152", 0),
    ("torchvision:resnet18", "resnet18", 0),
    ("torchvision:resnet34", "resnet34", 0),
    ("torchvision:vgg11_bn", "vgg11", 0),
    ("torchvision:vgg13_bn", "vgg13", 0),
    ("torchvision:vgg16", "vgg16", 0),
];

/// Family, the architectures in it by the beginning of their names: variants of one design, and detectors on one backbone.
const FAMILIES: &[(&str, &[&str])] = &[
    ("efficientnet", &["efficientnet"]),
    ("mobilenet-v1", &["mobilenet-v1", "mobilenet-ssd", "mobilenet-yolo"]),
    ("mobilenet-v2", &["mobilenet-v2", "mobilenetv2-yolov3"]),
    ("mobilenet-v3", &["mobilenet-v3"]),
    ("resnet", &["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]),
    ("shufflenet-v2", &["shufflenet-v2", "nanodet-m", "yolo-fastestv2", "fastestdet"]),
    ("squeezenet", &["squeezenet"]),
    ("vgg", &["vgg"]),
    ("vit", &["vit"]),
];

/// The family of an architecture: itself where it has no relatives.
pub(super) fn family(architecture: &'static str) -> &'static str {
    let related = |(_, members): &&(&str, &[&str])| members.iter().any(|member| architecture.starts_with(member));
    FAMILIES.iter().find(related).map_or(architecture, |(family, _)| family)
}

/// The model that a row names; nothing where its layers are not known.
pub(super) fn model(name: &str, input: &str) -> Option<Model> {
    let shape = shape(input);
    let variant = |width: f64, input: Option<[u64; 3]>, classes: u64| Variant { width, input, classes: (classes > 0).then_some(classes) };
    if let Some((_, architecture, classes)) = NAMES.iter().find(|(known, ..)| *known == name) {
        return Some(Model { architecture, variant: variant(1.0, None, *classes) });
    }
    let found = |architecture, variant| Some(Model { architecture, variant });
    // The MLPerf Tiny model for visual wake words, and TensorFlow Lite Micro's person detection.
    if name.contains("VWW MobileNetV1") || name.contains("vww96") {
        return found("mobilenet-v1", variant(0.25, Some([96, 96, 3]), 2));
    }
    if name.starts_with("person_detect") {
        return found("mobilenet-v1", variant(0.25, Some([96, 96, 1]), 2));
    }
    match name {
        "MobileNetV1-0.25 (5cls)" => return found("mobilenet-v1", variant(0.25, shape, 5)),
        "TinyMaix mbnet128 (MobileNetV1-0.25)" => return found("mobilenet-v1", variant(0.25, Some([128, 128, 3]), 1001)),
        _ => {}
    }
    // `MobileNetV2-0.35-96`, `MobileNetV2-1.0 (1core)`.
    let (architecture, rest) = match name.split_at_checked("MobileNetV1-".len())? {
        ("MobileNetV1-", rest) => ("mobilenet-v1", rest),
        ("MobileNetV2-", rest) => ("mobilenet-v2", rest),
        _ => return None,
    };
    let width = rest.split(['-', ' ']).next()?.parse().ok()?;
    found(architecture, variant(width, shape, 0))
}

/// `HxWxC`.
fn shape(text: &str) -> Option<[u64; 3]> {
    let sides: Vec<u64> = text.split('x').map(|side| side.parse().ok()).collect::<Option<_>>()?;
    sides.try_into().ok()
}
