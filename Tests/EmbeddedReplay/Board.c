// Runs every input through the drivers on a Cortex-M4, tells over the first serial port, and ends the machine that plays the board.
#include <stddef.h>
#include <stdint.h>

struct input {
  int32_t driver;
  int32_t count;
  const uint8_t *octets;
  const char *name;
};
extern const struct input inputs[];
extern const uint32_t input_count;
extern const char *const driver_names[];

int32_t replay(int32_t driver, const uint8_t *start, int32_t count);
int32_t findingText(uint8_t *start, int32_t most);

static volatile uint32_t *const SERIAL_DATA = (uint32_t *)0x40004000;
static volatile uint32_t *const SERIAL_STATE = (uint32_t *)0x40004004;
static volatile uint32_t *const SERIAL_CONTROL = (uint32_t *)0x40004008;
static volatile uint32_t *const SERIAL_DIVIDER = (uint32_t *)0x40004010;

static void say_octet(char octet) {
  while (*SERIAL_STATE & 1) {}
  *SERIAL_DATA = (uint8_t)octet;
}

static void say(const char *text) {
  while (*text) say_octet(*text++);
}

static void say_number(uint32_t number) {
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
  uint32_t failures = 0, of_driver = 0;
  for (uint32_t i = 0; i < input_count; i++) {
    const struct input *input = &inputs[i];
    int32_t result = replay(input->driver, input->octets, input->count);
    of_driver++;
    if (result != 0) {
      static uint8_t text[4096];
      int32_t count = result == 1 ? findingText(text, sizeof text) : 0;
      failures++;
      say("   ");
      say(driver_names[input->driver]);
      say(", ");
      say(input->name);
      say(": ");
      for (int32_t k = 0; k < count; k++) say_octet((char)text[k]);
      say("\n");
    }
    if (i + 1 == input_count || inputs[i + 1].driver != input->driver) {
      say("   ");
      say(driver_names[input->driver]);
      say(": ");
      say_number(of_driver);
      say(" inputs\n");
      of_driver = 0;
    }
  }
  leave(failures ? 1 : 0);
}
