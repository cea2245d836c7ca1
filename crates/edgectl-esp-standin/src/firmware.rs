//! Our firmware on the chip: `edge-device`'s server, in a thread of its own, on the flash that the loader has written.

use std::sync::mpsc::{Receiver, Sender, channel};

use edge_device::fault::FaultRecord;
use edge_device::server::{About, Board, Buffers, MAX_COSTS, Server, Setup as ServerSetup};
use edge_device::slots::Layout;
use edge_format::AlignedBytes;
use edge_runtime::Resolver;

use crate::{ChipFlash, Setup};

/// Memory for activations.
const ARENA_BYTES: usize = 128 << 10;

pub(crate) struct Firmware {
    to: Sender<u8>,
    from: Receiver<Vec<u8>>,
}

impl Firmware {
    pub(crate) fn start(setup: &Setup, flash: ChipFlash, layout: Layout) -> Firmware {
        let (to, incoming) = channel();
        let (outgoing, from) = channel();
        let [a, b, c, d, e, f] = setup.mac;
        let about = About { chip: setup.model.name, firmware: "edgectl stand-in", board: [a, b, c, d, e, f, 0, 0], clock_hz: 160_000_000 };
        std::thread::spawn(move || {
            let mut board = Uart { incoming, outgoing, cycles: 0, fault: FaultRecord::EMPTY, again: true };
            let mut arena = AlignedBytes::zeroed(ARENA_BYTES);
            let mut buffers = Buffers::EMPTY;
            while std::mem::take(&mut board.again) {
                let mut costs = [0; MAX_COSTS];
                let setup =
                    ServerSetup { about, flash: flash.clone(), layout, arena: &mut arena, resolver: Resolver::all(), costs: &mut costs };
                let mut server = Server::start(setup, &mut board);
                board.write(0, server.greeting().to_string().as_bytes());
                server.serve(&mut board, &mut buffers);
            }
        });
        Firmware { to, from }
    }

    pub(crate) fn send(&self, byte: u8) {
        // A firmware that has stopped hears nothing.
        let _ = self.to.send(byte);
    }

    pub(crate) fn receive(&self) -> Vec<u8> {
        self.from.try_iter().flatten().collect()
    }
}

struct Uart {
    incoming: Receiver<u8>,
    outgoing: Sender<Vec<u8>>,
    cycles: u64,
    fault: FaultRecord,
    again: bool,
}

impl Board for Uart {
    fn read(&mut self) -> Option<(usize, u8)> {
        Some((0, self.incoming.recv().ok()?))
    }

    fn write(&mut self, _: usize, bytes: &[u8]) {
        drop(self.outgoing.send(bytes.to_vec()));
    }

    fn cycles(&mut self) -> u64 {
        self.cycles += 100;
        self.cycles
    }

    fn feed(&mut self) {}

    fn fault(&mut self) -> &mut FaultRecord {
        &mut self.fault
    }

    fn reset(&mut self) {
        self.again = true;
    }
}
