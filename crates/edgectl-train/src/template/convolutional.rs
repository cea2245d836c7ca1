//! Convolutional templates, for images `[C, H, W]`: spectrograms are images, too.

use super::build::{After, Build};

fn image(sample: &[usize]) -> Option<()> {
    (sample.len() == 3).then_some(())
}

pub(super) fn ds_cnn(build: &mut Build, sample: &[usize], outputs: usize) -> Option<()> {
    image(sample)?;
    let channels = build.channels(64);
    build.conv(channels, 3, 2, 1, After::Relu)?;
    for _ in 0..4 {
        build.separable(channels, 3, 1)?;
    }
    build.pool_all()?;
    build.dense(outputs)
}

pub(super) fn mobilenet_v1(build: &mut Build, sample: &[usize], outputs: usize) -> Option<()> {
    image(sample)?;
    build.conv(build.channels(32), 3, 2, 1, After::Relu)?;
    let rest = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)];
    let middle = [(512, 1); 5];
    for (filters, stride) in rest.into_iter().chain(middle).chain([(1024, 2), (1024, 1)]) {
        build.separable(build.channels(filters), 3, stride)?;
    }
    build.pool_all()?;
    build.dense(outputs)
}

pub(super) fn mobilenet_v2(build: &mut Build, sample: &[usize], outputs: usize) -> Option<()> {
    image(sample)?;
    build.conv(build.channels(32), 3, 2, 1, After::Relu6)?;
    // Expansion, filters, blocks, stride of the first one.
    for (expansion, filters, blocks, stride) in
        [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    {
        for block in 0..blocks {
            let before = build.here();
            let channels = *build.shape.first()?;
            let inner = channels * expansion;
            if expansion > 1 {
                build.conv(inner, 1, 1, 1, After::Relu6)?;
            }
            build.conv(inner, 3, if block == 0 { stride } else { 1 }, inner, After::Relu6)?;
            build.conv(build.channels(filters), 1, 1, 1, After::Nothing)?;
            if build.shape == before.1 {
                build.add(&before)?;
            }
        }
    }
    build.conv(build.channels(1280), 1, 1, 1, After::Relu6)?;
    build.pool_all()?;
    build.dense(outputs)
}

pub(super) fn resnet8(build: &mut Build, sample: &[usize], outputs: usize) -> Option<()> {
    image(sample)?;
    build.conv(build.channels(16), 3, 1, 1, After::Relu)?;
    for (filters, stride) in [(16, 1), (32, 2), (64, 2)] {
        let before = build.here();
        let filters = build.channels(filters);
        build.conv(filters, 3, stride, 1, After::Relu)?;
        build.conv(filters, 3, 1, 1, After::Nothing)?;
        let deep = build.here();
        if before.1 != deep.1 {
            build.go_to(before);
            build.conv(filters, 1, stride, 1, After::Nothing)?;
        } else {
            build.go_to(before);
        }
        build.add(&deep)?;
        build.activate(After::Relu)?;
    }
    build.pool_all()?;
    build.dense(outputs)
}

pub(super) fn squeezenet(build: &mut Build, sample: &[usize], outputs: usize) -> Option<()> {
    image(sample)?;
    build.conv(build.channels(64), 3, 2, 1, After::Relu)?;
    build.max_pool()?;
    // Squeezing filters, filters of each kind of expansion, whether a pool follows.
    let modules = [
        (16, 64, false),
        (16, 64, true),
        (32, 128, false),
        (32, 128, true),
        (48, 192, false),
        (48, 192, false),
        (64, 256, false),
        (64, 256, false),
    ];
    for (squeeze, expand, pools) in modules {
        build.conv(build.channels(squeeze), 1, 1, 1, After::Relu)?;
        let squeezed = build.here();
        build.conv(build.channels(expand), 1, 1, 1, After::Relu)?;
        let narrow = build.here();
        build.go_to(squeezed);
        build.conv(build.channels(expand), 3, 1, 1, After::Relu)?;
        build.concat(&narrow)?;
        if pools {
            build.max_pool()?;
        }
    }
    build.pool_all()?;
    build.dense(outputs)
}
