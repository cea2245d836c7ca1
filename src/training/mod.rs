//! What `finetune` and `distill` share, and `prune` of it: options, data in memory, teachers, training with progress, reports.

mod aim;
mod course;
mod figures;
mod int8;
mod load;
mod options;
mod page;
mod report;
pub(crate) mod session;
mod student;
mod teacher;

pub(crate) use aim::Aim;
use aim::Given;
pub(crate) use course::{Course, Pupil};
use figures::Figures;
use int8::Int8Aware;
pub(crate) use load::load;
pub(crate) use options::{Defaults, TrainingArgs, checkpoint_of};
pub(crate) use session::Interrupted;
pub(crate) use student::{Contract, StudentChoice, StudentError, read as read_student};
pub(crate) use teacher::{Teacher, TeacherError};
