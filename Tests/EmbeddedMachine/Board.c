// A Cortex-M4 that qemu plays: work begins when the machine does, tells over the first serial port, and ends the machine.
#include "Board.h"

#include <stddef.h>

static volatile uint32_t *const SERIAL_DATA = (uint32_t *)0x40004000;
static volatile uint32_t *const SERIAL_STATE = (uint32_t *)0x40004004;
static volatile uint32_t *const SERIAL_CONTROL = (uint32_t *)0x40004008;
static volatile uint32_t *const SERIAL_DIVIDER = (uint32_t *)0x40004010;

void say_octet(char octet) {
  while (*SERIAL_STATE & 1) {}
  *SERIAL_DATA = (uint8_t)octet;
}

void say(const char *text) {
  while (*text) say_octet(*text++);
}

void say_number(uint32_t number) {
  if (number >= 10) say_number(number / 10);
  say_octet((char)('0' + number % 10));
}

int putchar(int octet) {
  say_octet((char)octet);
  return octet;
}

int memcmp(const void *left, const void *right, size_t count) {
  const uint8_t *l = left, *r = right;
  for (; count && *l == *r; count--, l++, r++) {}
  return count ? *l - *r : 0;
}

// Semihosting's SYS_EXIT_EXTENDED, which qemu's `-semihosting` answers.
_Noreturn static void leave(uint32_t status) {
  static uint32_t reason[2];
  reason[0] = 0x20026;
  reason[1] = status;
  register uint32_t operation __asm("r0") = 0x20;
  register void *parameter __asm("r1") = reason;
  __asm volatile("bkpt 0xab" : : "r"(operation), "r"(parameter) : "memory");
  for (;;) {}
}

_Noreturn void begin(void) {
  *SERIAL_DIVIDER = 16;
  *SERIAL_CONTROL = 1;
  leave(work() ? 1 : 0);
}
