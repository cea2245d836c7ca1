//! USB: a serial port (CDC-ACM) whose serial number is the board's.

use core::cell::RefCell;

use cortex_m::peripheral::NVIC;
use critical_section::{CriticalSection, Mutex};
use usb_device::bus::UsbBusAllocator;
use usb_device::device::{StringDescriptors, UsbDevice, UsbDeviceBuilder, UsbDeviceState, UsbVidPid};
use usbd_serial::{SerialPort, USB_CLASS_CDC};

use crate::chip::hal::pac::{Interrupt, interrupt};
use crate::chip::hal::usb::UsbBus;

/// What Raspberry Pi lets every program for their chips use that has a serial port.
const IDS: UsbVidPid = UsbVidPid(0x2e8a, 0x000a);

struct Usb {
    device: UsbDevice<'static, UsbBus>,
    serial: SerialPort<'static, UsbBus>,
}

static USB: Mutex<RefCell<Option<Usb>>> = Mutex::new(RefCell::new(None));

/// Begins to answer the host, which happens in interrupts from here on.
pub fn start(bus: UsbBus, board: &'static str) {
    let Some(bus) = cortex_m::singleton!(: UsbBusAllocator<UsbBus> = UsbBusAllocator::new(bus)) else { return };
    let serial = SerialPort::new(bus);
    let strings = StringDescriptors::default().manufacturer("edgectl").product("edgectl device").serial_number(board);
    let builder = UsbDeviceBuilder::new(bus, IDS).device_class(USB_CLASS_CDC);
    let Ok(builder) = builder.strings(&[strings]).and_then(|builder| builder.max_packet_size_0(64)) else { return };
    let device = builder.build();
    critical_section::with(|token| USB.borrow_ref_mut(token).replace(Usb { device, serial }));
    unmask();
}

/// Reads what has come; 0 where nothing has.
pub fn read(bytes: &mut [u8]) -> usize {
    let read = with(|usb| {
        usb.device.poll(&mut [&mut usb.serial]);
        usb.serial.read(bytes).unwrap_or(0)
    });
    unmask();
    read
}

/// Writes the first of these bytes: how many. `None` where nobody is there to read them.
pub fn write(bytes: &[u8]) -> Option<usize> {
    with(|usb| {
        usb.device.poll(&mut [&mut usb.serial]);
        let written = usb.serial.write(bytes).unwrap_or(0);
        // What is left of it goes with the next poll.
        let _ = usb.serial.flush();
        (usb.device.state() == UsbDeviceState::Configured).then_some(written)
    })
}

fn with<T: Default>(f: impl FnOnce(&mut Usb) -> T) -> T {
    let locked = |token: CriticalSection<'_>| USB.borrow_ref_mut(token).as_mut().map(f).unwrap_or_default();
    critical_section::with(locked)
}

fn unmask() {
    // SAFETY: no critical section relies on this interrupt's mask.
    unsafe { NVIC::unmask(Interrupt::USBCTRL_IRQ) };
}

#[interrupt]
fn USBCTRL_IRQ() {
    let waiting = with(|usb| usb.device.poll(&mut [&mut usb.serial]));
    if waiting {
        // Until somebody reads, the controller would ask again and again; meanwhile it tells the host to wait.
        NVIC::mask(Interrupt::USBCTRL_IRQ);
    }
}
