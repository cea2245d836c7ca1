//! Lines to boards: serial ports, and TCP ports behind which there is one; finding a board by its number.
//!
//! | port | is |
//! |---|---|
//! | `/dev/ttyACM0`, `COM3` | this serial port |
//! | `tcp:HOST:PORT` | a TCP port that carries the bytes of a serial one, as ser2net has them |
//! | `board:NUMBER` | the board of this number, wherever it is connected by USB |
//! | `auto` | the only board that is connected by USB |
//! | `usb:SERIAL` | the serial port whose USB adapter has this serial number |
//! | `mac:60:55:F9:01:02:03` | the ESP32 with this address, where its USB port is in the chip and bears it |
//!
//! Behind a port, for ESP32 chips: `?baud=N`, the speed of their loader; `?mac=…`, the only address that the board may have; `?via=loader`, so
//! that the firmware is not asked, but compared and replaced. Several of these have `&` between them.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use edge_device::client::Link;
use serialport::{SerialPort, SerialPortType};

use super::BoardError;
use crate::hex;

/// Between two looks for a board that is to come back.
pub(crate) const POLL: Duration = Duration::from_millis(50);
/// What every firmware begins with over a UART; behind USB it means nothing.
const BAUD: u32 = 115_200;
/// USB vendor and product of our firmware: Raspberry Pi's, for serial ports.
const IDS: (u16, u16) = (0x2E8A, 0x000A);

/// Where a line is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// The only board behind USB.
    Auto,
    /// The board of this number behind USB.
    Board(String),
    /// The ESP32 with this address: lower-case, with colons.
    Mac(String),
    /// A serial port by name.
    Path(String),
    /// HOST:PORT.
    Tcp(String),
    /// The port whose USB adapter has this serial number.
    Usb(String),
}

/// A port, and what is particular to boards with ESP32 chips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) port: Port,
    /// Bits in a second.
    pub(crate) baud: Option<u32>,
    /// The only address that the board may have: lower-case, with colons.
    pub(crate) mac: Option<String>,
    /// Whether the firmware is not asked.
    pub(crate) by_loader: bool,
}

impl Place {
    /// Parses what stands behind `serial:`; otherwise which part of it is wrong, what it is, and why.
    pub(crate) fn parse(text: &str) -> Result<Place, (&'static str, String, &'static str)> {
        let (port, query) = text.split_once('?').unwrap_or((text, ""));
        let mut place = Place { port: Port::parse(port), baud: None, mac: None, by_loader: false };
        let address =
            |text: &str| mac(text).ok_or(("address", text.to_owned(), "is not six bytes in hexadecimal, such as 60:55:F9:01:02:03"));
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("baud", value)) => match value.parse() {
                    Ok(baud @ 1200..=12_000_000) => place.baud = Some(baud),
                    _ => return Err(("speed", value.into(), "is not a number of bits in a second from 1200 to 12000000")),
                },
                Some(("mac", value)) => place.mac = Some(address(value)?),
                _ if pair == "via=loader" => place.by_loader = true,
                _ => return Err(("option", pair.into(), "is none of baud=…, mac=… and via=loader")),
            }
        }
        if let Port::Mac(text) = &place.port {
            let mac = address(text)?;
            (place.port, place.mac) = (Port::Mac(mac.clone()), Some(mac));
        }
        Ok(place)
    }
}

/// An address, lower-case and with colons.
fn mac(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect::<String>().to_ascii_lowercase();
    let is_mac = digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit());
    is_mac.then(|| edgectl_esp::session::with_colons(&digits))
}

/// A line to a board.
pub enum Line {
    /// A serial port.
    Serial(Box<dyn SerialPort>),
    /// What carries the bytes of one.
    Tcp(TcpStream),
}

/// A board behind USB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: String,
    /// As USB names it: the board's number.
    pub(crate) number: String,
    /// Whether the maker is one whose adapters are on boards.
    is_likely: bool,
}

impl Found {
    fn label(&self) -> String {
        format!("board:{} at {}", self.number, self.path)
    }
}

impl Port {
    pub(crate) fn parse(text: &str) -> Port {
        match text.split_once(':') {
            Some(("tcp", address)) => Port::Tcp(address.into()),
            Some(("board", number)) => Port::Board(number.to_ascii_lowercase()),
            Some(("mac", address)) => Port::Mac(address.into()),
            Some(("usb", number)) => Port::Usb(number.into()),
            _ if text == "auto" => Port::Auto,
            _ => Port::Path(text.into()),
        }
    }

    /// Opens the line; what was there before and is to come back may take as long as there is patience. Once a board has said who it is,
    /// it is looked for by its number, since the system may give its port another name.
    pub(crate) fn open(&mut self, board: Option<[u8; 8]>, patience: Duration) -> Result<Line, BoardError> {
        if let (Port::Auto, Some(board)) = (&self, board) {
            *self = Port::Board(hex(&board));
        }
        let begin = Instant::now();
        loop {
            match self.open_now() {
                Err(BoardError::NoBoard { .. } | BoardError::Open { .. }) if board.is_some() && begin.elapsed() < patience => {
                    std::thread::sleep(POLL);
                }
                opened => return opened,
            }
        }
    }

    /// The name of the serial port; for boards with ESP32 chips, whose USB adapters are of many makers.
    pub(crate) fn path(&self) -> Result<String, BoardError> {
        match self {
            Port::Path(path) => Ok(path.clone()),
            Port::Board(number) => Ok(only(boards(), number)?.path),
            Port::Mac(mac) => Ok(only(adapters(), mac)?.path),
            Port::Usb(number) => Ok(only(adapters(), number)?.path),
            Port::Auto | Port::Tcp(_) => Ok(only(adapters().into_iter().filter(|found| found.is_likely).collect(), "")?.path),
        }
    }

    fn open_now(&self) -> Result<Line, BoardError> {
        match self {
            Port::Tcp(address) => {
                let open = || {
                    let stream = TcpStream::connect(address)?;
                    stream.set_nodelay(true)?;
                    Ok(Line::Tcp(stream))
                };
                open().map_err(|source| BoardError::Open { port: format!("tcp:{address}"), source })
            }
            Port::Path(path) => serial(path),
            Port::Mac(_) | Port::Usb(_) => serial(&self.path()?),
            Port::Auto => serial(&only(boards(), "")?.path),
            Port::Board(number) => serial(&only(boards(), number)?.path),
        }
    }
}

impl Line {
    /// Listens for a moment before it closes. A TCP port that is closed while something has arrived and was not read throws away what was sent
    /// and has not arrived, such as a reset.
    pub(crate) fn hear_out(mut self) {
        const MOMENT: Duration = Duration::from_millis(200);
        let (begin, mut buffer) = (Instant::now(), [0; 256]);
        while begin.elapsed() < MOMENT && self.receive(&mut buffer, MOMENT).is_ok() {}
    }
}

fn serial(path: &str) -> Result<Line, BoardError> {
    let port = serialport::new(path, BAUD).timeout(POLL).open();
    port.map(Line::Serial).map_err(|error| BoardError::Open { port: path.into(), source: error.into() })
}

/// The board of this number, or the only one.
fn only(mut found: Vec<Found>, number: &str) -> Result<Found, BoardError> {
    let labels = |found: &[Found]| found.iter().map(Found::label).collect();
    let all = labels(&found);
    found.retain(|found| number.is_empty() || found.number.eq_ignore_ascii_case(number));
    match (found.pop(), found.len()) {
        (Some(board), 0) => Ok(board),
        (Some(_), _) => Err(BoardError::Several { found: all }),
        (None, _) => Err(BoardError::NoBoard { wanted: number.into(), found: all }),
    }
}

/// The boards behind USB that have our firmware.
pub(crate) fn boards() -> Vec<Found> {
    // Where ports cannot be listed, there are none that could be found.
    let ports = serialport::available_ports().unwrap_or_default();
    let ours = ports.into_iter().filter_map(|port| match port.port_type {
        SerialPortType::UsbPort(usb) if (usb.vid, usb.pid) == IDS => {
            Some(Found { path: port.port_name, number: usb.serial_number?, is_likely: true })
        }
        _ => None,
    });
    ours.collect()
}

/// All serial ports behind USB: adapters, and chips that are their own.
fn adapters() -> Vec<Found> {
    // Espressif, Silicon Labs, WCH, FTDI.
    const MAKERS: [u16; 4] = [0x303A, 0x10C4, 0x1A86, 0x0403];
    let ports = serialport::available_ports().unwrap_or_default();
    let all = ports.into_iter().filter_map(|port| match port.port_type {
        SerialPortType::UsbPort(usb) => {
            let is_likely = MAKERS.contains(&usb.vid);
            Some(Found { path: port.port_name, number: usb.serial_number.unwrap_or_default(), is_likely })
        }
        _ => None,
    });
    all.collect()
}

impl Link for Line {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Line::Serial(port) => {
                port.set_timeout(Duration::from_secs(10))?;
                port.write_all(bytes)
            }
            Line::Tcp(stream) => stream.write_all(bytes),
        }
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let timeout = timeout.max(Duration::from_millis(1));
        let received = match self {
            Line::Serial(port) => {
                port.set_timeout(timeout)?;
                port.read(buffer)
            }
            Line::Tcp(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                stream.read(buffer)
            }
        };
        match received {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted) => Ok(0),
            received => received,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(number: &str, path: &str) -> Found {
        Found { path: path.into(), number: number.into(), is_likely: true }
    }

    #[test]
    fn a_port_is_what_it_says() {
        assert_eq!(Port::parse("/dev/ttyACM0"), Port::Path("/dev/ttyACM0".into()));
        assert_eq!(Port::parse("COM3"), Port::Path("COM3".into()));
        assert_eq!(Port::parse("tcp:[::1]:4000"), Port::Tcp("[::1]:4000".into()));
        assert_eq!(Port::parse("board:E660583883"), Port::Board("e660583883".into()));
        assert_eq!(Port::parse("auto"), Port::Auto);
        assert_eq!(Port::parse("usb:0001"), Port::Usb("0001".into()));
    }

    #[test]
    fn a_place_is_a_port_with_what_is_particular() {
        let place = |port, baud, mac: Option<&str>| Ok(Place { port, baud, mac: mac.map(Into::into), by_loader: false });
        let path = || Port::Path("/dev/ttyUSB0".into());
        assert_eq!(Place::parse("/dev/ttyUSB0"), place(path(), None, None));
        let mac = "60:55:f9:0a:02:03";
        assert_eq!(Place::parse("/dev/ttyUSB0?baud=921600&mac=6055F90A0203"), place(path(), Some(921_600), Some(mac)));
        assert_eq!(Place::parse("mac:60:55:F9:0A:02:03"), place(Port::Mac(mac.into()), None, Some(mac)));
        for wrong in ["/dev/ttyUSB0?baud=fast", "/dev/ttyUSB0?baud=1", "/dev/ttyUSB0?mac=60:55", "mac:", "COM3?speed=9600", "COM3?via=uf2"]
        {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn of_several_boards_one_must_be_named() {
        let two = || vec![found("e660", "/dev/ttyACM0"), found("E661", "/dev/ttyACM1")];
        assert_eq!(only(two(), "e661").map(|found| found.path).ok().as_deref(), Some("/dev/ttyACM1"));
        let error = only(two(), "").map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(error, Err("several boards are connected: board:e660 at /dev/ttyACM0, board:E661 at /dev/ttyACM1".into()));
        let error = only(two(), "e662").map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(error, Err("no board e662: found board:e660 at /dev/ttyACM0, board:E661 at /dev/ttyACM1".into()));
        let error = only(vec![], "").map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(error, Err("no board: none is connected".into()));
    }
}
