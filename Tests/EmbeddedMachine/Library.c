// What the compiler leaves to a library, for WebAssembly without a system: a heap, octets in memory, and numbers by chance that
// are none, so that every run is the same.
#include <stddef.h>
#include <stdint.h>

// With bulk memory these are instructions.
void *memcpy(void *restrict to, const void *restrict from, size_t count) { return __builtin_memcpy(to, from, count); }
void *memmove(void *to, const void *from, size_t count) { return __builtin_memmove(to, from, count); }
void *memset(void *to, int value, size_t count) { return __builtin_memset(to, value, count); }

__attribute__((no_builtin)) int memcmp(const void *left, const void *right, size_t count) {
  const uint8_t *l = left, *r = right;
  for (size_t i = 0; i < count; i++)
    if (l[i] != r[i]) return l[i] - r[i];
  return 0;
}

// Blocks of a power of two, 16 octets at least; what is free waits in the list of its size. The size stands before a block.
enum { SMALLEST = 5, PAGE = 1 << 16 };
struct block {
  struct block *next;
  uint32_t size;
  uint32_t unused[2];
};
extern uint8_t __heap_base;
static uint8_t *heap_end;
static struct block *spare[32];

void *malloc(size_t count) {
  uint32_t size = SMALLEST;
  while (((size_t)1 << size) < count + sizeof(struct block)) size++;
  if (spare[size]) {
    struct block *block = spare[size];
    spare[size] = block->next;
    return block + 1;
  }
  if (!heap_end) heap_end = (uint8_t *)(((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15);
  struct block *block = (struct block *)heap_end;
  heap_end += (size_t)1 << size;
  size_t room = __builtin_wasm_memory_size(0) * (size_t)PAGE;
  if ((size_t)heap_end > room) {
    size_t pages = ((size_t)heap_end - room + PAGE - 1) / PAGE;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) __builtin_trap();
  }
  block->size = size;
  return block + 1;
}

void free(void *octets) {
  if (!octets) return;
  struct block *block = (struct block *)octets - 1;
  block->next = spare[block->size];
  spare[block->size] = block;
}

int posix_memalign(void **octets, size_t alignment, size_t count) {
  if (alignment > 16) __builtin_trap();
  *octets = malloc(count);
  return 0;
}

void arc4random_buf(void *octets, size_t count) { memset(octets, 7, count); }

// Whoever runs this shows what is printed.
__attribute__((import_module("host"), import_name("say"))) void say(int octet);
int putchar(int octet) {
  say(octet);
  return octet;
}

// A product of 128 bits, of which the processor has none: by halves of 64 bits, and those by halves of 32.
__int128 __multi3(__int128 left, __int128 right) {
  uint64_t l = (uint64_t)left, r = (uint64_t)right;
  uint64_t low = (l & UINT32_MAX) * (r & UINT32_MAX);
  uint64_t middle = (l >> 32) * (r & UINT32_MAX) + (low >> 32);
  uint64_t other = (l & UINT32_MAX) * (r >> 32) + (middle & UINT32_MAX);
  uint64_t high = (l >> 32) * (r >> 32) + (middle >> 32) + (other >> 32);
  high += (uint64_t)(left >> 64) * r + l * (uint64_t)(right >> 64);
  return (__int128)((unsigned __int128)high << 64 | (other << 32 | (low & UINT32_MAX)));
}

// By less than 128.
__int128 __ashrti3(__int128 value, int places) {
  union { __int128 whole; struct { uint64_t low; int64_t high; } half; } in, out;
  in.whole = value;
  if (places == 0) return value;
  if (places < 64) {
    out.half.low = in.half.low >> places | (uint64_t)in.half.high << (64 - places);
    out.half.high = in.half.high >> places;
  } else {
    out.half.low = (uint64_t)(in.half.high >> (places - 64));
    out.half.high = in.half.high >> 63;
  }
  return out.whole;
}
