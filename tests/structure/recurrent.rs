//! Sizes of networks that walk through the frames of a clip.

use candle::Result;

use super::{of, of_classes, shapes};

#[test]
fn convolutional_lstms_of_their_papers() -> Result<()> {
    // By the layers of the authors' code without biases: 3DCNN 2,880,576 and 896 of batch norms; ConvLSTMs 2 (4,719,616 +
    // 8,848,896); 2DCNN 1,770,752; classifier 1,020,153.
    let both = of("conv3d-biconvlstm", |_| ())?;
    assert_eq!(both.parameters, 32_809_401);
    assert_eq!(of("conv3d-biconvlstm-released", |_| ())?.parameters, 32_809_401);
    let convs = 5_184 * 32 * 112 * 112 + 221_184 * 32 * 56 * 56 + (884_736 + 1_769_472) * 16 * 784;
    let lstms = (4_719_616 - 1_024 + 8_848_896 - 1_536) * 16 * 784;
    let frames = 16 * (884_736 * 784 + 294_912 * 196 + 589_824 * 49);
    assert_eq!(both.multiply_adds, convs + 2 * lstms + frames + 4_096 * 249);
    let want: [(&str, &[usize]); 9] = [
        ("Conv3d_1", &[64, 32, 56, 56]),
        ("Conv3d_2_3x3", &[128, 16, 28, 28]),
        ("Conv3d_3a_3x3", &[256, 16, 28, 28]),
        ("Conv3d_3b_3x3", &[256, 16, 28, 28]),
        ("fwbw_concat", &[768, 16, 28, 28]),
        ("Conv2d_1", &[128, 16, 14, 14]),
        ("Conv2d_2", &[256, 16, 7, 7]),
        ("Conv2d_3", &[256, 16, 4, 4]),
        ("Classes", &[249]),
    ];
    assert_eq!(shapes(&both), want);

    // One direction, and 1 + 4 + 16 + 49 maxima a channel.
    let one = of("conv3d-convlstm", |_| ())?;
    let maxima = 384 * (1 + 4 + 16 + 49);
    assert_eq!(one.parameters, 2_881_472 + 4_719_616 + 8_848_896 + (maxima + 1) * 249);
    assert_eq!(one.multiply_adds, convs + lstms + maxima * 249);
    assert_eq!(shapes(&one)[6], ("Concat_SPP", &[26_880][..]));
    Ok(())
}

#[test]
fn convnet_lstm_of_its_paper() -> Result<()> {
    // CVPR 2017, table 1: 9 M. Inception-v1 with batch norms 5,599,904, the LSTM 4 512 (1024 + 512) and its biases, the
    // classifier.
    let net = of("convnet-lstm", |_| ())?;
    assert_eq!(net.parameters, 8_952_880);
    assert_eq!(net.parameters, 5_599_904 + 2_048 * (1_536 + 1) + 513 * 400);
    // The ConvNet is I2D on each frame by itself, which on one frame is I2D; the classifier runs once.
    let frame = of("i2d", |sizes| sizes.input = [1, 224, 224])?;
    assert_eq!(
        net.multiply_adds,
        25 * (frame.multiply_adds - 1024 * 400 + 2_048 * 1_536) + 512 * 400
    );
    let shapes = shapes(&net);
    assert_eq!(
        shapes[16..],
        [("AvgPool", &[1024][..]), ("lstm", &[512, 25]), ("logits", &[1, 400])]
    );
    Ok(())
}

#[test]
fn lrcn_of_its_paper() -> Result<()> {
    // By the layers of the released Caffe networks: 13,824 values into fc6, LSTMs of 4,456,448 and 20,971,520 weights.
    let fc6 = of_classes("lrcn-fc6", 101)?;
    assert_eq!(fc6.parameters, 65_421_285);
    assert_eq!(of_classes("lrcn-fc6-flow", 101)?.parameters, 82_016_997);
    assert_eq!(of_classes("lrcn-single-frame", 101)?.parameters, 78_132_965);
    // fc7 besides.
    let fc7 = 4_096 * 4_097;
    assert_eq!(of_classes("lrcn-fc7", 101)?.parameters, 65_421_285 + fc7);
    assert_eq!(of_classes("lrcn-fc7-flow", 101)?.parameters, 82_016_997 + fc7);
    // 16 frames, each with 256 101 products at the end.
    let frame = 96 * 147 * 111 * 111
        + 384 * 1_200 * 26 * 26
        + (512 * 3_456 + 512 * 2_304 + 384 * 2_304) * 169
        + 13_824 * 4_096
        + 4_456_448
        + 256 * 101;
    assert_eq!(fc6.multiply_adds, 16 * frame);
    let want: [(&str, &[usize]); 11] = [
        ("conv1", &[96, 1, 111, 111]),
        ("pool1", &[96, 1, 55, 55]),
        ("conv2", &[384, 1, 26, 26]),
        ("pool2", &[384, 1, 13, 13]),
        ("conv3", &[512, 1, 13, 13]),
        ("conv4", &[512, 1, 13, 13]),
        ("conv5", &[384, 1, 13, 13]),
        ("pool5", &[384, 1, 6, 6]),
        ("fc6", &[4096]),
        ("lstm1", &[256, 16]),
        ("fc8-final", &[16, 101]),
    ];
    assert_eq!(shapes(&fc6), want);
    Ok(())
}
