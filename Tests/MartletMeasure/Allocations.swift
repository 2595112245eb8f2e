import CMallocCounter

/// Counts what 100,000 segments allocate once the connection runs steadily.
/// Exit status by a thrown error: a trap would hide the figure.
func countAllocations() throws {
  guard malloc_counter_counts() != 0 else {
    print("RESULT counted=no reason=not-glibc")
    return
  }
  var transfer = try Transfer.established()
  // Windows, buffers and tables grow to what the transfer needs.
  try transfer.carry(20_000)

  let before = malloc_counter_allocations()
  let first = transfer.segments
  try transfer.carry(100_000)
  let allocations = malloc_counter_allocations() - before
  print("RESULT counted=yes segments=\(transfer.segments - first) allocations=\(allocations)")

  // The counter itself must be able to see one.
  let seen = malloc_counter_allocations()
  let block = [UInt8](repeating: 1, count: Int(seen % 7) + 64)
  guard malloc_counter_allocations() > seen, block.count >= 64 else { throw CounterIsBlind() }
}

struct CounterIsBlind: Error {}
