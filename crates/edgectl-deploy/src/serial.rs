//! `serial:PORT`: a board that runs, at a serial port.

use crate::board::Deployment;
use crate::board::line::Place;
use crate::error::DeployError;
use crate::event::Event;
use crate::receipt::Receipt;
use crate::release::Release;
use crate::target::Target;
use crate::transport::{Options, Transport};

#[derive(Debug)]
struct Serial {
    target: Target,
    place: Place,
}

/// The transport of a target, where it is a serial port.
pub fn open(target: &Target) -> Option<Box<dyn Transport>> {
    let Target::Serial(port) = target else { return None };
    // A target was checked as it was read.
    let place = Place::parse(port).ok()?;
    Some(Box::new(Serial { target: target.clone(), place }))
}

impl Transport for Serial {
    fn deploy(&mut self, release: &Release, options: &Options, events: &mut dyn FnMut(Event)) -> Result<Receipt, DeployError> {
        let mut deployment = Deployment { target: &self.target, release, options, events };
        Ok(deployment.at_serial_port(&mut self.place)?)
    }
}
