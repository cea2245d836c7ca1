// An emulated RP2040 whose UART0 is this process: `node rp2040.mjs FILE@ADDRESS...` puts the files into flash, starts the firmware at
// 10000100, and connects standard input and output to the line. Ends when standard input does. rp2040js counts the core's cycles; it knows
// no XIP cache, so code and constants in flash cost it nothing extra.

import { readFileSync } from 'node:fs';
import { ConsoleLogger, LogLevel, Simulator } from 'rp2040js';

const FLASH = 0x10000000;
const VECTORS = FLASH + 0x100;
const NANOSECONDS_PER_CYCLE = 1e9 / 125e6;
// Instructions between two looks at standard input.
const BATCH = 200_000;

const { clock, rp2040: mcu } = new Simulator();

// Standard output is the line.
mcu.logger = new ConsoleLogger(LogLevel.Error);

function load() {
  mcu.reset();
  for (const argument of process.argv.filter((argument) => argument.includes('@'))) {
    const [file, address] = argument.split('@');
    mcu.flash.set(readFileSync(file), parseInt(address, 16) - FLASH);
  }
  mcu.core.VTOR = VECTORS;
  mcu.core.SP = mcu.readUint32(VECTORS);
  mcu.core.PC = mcu.readUint32(VECTORS + 4) & ~1;
}

const sent = [];
mcu.uart[0].onByte = (byte) => sent.push(byte);

// The line: bytes wait here while the UART's queue of 32 is full.
let received = [];
let closed = false;
process.stdin.on('data', (bytes) => received.push(...bytes));
process.stdin.on('end', () => (closed = true));

function run() {
  const { core } = mcu;
  for (let i = 0; i < BATCH; i++) {
    if (received.length > 0 && !mcu.uart[0].rxFIFO.full) {
      mcu.uart[0].feedByte(received.shift());
    }
    clock.tick(core.executeInstruction() * NANOSECONDS_PER_CYCLE);
  }
  if (sent.length > 0) {
    process.stdout.write(Uint8Array.from(sent.splice(0)));
  }
  if (!closed) {
    setImmediate(run);
  }
}

load();
run();
