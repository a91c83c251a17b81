#![doc = include_str!("../README.md")]

pub mod biconvlstm;
pub mod conv3d;
pub mod convlstm;
pub mod convnet_lstm;
pub mod head;
pub mod lrcn;

pub use biconvlstm::{
    BiConvLstm, BiConvLstmConfig, Join, Over, conv3d_biconvlstm, conv3d_biconvlstm_released,
};
pub use conv3d::Conv3dConvs;
pub use convlstm::{ConvLstmNet, ConvLstmNetConfig, conv3d_convlstm};
pub use convnet_lstm::{ConvNetLstm, ConvNetLstmConfig, convnet_lstm};
pub use head::LstmHead;
pub use lrcn::{Lrcn, LrcnConfig, lrcn_fc6, lrcn_fc7, single_frame};
