"""An ESP32-C3 or -C6 around the shipped firmware: QEMU's processor (by way of Unicorn) runs every instruction of it, this script is the boot loader,
the boot ROM's functions, UART0, the memory management unit and the flash. So it says what the firmware does if the chip is as this script has it.

    riscv.py esp32c3|esp32c6 FIRMWARE.elf [FILE@HEXOFFSET]...   files that lie in flash

Prints {"uart": PORT} and serves UART0 on that port of 127.0.0.1, until its standard input ends.
"""

import json
import os
import select
import socket
import struct
import sys
import time

from unicorn import UC_ARCH_RISCV, UC_HOOK_CODE, UC_MODE_RISCV32, Uc, UcError
from unicorn.riscv_const import UC_RISCV_REG_A0, UC_RISCV_REG_A1, UC_RISCV_REG_A2, UC_RISCV_REG_PC, UC_RISCV_REG_RA, UC_RISCV_REG_SP, UC_RISCV_REG_X0

PAGE = 64 << 10
FLASH_BYTES = 4 << 20

# Windows to flash, RAM as (address, bytes), functions of the boot ROM by address; where MMU entries are written.
CHIPS = {
    "esp32c3": {
        "windows": [(0x3C000000, 8 << 20), (0x42000000, 8 << 20)],
        "ram": [(0x3FC80000, 0x60000), (0x4037C000, 0x64000)],
        "rom": {
            0x40000018: "reset_reason", 0x40000588: "nothing", 0x40000084: "nothing", 0x40000090: "reset", 0x40000128: "erase",
            0x4000012C: "program", 0x4000051C: "cache_off", 0x40000520: "cache_on",
        },
        "table": 0x600C5000, "watchdog": 0x60008090, "stack": 0x3FCDE000,
    },
    "esp32c6": {
        "windows": [(0x42000000, 16 << 20)],
        "ram": [(0x40800000, 0x80000)],
        "rom": {
            0x40000018: "reset_reason", 0x40000048: "nothing", 0x40000078: "nothing", 0x40000090: "reset", 0x40000144: "erase",
            0x4000014C: "program", 0x40000690: "cache_off", 0x40000694: "cache_on",
        },
        "index": 0x60002380, "content": 0x6000237C, "watchdog": 0x600B1C00, "stack": 0x4087E000,
    },
}
ALWAYS_ON = (0x50000000, 0x4000)
MMIO = (0x60000000, 0x100000)
ROM = (0x40000000, 0x60000)
UART = 0x60000000


def segments(elf):
    """What an ELF file has to be loaded: address and bytes."""
    offset, = struct.unpack_from("<I", elf, 28)
    size, count = struct.unpack_from("<HH", elf, 42)
    for index in range(count):
        kind, start, address, _, length, *_ = struct.unpack_from("<8I", elf, offset + index * size)
        if kind == 1 and length:
            yield address, elf[start:start + length]


class Board:
    def __init__(self, name, elf, flash):
        self.chip, self.elf, self.flash = CHIPS[name], elf, flash
        # Memory of the always-on domain, which a reset leaves alone; why the last one was.
        self.always_on, self.reason = bytes(ALWAYS_ON[1]), 1
        self.received, self.sent, self.asked, self.connection = bytearray(), bytearray(), 0, None
        self.listener = socket.create_server(("127.0.0.1", 0))

    def boot(self):
        """From the boot loader's jump on, until a reset."""
        self.uc = uc = Uc(UC_ARCH_RISCV, UC_MODE_RISCV32)
        for base, length in self.chip["windows"] + self.chip["ram"] + [ROM]:
            uc.mem_map(base, length)
        for base, length in self.chip["ram"]:
            # Nobody has cleared it.
            uc.mem_write(base, b"\xa5" * length)
        uc.mem_map(*ALWAYS_ON)
        uc.mem_write(ALWAYS_ON[0], self.always_on)
        uc.mem_write(ROM[0], b"\x82\x80" * (ROM[1] // 2))
        uc.mmio_map(*MMIO, self.load, None, self.store, None)
        for address, contents in segments(self.elf):
            uc.mem_write(address, contents)
            # The counter's registers are the chip's own.
            for at in range(0, len(contents) - 3, 2):
                word, = struct.unpack_from("<I", contents, at)
                if word & 0x7F == 0x73 and word >> 12 & 7 and word >> 20 in (0x7E0, 0x7E1, 0x7E2):
                    uc.hook_add(UC_HOOK_CODE, self.counter, begin=address + at, end=address + at, user_data=word)
        for address, function in self.chip["rom"].items():
            uc.hook_add(UC_HOOK_CODE, getattr(self, function), begin=address, end=address)
        uc.reg_write(UC_RISCV_REG_SP, self.chip["stack"])
        entry, = struct.unpack_from("<I", self.elf, 24)
        try:
            uc.emu_start(entry, 0xFFFFFFFE)
        except UcError as error:
            print(f"{error} at {uc.reg_read(UC_RISCV_REG_PC):#x}, called from {uc.reg_read(UC_RISCV_REG_RA):#x}", file=sys.stderr, flush=True)
            os._exit(1)
        self.always_on = bytes(uc.mem_read(*ALWAYS_ON))

    def counter(self, uc, address, _, word):
        """Cycles of 160 MHz by this machine's clock: they mean nothing."""
        if word >> 20 == 0x7E2:
            uc.reg_write(UC_RISCV_REG_X0 + (word >> 7 & 31), time.perf_counter_ns() * 160 // 1000 & 0xFFFFFFFF)
        uc.reg_write(UC_RISCV_REG_PC, address + 4)

    def needs_cache_off(self, uc, what):
        """While flash cannot be read, who calls must be in RAM."""
        caller = uc.reg_read(UC_RISCV_REG_RA)
        assert not self.cache, f"{what} with the cache on"
        assert any(base <= caller < base + length for base, length in self.chip["ram"]), f"{what} from {caller:#x}, which is in flash"

    # Functions of the boot ROM. They return by what stands there.
    def nothing(self, *_):
        pass

    def reset_reason(self, uc, *_):
        uc.reg_write(UC_RISCV_REG_A0, self.reason)

    def reset(self, uc, *_):
        self.reason = 3
        uc.emu_stop()

    def cache_off(self, uc, *_):
        self.cache = False
        uc.reg_write(UC_RISCV_REG_A0, 0)
        self.needs_cache_off(uc, "switched off")

    def cache_on(self, uc, *_):
        self.cache = True

    def erase(self, uc, *_):
        self.needs_cache_off(uc, "erased")
        at = uc.reg_read(UC_RISCV_REG_A0) * 4096
        self.put(at, b"\xff" * 4096)
        uc.reg_write(UC_RISCV_REG_A0, 0)

    def program(self, uc, *_):
        self.needs_cache_off(uc, "written")
        at, source, length = (uc.reg_read(register) for register in (UC_RISCV_REG_A0, UC_RISCV_REG_A1, UC_RISCV_REG_A2))
        assert at % 4 == source % 4 == length % 4 == 0, "the boot ROM writes whole words"
        contents = uc.mem_read(source, length)
        # Writing only clears bits.
        self.put(at, bytes(old & new for old, new in zip(self.flash[at:at + length], contents)))
        uc.reg_write(UC_RISCV_REG_A0, 0)

    def put(self, at, contents):
        self.flash[at:at + len(contents)] = contents

    def map(self, entry, page):
        assert not self.cache, "mapped with the cache on"
        for base, length in self.chip["windows"]:
            if entry * PAGE < length:
                self.uc.mem_write(base + entry * PAGE, bytes(self.flash[page * PAGE:(page + 1) * PAGE]))

    # Registers.
    def load(self, uc, offset, size, _):
        address = MMIO[0] + offset
        if address == UART:
            return self.received.pop(0) if self.received else 0
        if address == UART + 0x1C:
            # Whoever has nothing to send asks again and again.
            self.asked += 1
            if not self.received and self.asked > 2:
                self.exchange()
            return min(len(self.received), 128)
        return self.registers.get(address, 0)

    def store(self, uc, offset, size, value, _):
        address = MMIO[0] + offset
        table = self.chip.get("table")
        if address == UART:
            self.sent.append(value & 0xFF)
            self.asked = 0
            if len(self.sent) >= 100:
                self.exchange(0)
        elif table and table <= address < table + 128 * 4:
            # As QEMU's model of the chip, it copies a page when it is mapped.
            if value < 1 << 8:
                self.map((address - table) // 4, value)
        elif address == self.chip.get("content"):
            if value & 1 << 9:
                self.map(self.registers[self.chip["index"]], value & 0x1FF)
        self.registers[address] = value

    def exchange(self, patience=0.05):
        """With who has connected last. Without anybody, what was sent is kept."""
        if self.connection and self.sent:
            self.connection.sendall(self.sent)
            self.sent.clear()
        readable, _, _ = select.select([sys.stdin, self.listener] + [self.connection] * bool(self.connection), [], [], patience)
        if sys.stdin in readable and not sys.stdin.buffer.read1(1):
            os._exit(0)
        if self.listener in readable:
            self.connection, _ = self.listener.accept()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        elif self.connection in readable:
            contents = self.connection.recv(4096)
            self.received += contents
            if not contents:
                self.connection = None

    def run(self):
        print(json.dumps({"uart": self.listener.getsockname()[1]}), flush=True)
        while True:
            self.registers, self.cache = {}, True
            self.boot()


def main():
    name, path, *files = sys.argv[1:]
    flash = bytearray(b"\xff" * FLASH_BYTES)
    for file in files:
        file, offset = file.rsplit("@", 1)
        contents = open(file, "rb").read()
        at = int(offset, 16)
        flash[at:at + len(contents)] = contents
    Board(name, open(path, "rb").read(), flash).run()


main()
