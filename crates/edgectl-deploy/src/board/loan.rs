//! A board that is lent: it runs a program for a while, and then what it ran before.

use edge_device::client::{Client, Identity};
use edge_device::image;
use edge_device::slots::State;

use super::esp::check_address;
use super::line::{Line, Place, Port};
use super::prepared::Prepared;
use super::{BoardError, connect, in_session, restart, running, start_trial};
use crate::hex;
use crate::transport::Options;

/// Has the board at a port run a program while `work` talks to it. A program that is not there already is started on trial and never
/// confirmed, so that the board goes back by itself even if the line breaks; where nothing breaks, it is back when this returns. It takes
/// the place of the image in the slot that does not run.
///
/// `port` is what stands behind `serial:` in a target, and `chip` what the board must have. An address behind the port (`?mac=…`) must be the
/// board's; a speed there is that of the chip's loader, which has no part in this: the firmware has a speed of its own, as in deployments. `sent` is told the bytes that have arrived, and how many there will be.
///
/// # Errors
/// [`BoardError`]; [`BoardError::OnTrial`] where the board waits for a confirmation, since it would lose what it goes back to.
pub fn lend<R>(
    port: &str,
    chip: &str,
    program: &[u8],
    options: &Options,
    sent: &mut dyn FnMut(u32, u32),
    work: impl FnOnce(&mut Client<Line>, &Identity) -> R,
) -> Result<R, BoardError> {
    let (mut port, mac) = match Place::parse(port) {
        Ok(place) => (place.port, place.mac),
        Err(_) => (Port::parse(port), None),
    };
    let (mut client, identity) = connect(&mut port, None, options)?;
    if let Some(mac) = mac {
        check_address(&identity, &mac)?;
    }
    let (status, slots) = (client.status()?, client.slots()?);
    let prepared = Prepared::of_program(program, chip, status.floor)?;
    prepared.fits(&identity)?;
    let before = running(&status, &slots);
    if before.is_some() && client.model()?.digest == image::sha256(program) {
        return Ok(work(&mut client, &identity));
    }
    if let Some(slot) = before.filter(|slot| slot.state != State::Confirmed) {
        return Err(BoardError::OnTrial { image: hex(&slot.digest) });
    }
    client.send_image(&prepared.image, sent)?;
    in_session(&mut client, |client| client.activate(&prepared.digest))?;
    let mut client = start_trial(&mut port, client, &identity, &prepared.digest, options)?;
    let done = work(&mut client, &identity);

    in_session(&mut client, |client| client.reject(&prepared.digest)).map_err(|error| BoardError::after_switch(error.into()))?;
    let mut client = restart(&mut port, client, &identity, options)?;
    let now = running(&client.status()?, &client.slots()?);
    match now.map(|slot| slot.digest) == before.map(|slot| slot.digest) {
        true => Ok(done),
        false => Err(BoardError::NotReverted { reason: "the measurement is over".into() }),
    }
}
