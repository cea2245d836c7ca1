//! Why a deployment has no receipt.

use thiserror::Error;

use crate::board::BoardError;
use crate::receipt::Code;
use crate::ssh::SshError;
use crate::target::Target;

/// Why a deployment has no receipt.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeployError {
    /// On the way to a board with a microcontroller, or there.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// There is no transport for this kind of target.
    #[error("{target}: no transport for {}: targets in this version", target.scheme())]
    NoTransport {
        /// The target.
        target: Target,
    },
    /// On the way to a Linux device, or there.
    #[error(transparent)]
    Ssh(#[from] SshError),
}

impl DeployError {
    /// The kind of error, finer than its code, where it has such a name.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            DeployError::Board(BoardError::Esp(error)) => Some(error.name()),
            _ => None,
        }
    }

    /// The code of this end.
    pub fn code(&self) -> Code {
        match self {
            DeployError::Board(error) => error.code(),
            DeployError::NoTransport { .. } => Code::Failed,
            DeployError::Ssh(error) => error.code(),
        }
    }
}
