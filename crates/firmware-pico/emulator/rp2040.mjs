// An emulated Raspberry Pi Pico: rp2040js runs the core and the peripherals; what it has not is here: a boot ROM with the functions for
// flash, flash that behaves like flash, a bus that faults, resets, and power that fails.
//
//   node rp2040.mjs [--usb] FILE@ADDRESS...
//
// puts the files into flash, starts the firmware at 10000100, and prints one line: the ports of 127.0.0.1 at which UART0, the USB serial port
// (with --usb) and the controls can be reached, as JSON. Ends when standard input does.
//
// Controls are lines; each is answered with a line that begins with `ok` or `error`:
//
//   read OFFSET LENGTH      bytes of the flash, in hexadecimal
//   write OFFSET HEX        puts bytes into flash, as the boot loader does
//   operations              pages written and sectors erased so far
//   cut N MOMENT            lets the power fail at the Nth operation from now: `before`, `torn` or `after` it
//   power-off, power-on     RAM is noise afterwards
//   reset                   by the RUN pin; RAM survives
//   is-on                   1 or 0
//   usb-serial              the serial number that the USB descriptor names
//   hang, fault             stops the core, or makes it go where nothing is
//   stack                   bytes of the stack that were ever used since power came
//
// It counts the core's cycles. It knows no XIP cache, so that code and constants in flash cost nothing extra, and flash operations
// take no time. Of the boot ROM there is nothing but a table: what its functions do with flash, this program does.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { ConsoleLogger, LogLevel, Simulator, USBCDC, createSetupPacket } from 'rp2040js';

const FLASH = 0x10000000, FLASH_END = 0x20000000, FLASH_BYTES = 2 << 20;
const VECTORS = FLASH + 0x100;
const SECTOR = 4096, PAGE = 256;
const RAM = 0x20000000, RAM_END = 0x20042000;
const STACK_BYTES = 16 << 10;
const NANOSECONDS_PER_CYCLE = 8;
// Instructions between two looks at the lines.
const BATCH = 100_000;
// The number that the flash's maker has given it.
const UNIQUE_ID = [0xe6, 0x60, 0x58, 0x38, 0x83, 0x2a, 0x6f, 0x2b];

const AIRCR = 0xd0c, SYSRESETREQ = 1 << 2;
const HARD_FAULT = 3;
const SSI = 0x18000, SSI_STATUS = 0x28, SSI_DATA = 0x60, SSI_XIP = 0xf4, SSI_NOT_EMPTY = 1 << 3;
const IO_QSPI = 0x40018, SELECT = 0x0c, SELECT_LOW = 2;
const WATCHDOG = 0x40058;

// Functions of the boot ROM (RP2040 data sheet, 2.8.3.1): their codes, and what they do.
const ROM = ['IF', 'EX', 'RE', 'RP', 'FC', 'CX'];
const ROM_TABLE = 0x80, ROM_LOOKUP = 0x100, ROM_CODE = 0x110;
const BKPT = 0xbe00, BX_LR = 0x4770;

class Violation extends Error {}

// What outlives a reset and power.
const flash = new Uint8Array(FLASH_BYTES).fill(0xff);
let operations = 0;
let cut = null;

class Board {
  // RAM and the watchdog's registers survive a reset and not a loss of power.
  constructor(before) {
    const { clock, rp2040: mcu } = new Simulator();
    Object.assign(this, { clock, mcu, reset: false, off: false, readable: true, command: [], answer: [], selected: false });
    mcu.logger = new ConsoleLogger(LogLevel.Error);
    mcu.flash.set(flash);
    this.bootRom();
    this.flashInterface();
    this.faults();
    this.resets(before);
    if (before) {
      mcu.sram.set(before.mcu.sram);
    } else {
      for (let i = 0; i < mcu.sram.length; i++) mcu.sram[i] = Math.random() * 256;
      mcu.sram.fill(0xa5, 0, STACK_BYTES);
    }
    this.sent = [];
    mcu.uart[0].onByte = (byte) => this.sent.push(byte);
    if (withUsb) this.usb();
    mcu.core.VTOR = VECTORS;
    mcu.core.SP = mcu.readUint32(VECTORS);
    mcu.core.PC = mcu.readUint32(VECTORS + 4) & ~1;
  }

  bootRom() {
    const rom = new DataView(this.mcu.bootrom.buffer);
    const half = (address, value) => rom.setUint16(address, value, true);
    rom.setUint32(0x10, 0x0201754d, true);
    half(0x14, ROM_TABLE);
    half(0x18, ROM_LOOKUP | 1);
    // Looking up is done here too.
    half(ROM_LOOKUP, BKPT | ROM.length);
    half(ROM_LOOKUP + 2, BX_LR);
    ROM.forEach((code, index) => {
      half(ROM_TABLE + 4 * index, code.charCodeAt(0) | (code.charCodeAt(1) << 8));
      half(ROM_TABLE + 4 * index + 2, (ROM_CODE + 4 * index) | 1);
      half(ROM_CODE + 4 * index, BKPT | index);
      half(ROM_CODE + 4 * index + 2, BX_LR);
    });
    half(ROM_TABLE + 4 * ROM.length, 0);
    this.mcu.onBreak = (code) => (this.mcu.core.PC < 0x4000 ? this.romFunction(code) : this.hardFault(2));
  }

  romFunction(index) {
    const { core } = this.mcu;
    const [r0, r1, r2] = core.registers;
    if (index === ROM.length) {
      const code = String.fromCharCode(r1 & 0xff, r1 >> 8);
      const found = ROM.indexOf(code);
      core.registers[0] = found < 0 ? 0 : (ROM_CODE + 4 * found) | 1;
      return;
    }
    // The core is already behind the breakpoint; the caller is where it returns to.
    const caller = core.LR;
    switch (ROM[index]) {
      case 'EX':
        this.setReadable(false);
        break;
      case 'RE':
        this.expect(!this.readable, 'erases while flash is being read');
        this.expect(r0 % SECTOR === 0 && r1 % SECTOR === 0 && r0 + r1 <= FLASH_BYTES, `erases ${r1} bytes at ${r0.toString(16)}`);
        for (let at = r0; at < r0 + r1; at += SECTOR) this.operate(at, SECTOR, () => 0xff);
        break;
      case 'RP':
        this.expect(!this.readable, 'writes while flash is being read');
        this.expect(r0 % PAGE === 0 && r2 % PAGE === 0 && r0 + r2 <= FLASH_BYTES, `writes ${r2} bytes at ${r0.toString(16)}`);
        this.expect(r1 >= RAM && r1 + r2 <= RAM_END, `writes from ${r1.toString(16)}, which is not RAM`);
        for (let at = r0; at < r0 + r2; at += PAGE) {
          this.expect(flash.subarray(at, at + PAGE).every((byte) => byte === 0xff), `writes at ${at.toString(16)} what is not blank`);
          const from = r1 - RAM + at - r0;
          const bytes = this.mcu.sram.slice(from, from + PAGE);
          this.operate(at, PAGE, (index, old) => old & bytes[index]);
        }
        break;
    }
    this.expect(this.readable || (caller >= RAM && caller < RAM_END), 'code in flash calls while it cannot be read');
  }

  // One operation, as far as there is power.
  operate(at, length, change) {
    if (this.off) return;
    const moment = cut && cut.operation === operations ? cut.moment : null;
    operations += 1;
    const done = moment === 'before' ? 0 : moment === 'torn' ? length >> 1 : length;
    for (let step = 0; step < done; step++) {
      // Of what is torn, now the beginning is done and now the end.
      const place = operations % 2 ? step : length - 1 - step;
      flash[at + place] = change(place, flash[at + place]);
    }
    this.mcu.flash.set(flash.subarray(at, at + length), at);
    if (moment) this.off = true;
  }

  // While flash cannot be read, nothing may try to.
  setReadable(readable) {
    this.readable = readable;
    const { mcu } = this;
    for (const read of ['readUint8', 'readUint16', 'readUint32']) {
      if (readable) {
        delete mcu[read];
        continue;
      }
      const original = Object.getPrototypeOf(mcu)[read];
      mcu[read] = (address) => {
        this.expect(address < FLASH || address >= FLASH_END || address >>> 14 === 0x18000000 >>> 14, `reads flash at ${address.toString(16)} while it cannot be read`);
        return original.call(mcu, address);
      };
    }
  }

  // The serial interface to the flash, as far as it is used directly: the command that reads the unique number, and the second stage of
  // the boot, which makes flash readable.
  flashInterface() {
    const ssi = this.mcu.peripherals[SSI];
    const [read, write] = [ssi.readUint32.bind(ssi), ssi.writeUint32.bind(ssi)];
    ssi.readUint32 = (offset) => {
      if (this.selected && offset === SSI_STATUS) return this.answer.length ? SSI_NOT_EMPTY : 0;
      if (this.selected && offset === SSI_DATA) return this.answer.shift() ?? 0;
      return read(offset);
    };
    ssi.writeUint32 = (offset, value) => {
      if (offset === SSI_XIP) this.setReadable(true);
      if (!this.selected || offset !== SSI_DATA) return write(offset, value);
      this.command.push(value & 0xff);
      const place = this.command.length - 6;
      this.answer.push(this.command[0] === 0x4b ? (UNIQUE_ID[place] ?? 0) : 0);
    };
    const pins = this.mcu.peripherals[IO_QSPI];
    const registers = new Map();
    pins.readUint32 = (offset) => registers.get(offset) ?? 0;
    pins.writeUint32 = (offset, value) => {
      registers.set(offset, value);
      if (offset !== SELECT) return;
      this.selected = ((value >> 8) & 3) === SELECT_LOW;
      if (this.selected) [this.command, this.answer] = [[], []];
    };
  }

  // rp2040js reports what a bus would not do, and goes on.
  faults() {
    const { mcu } = this;
    const impossible = /invalid memory address|undefined address|not 32 bit aligned|not implemented yet/;
    const report = mcu.logger.warn.bind(mcu.logger);
    for (const level of ['warn', 'error']) {
      mcu.logger[level] = (name, message) => (impossible.test(message) ? this.hardFault(0) : level === 'error' && report(name, message));
    }
  }

  // Taken after the instruction.
  hardFault(rewind) {
    this.fault ??= { pc: this.mcu.core.PC - rewind };
  }

  takeFault() {
    const { core } = this.mcu;
    const handling = core.IPSR === HARD_FAULT;
    delete this.fault;
    // A fault in a fault: the core stops, and the watchdog ends it. So it does where there is no stack for the frame.
    if (handling || core.SP < RAM + 0x20 || core.SP > RAM_END) {
      this.locked = true;
      return;
    }
    core.exceptionEntry(HARD_FAULT);
  }

  resets(before) {
    const watchdog = this.mcu.peripherals[WATCHDOG];
    if (before) {
      const { scratchData, reason } = before.mcu.peripherals[WATCHDOG];
      Object.assign(watchdog, { scratchData, reason });
    }
    watchdog.onWatchdogTrigger = () => {
      this.reset = true;
      // rp2040js would trigger it again and again, within one tick.
      watchdog.alarm.enable = false;
    };
    const { ppb } = this.mcu;
    const write = ppb.writeUint32.bind(ppb);
    ppb.writeUint32 = (offset, value) => {
      if (offset === AIRCR) this.reset ||= (value & SYSRESETREQ) !== 0;
      else write(offset, value);
    };
  }

  usb() {
    const controller = this.mcu.usbCtrl;
    this.cdc = new USBCDC(controller);
    this.usbSent = [];
    this.connected = false;
    this.cdc.onDeviceConnected = () => (this.connected = true);
    this.cdc.onSerialData = (bytes) => this.usbSent.push(...bytes);
    // A host with nothing to say sends nothing, and not packets of no bytes: the endpoint's request waits.
    const read = controller.onEndpointRead;
    this.asked = new Map();
    controller.onEndpointRead = (endpoint, size) => this.asked.set(endpoint, () => read(endpoint, size));
    const write = controller.onEndpointWrite;
    controller.onEndpointWrite = (endpoint, bytes) => {
      if (endpoint === 0 && bytes.length > 2 && bytes[1] === 3) this.onString?.(Buffer.from(bytes.subarray(2)).toString('utf16le'));
      else if (!(endpoint === 0 && this.onString)) write(endpoint, bytes);
    };
  }

  usbSerial(answer) {
    const [getDescriptor, string, serial, english] = [6, 3, 3, 0x0409];
    this.onString = (text) => {
      delete this.onString;
      answer(text);
    };
    const packet = { dataDirection: 1, type: 0, recipient: 0, bRequest: getDescriptor, wValue: (string << 8) | serial, wIndex: english, wLength: 255 };
    this.mcu.usbCtrl.sendSetupPacket(createSetupPacket(packet));
  }

  expect(condition, complaint) {
    if (!condition) throw new Violation(`the firmware ${complaint} (PC ${this.mcu.core.PC.toString(16)})`);
  }

  run() {
    const { mcu, clock } = this;
    const { core } = mcu;
    const uart = mcu.uart[0];
    for (let i = 0; i < BATCH && !this.reset && !this.off; i++) {
      if (received.uart.length > taken.uart && !uart.rxFIFO.full) uart.feedByte(received.uart[taken.uart++]);
      if (this.locked) {
        clock.tick(100_000);
        continue;
      }
      if (!this.readable) this.expect(core.PC < FLASH || core.PC >= FLASH_END, 'executes from flash while it cannot be read');
      else if (core.PC >= RAM_END || (core.PC >= 0x4000 && core.PC < FLASH)) this.hardFault(0);
      clock.tick(core.executeInstruction() * NANOSECONDS_PER_CYCLE);
      if (this.fault) this.takeFault();
    }
    if (this.cdc && this.connected) {
      const { txFIFO } = this.cdc;
      while (received.usb.length > taken.usb && !txFIFO.full) this.cdc.sendSerialByte(received.usb[taken.usb++]);
      const asked = this.asked.get(this.cdc.outEndpoint);
      if (asked && !txFIFO.empty) {
        this.asked.delete(this.cdc.outEndpoint);
        asked();
      }
    }
    deliver('uart', this.sent.splice(0));
    if (this.cdc) deliver('usb', this.usbSent.splice(0));
  }
}

const withUsb = process.argv.includes('--usb');
for (const argument of process.argv.filter((argument) => argument.includes('@'))) {
  const [file, address] = argument.split('@');
  flash.set(readFileSync(file), parseInt(address, 16) - FLASH);
}

// The lines: whoever connects last has them.
const sockets = {};
const received = { uart: [], usb: [] };
const taken = { uart: 0, usb: 0 };

function deliver(line, bytes) {
  if (taken[line] === received[line].length) [received[line], taken[line]] = [[], 0];
  if (bytes.length > 0) sockets[line]?.write(Uint8Array.from(bytes));
}

let board = new Board(null);

const commands = {
  read: (offset, length) => Buffer.from(flash.subarray(Number(offset), Number(offset) + Number(length))).toString('hex'),
  write: (offset, hex) => {
    flash.set(Buffer.from(hex, 'hex'), Number(offset));
    board?.mcu.flash.set(Buffer.from(hex, 'hex'), Number(offset));
  },
  operations: () => operations,
  cut: (n, moment) => {
    if (!['before', 'torn', 'after'].includes(moment)) throw new Error(`no moment ${moment}`);
    cut = { operation: operations + Number(n), moment };
  },
  'power-off': () => (board = null),
  'power-on': () => {
    cut = null;
    board = new Board(null);
  },
  reset: () => (board = new Board(board)),
  'is-on': () => (board ? 1 : 0),
  'usb-serial': () => new Promise((answer) => board.usbSerial(answer)),
  hang: () => (board.locked = true),
  fault: () => (board.mcu.core.PC = 0xe0000000),
  stack: () => STACK_BYTES - board.mcu.sram.subarray(0, STACK_BYTES).findIndex((byte) => byte !== 0xa5),
};

async function control(socket, line) {
  const [name, ...operands] = line.trim().split(' ');
  try {
    if (!Object.hasOwn(commands, name)) throw new Error(`no command ${name}`);
    socket.write(`ok ${(await commands[name](...operands)) ?? ''}\n`);
  } catch (error) {
    socket.write(`error ${error.message}\n`);
  }
}

function listen(connected) {
  return new Promise((listening) => {
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      connected(socket);
    });
    server.listen(0, '127.0.0.1', () => listening(server.address().port));
  });
}

function line(name) {
  return listen((socket) => {
    sockets[name] = socket;
    socket.on('data', (bytes) => received[name].push(...bytes));
  });
}

const ports = {
  uart: await line('uart'),
  ...(withUsb && { usb: await line('usb') }),
  control: await listen((socket) => {
    let text = '';
    socket.on('data', (bytes) => {
      const lines = (text + bytes).split('\n');
      text = lines.pop();
      lines.forEach((line) => control(socket, line));
    });
  }),
};
console.log(JSON.stringify(ports));
process.stdin.resume();
process.stdin.on('end', () => process.exit());

function run() {
  try {
    board?.run();
  } catch (error) {
    console.error(error instanceof Violation ? `Error: ${error.message}` : error);
    process.exit(1);
  }
  if (board?.off) board = null;
  if (board?.reset) board = new Board(board);
  board ? setImmediate(run) : setTimeout(run, 10);
}
run();
