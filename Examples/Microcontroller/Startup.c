// What the board does before Swift begins, and what the compiler leaves to a library: there is none on bare metal.
#include <stddef.h>
#include <stdint.h>

extern uint32_t data_start[], data_end[], data_image[], bss_start[], bss_end[], stack_top[];
_Noreturn void begin(void);

// A millisecond of the 25 MHz that the board runs at.
enum { TICK_CYCLES = 25000 };
static volatile uint32_t *const SYSTICK_CONTROL = (uint32_t *)0xe000e010;
static volatile uint32_t *const SYSTICK_RELOAD = (uint32_t *)0xe000e014;
static volatile uint32_t *const SYSTICK_VALUE = (uint32_t *)0xe000e018;

// The first serial port, and what of it comes in as interrupt 0.
static volatile uint32_t *const SERIAL_STATE = (uint32_t *)0x40004004;
static volatile uint32_t *const SERIAL_INTERRUPTS = (uint32_t *)0x4000400c;
static volatile uint32_t *const INTERRUPT_ENABLE = (uint32_t *)0xe000e100;
enum { SERIAL_HAS_OCTET = 2 };

static volatile uint32_t ticks;

static void tick(void) { ticks++; }

uint32_t milliseconds(void) { return ticks; }

// An octet is there to be read: that it wakes the processor is all.
static void serial(void) { *SERIAL_INTERRUPTS = SERIAL_HAS_OCTET; }

// Until an octet comes or a millisecond is over. With interrupts held back, so that none slips in before the wait: the
// processor wakes for them all the same.
void wait_for_interrupt(void) {
  __asm volatile("cpsid i");
  if (!(*SERIAL_STATE & SERIAL_HAS_OCTET)) __asm volatile("wfi");
  __asm volatile("cpsie i");
}

_Noreturn static void halt(void) {
  for (;;) __asm volatile("bkpt 0");
}

void reset(void) {
  uint32_t *from = data_image;
  for (uint32_t *to = data_start; to < data_end;) *to++ = *from++;
  for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
  *SYSTICK_RELOAD = TICK_CYCLES - 1;
  *SYSTICK_VALUE = 0;
  *SYSTICK_CONTROL = 7;  // The processor's clock, an interrupt, on.
  *INTERRUPT_ENABLE = 1;
  begin();
}

// Initial stack, reset, faults, system calls, SysTick; the serial port.
__attribute__((section(".vectors"), used)) static const void *const vectors[17] = {
  stack_top, (void *)reset, (void *)halt, (void *)halt, (void *)halt, (void *)halt, (void *)halt,
  0, 0, 0, 0, (void *)halt, (void *)halt, 0, (void *)halt, (void *)tick,
  (void *)serial,
};

// Octets in memory. Not optimized into calls of themselves.

__attribute__((no_builtin)) void *memcpy(void *restrict to, const void *restrict from, size_t count) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if ((((uintptr_t)t | (uintptr_t)f) & 3) == 0)
    for (; count >= 4; count -= 4, t += 4, f += 4) *(uint32_t *)t = *(const uint32_t *)f;
  while (count--) *t++ = *f++;
  return to;
}

__attribute__((no_builtin)) void *memmove(void *to, const void *from, size_t count) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if (t <= f || t >= f + count) return memcpy(to, from, count);
  while (count--) t[count] = f[count];
  return to;
}

__attribute__((no_builtin)) void *memset(void *to, int value, size_t count) {
  uint8_t *t = to;
  while (count--) *t++ = (uint8_t)value;
  return to;
}

void __aeabi_memcpy(void *to, const void *from, size_t count) { memcpy(to, from, count); }
void __aeabi_memcpy4(void *to, const void *from, size_t count) { memcpy(to, from, count); }
void __aeabi_memcpy8(void *to, const void *from, size_t count) { memcpy(to, from, count); }
void __aeabi_memmove(void *to, const void *from, size_t count) { memmove(to, from, count); }
void __aeabi_memmove4(void *to, const void *from, size_t count) { memmove(to, from, count); }
void __aeabi_memmove8(void *to, const void *from, size_t count) { memmove(to, from, count); }
void __aeabi_memset(void *to, size_t count, int value) { memset(to, value, count); }
void __aeabi_memset4(void *to, size_t count, int value) { memset(to, value, count); }
void __aeabi_memset8(void *to, size_t count, int value) { memset(to, value, count); }
void __aeabi_memclr(void *to, size_t count) { memset(to, 0, count); }
void __aeabi_memclr4(void *to, size_t count) { memset(to, 0, count); }
void __aeabi_memclr8(void *to, size_t count) { memset(to, 0, count); }

// Numbers of 64 bits (Run-time ABI for the Arm Architecture §4.3). The processor divides 32.

static uint32_t high(uint64_t n) { return (uint32_t)(n >> 32); }
static uint64_t join(uint32_t high, uint32_t low) { return (uint64_t)high << 32 | low; }

// Shifts of a variable amount are calls of these: they themselves shift words.
uint64_t __aeabi_llsl(uint64_t n, int by) {
  uint32_t l = (uint32_t)n, h = high(n);
  if (by == 0) return n;
  if (by >= 32) return join(l << (by - 32), 0);
  return join(h << by | l >> (32 - by), l << by);
}

uint64_t __aeabi_llsr(uint64_t n, int by) {
  uint32_t l = (uint32_t)n, h = high(n);
  if (by == 0) return n;
  if (by >= 32) return join(0, h >> (by - 32));
  return join(h >> by, l >> by | h << (32 - by));
}

int64_t __aeabi_lasr(int64_t n, int by) {
  uint32_t l = (uint32_t)n;
  int32_t h = (int32_t)high((uint64_t)n);
  if (by == 0) return n;
  if (by >= 32) return (int64_t)join((uint32_t)(h >> 31), (uint32_t)(h >> (by - 32)));
  return (int64_t)join((uint32_t)(h >> by), l >> by | (uint32_t)h << (32 - by));
}

static uint64_t divide(uint64_t n, uint64_t by, uint64_t *rest) {
  if (high(n) == 0 && high(by) == 0 && by != 0) {
    uint32_t q = (uint32_t)n / (uint32_t)by;
    *rest = (uint32_t)n - q * (uint32_t)by;
    return q;
  }
  uint64_t quotient = 0, r = 0;
  for (int i = 0; i < 64 && by != 0; i++) {
    r = r << 1 | high(n) >> 31;
    n <<= 1;
    quotient <<= 1;
    if (r >= by) {
      r -= by;
      quotient |= 1;
    }
  }
  *rest = r;
  return quotient;
}

__attribute__((used)) static uint64_t divide_unsigned(uint64_t n, uint64_t by, uint64_t *rest) {
  return divide(n, by, rest);
}

__attribute__((used)) static int64_t divide_signed(int64_t n, int64_t by, int64_t *rest) {
  uint64_t r, q = divide(n < 0 ? -(uint64_t)n : (uint64_t)n, by < 0 ? -(uint64_t)by : (uint64_t)by, &r);
  *rest = n < 0 ? (int64_t)-r : (int64_t)r;
  return (n < 0) != (by < 0) ? (int64_t)-q : (int64_t)q;
}

// The quotient in r0 and r1, the rest in r2 and r3: no function in C returns both so.
#define BOTH(name, divided)                                                                                        \
  __attribute__((naked)) void name(void) {                                                                         \
    __asm volatile("push {r4, lr}\n sub sp, sp, #16\n add r4, sp, #8\n str r4, [sp]\n bl " #divided                   \
                   "\n ldrd r2, r3, [sp, #8]\n add sp, sp, #16\n pop {r4, pc}");                                      \
  }
BOTH(__aeabi_uldivmod, divide_unsigned)
BOTH(__aeabi_ldivmod, divide_signed)

// The heap: pages and arenas that the stack asks for, which are few and large, and seldom given back. The first free
// block that is large enough, joined with its neighbours when it is given back.

#ifndef HEAP_KIB
#define HEAP_KIB 160
#endif
enum { HEAP_SIZE = HEAP_KIB << 10, GRAIN = 16 };
struct block {
  size_t size;
  struct block *next;
};
static _Alignas(GRAIN) uint8_t heap[HEAP_SIZE];
static struct block *free_blocks;
static int is_ready;
static size_t used, most_used;

size_t heap_most_used(void) { return most_used; }

int posix_memalign(void **out, size_t alignment, size_t count) {
  if (!is_ready) {
    is_ready = 1;
    free_blocks = (struct block *)heap;
    free_blocks->size = HEAP_SIZE;
    free_blocks->next = 0;
  }
  // A header of sixteen octets stands before each, and all are multiples of sixteen: no larger alignment is asked for.
  if (alignment > GRAIN) halt();
  size_t size = (count + 2 * GRAIN - 1) & ~(size_t)(GRAIN - 1);
  for (struct block **at = &free_blocks; *at; at = &(*at)->next) {
    struct block *found = *at;
    if (found->size < size) continue;
    if (found->size - size >= 2 * GRAIN) {
      struct block *rest = (struct block *)((uint8_t *)found + size);
      rest->size = found->size - size;
      rest->next = found->next;
      *at = rest;
      found->size = size;
    } else {
      *at = found->next;
    }
    used += found->size;
    if (used > most_used) most_used = used;
    *out = (uint8_t *)found + GRAIN;
    return 0;
  }
  *out = 0;
  return 12;  // ENOMEM
}

void free(void *octets) {
  if (!octets) return;
  struct block *given = (struct block *)((uint8_t *)octets - GRAIN), **at = &free_blocks;
  used -= given->size;
  while (*at && *at < given) at = &(*at)->next;
  given->next = *at;
  *at = given;
  for (struct block *b = free_blocks; b && b->next;) {
    if ((uint8_t *)b + b->size == (uint8_t *)b->next) {
      b->size += b->next->size;
      b->next = b->next->next;
    } else {
      b = b->next;
    }
  }
}

// For hashes of Swift's own tables, which the stack does not use. What must not be guessed, the stack takes from its seed.
void arc4random_buf(void *out, size_t count) { memset(out, 0x5a, count); }
