// Replaces the allocator's entry points in the program that links this, and
// counts. glibc lets a program define them and keeps the originals under names
// of its own, so that nothing has to be preloaded. What a shared library
// allocates is counted too: it finds these definitions first.

#include "CMallocCounter.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

static atomic_ullong allocations;

unsigned long long malloc_counter_allocations(void) {
  return atomic_load_explicit(&allocations, memory_order_relaxed);
}

#if defined(__GLIBC__)

int malloc_counter_counts(void) { return 1; }

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static inline void count(void) {
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
  count();
  return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  count();
  void *memory = __libc_memalign(alignment, size);
  if (memory == NULL) return ENOMEM;
  *out = memory;
  return 0;
}

#else

int malloc_counter_counts(void) { return 0; }

#endif
