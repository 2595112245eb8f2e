// What Swift's hash tables reckon with numbers of 64 bits (Run-time ABI for the Arm Architecture §4.1.2), on a processor that has
// none: of finite numbers that are not denormal, with results that are neither, rounded to the nearest, half to even.
#include <stdint.h>

enum { BIAS = 1023, DIGITS = 52 };
static const uint64_t ONE = (uint64_t)BIAS << DIGITS, HIDDEN = (uint64_t)1 << DIGITS, TOP = (uint64_t)1 << 63;

static int exponent(uint64_t x) { return (int)(x >> DIGITS & 0x7ff); }
static int is_zero(uint64_t x) { return x << 1 == 0; }
static int is_number(uint64_t x) { return x << 1 <= (uint64_t)0x7ff << (DIGITS + 1); }

// The digits, the first of them at the top of 64 bits.
static uint64_t digits(uint64_t x) { return ((x & (HIDDEN - 1)) | HIDDEN) << 11; }

// `rest`: something follows the last bit.
static uint64_t number(uint64_t sign, int exponent, uint64_t digits, int rest) {
  uint64_t kept = digits >> 11, lost = digits & 0x7ff;
  if (lost > 0x400 || (lost == 0x400 && (rest || (kept & 1)))) kept++;
  if (kept >> (DIGITS + 1)) {
    kept >>= 1;
    exponent++;
  }
  if (exponent < 1 || exponent > 0x7fe) __builtin_trap();
  return (sign & TOP) | (uint64_t)exponent << DIGITS | (kept & (HIDDEN - 1));
}

static uint64_t whole(uint64_t sign, uint32_t n) {
  if (n == 0) return 0;
  int zeros = __builtin_clz(n);
  return number(sign, BIAS + 31 - zeros, (uint64_t)n << (32 + zeros), 0);
}

uint64_t __aeabi_ui2d(uint32_t n) { return whole(0, n); }
uint64_t __aeabi_i2d(int32_t n) { return n < 0 ? whole(TOP, -(uint32_t)n) : whole(0, (uint32_t)n); }

int32_t __aeabi_d2iz(uint64_t x) {
  int by = exponent(x) - BIAS;
  if (by < 0) return 0;
  if (by > 31) __builtin_trap();
  int64_t n = (int64_t)(digits(x) >> (63 - by));
  return (int32_t)(x & TOP ? -n : n);
}

uint64_t __aeabi_dmul(uint64_t a, uint64_t b) {
  uint64_t sign = a ^ b;
  if (is_zero(a) || is_zero(b)) return sign & TOP;
  uint64_t l = digits(a), r = digits(b);
  uint64_t low = (l & UINT32_MAX) * (r & UINT32_MAX);
  uint64_t middle = (l >> 32) * (r & UINT32_MAX) + (low >> 32);
  uint64_t other = (l & UINT32_MAX) * (r >> 32) + (middle & UINT32_MAX);
  uint64_t high = (l >> 32) * (r >> 32) + (middle >> 32) + (other >> 32);
  uint64_t rest = other << 32 | (low & UINT32_MAX);
  int e = exponent(a) + exponent(b) - BIAS + 1;
  if (!(high & TOP)) {
    high = high << 1 | rest >> 63;
    rest <<= 1;
    e--;
  }
  return number(sign, e, high, rest != 0);
}

uint64_t __aeabi_ddiv(uint64_t a, uint64_t b) {
  uint64_t sign = a ^ b, quotient = 0;
  if (is_zero(b)) __builtin_trap();
  if (is_zero(a)) return sign & TOP;
  uint64_t rest = digits(a) >> 11, by = digits(b) >> 11;
  int e = exponent(a) - exponent(b) + BIAS;
  if (rest < by) {
    rest <<= 1;
    e--;
  }
  for (int i = 0; i < 56; i++) {
    quotient <<= 1;
    if (rest >= by) {
      rest -= by;
      quotient |= 1;
    }
    rest <<= 1;
  }
  return number(sign, e, quotient << 8, rest != 0);
}

// In the order of the numbers.
static int64_t rank(uint64_t x) { return x & TOP ? -(int64_t)(x & ~TOP) : (int64_t)x; }
static int are_numbers(uint64_t a, uint64_t b) { return is_number(a) && is_number(b); }
int __aeabi_dcmpun(uint64_t a, uint64_t b) { return !are_numbers(a, b); }
int __aeabi_dcmpeq(uint64_t a, uint64_t b) { return are_numbers(a, b) && rank(a) == rank(b); }
int __aeabi_dcmplt(uint64_t a, uint64_t b) { return are_numbers(a, b) && rank(a) < rank(b); }
int __aeabi_dcmple(uint64_t a, uint64_t b) { return are_numbers(a, b) && rank(a) <= rank(b); }
int __aeabi_dcmpgt(uint64_t a, uint64_t b) { return are_numbers(a, b) && rank(a) > rank(b); }
int __aeabi_dcmpge(uint64_t a, uint64_t b) { return are_numbers(a, b) && rank(a) >= rank(b); }

static uint64_t up(uint64_t x) {
  int e = exponent(x);
  if (is_zero(x) || e >= BIAS + DIGITS) return x;
  if (e < BIAS) return x & TOP ? TOP : ONE;
  uint64_t fraction = (HIDDEN >> (e - BIAS)) - 1;
  return ((x & TOP ? x : x + fraction)) & ~fraction;
}

double ceil(double x) {
  union {
    double number;
    uint64_t bits;
  } it = {x};
  it.bits = up(it.bits);
  return it.number;
}
