#ifndef C_MALLOC_COUNTER_H
#define C_MALLOC_COUNTER_H

/// Calls of the program so far that took memory from the C library's heap: malloc,
/// calloc, realloc, posix_memalign, aligned_alloc and memalign.
unsigned long long malloc_counter_allocations(void);

/// Whether anything is counted: only with glibc, where these functions can be replaced.
int malloc_counter_counts(void);

#endif
