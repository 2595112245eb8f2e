/// The states that were seen, by their fingerprints: open addressing over numbers that are random already. Eight
/// octets a slot, at most three quarters of them used.
struct FingerprintTable {
  /// 0: free.
  private var slots: [UInt64]
  private(set) var count = 0

  init() {
    slots = [UInt64](repeating: 0, count: 1 << 12)
  }

  /// Octets held.
  var heldBytes: Int { slots.count &* 8 }

  /// False: it was there already.
  mutating func insert(_ fingerprint: UInt64) -> Bool {
    if count &* 4 >= slots.count &* 3 { grow() }
    guard place(fingerprint) else { return false }
    count &+= 1
    return true
  }

  func contains(_ fingerprint: UInt64) -> Bool {
    slots[slot(of: fingerprint)] == fingerprint
  }

  private mutating func place(_ fingerprint: UInt64) -> Bool {
    let slot = slot(of: fingerprint)
    guard slots[slot] != fingerprint else { return false }
    slots[slot] = fingerprint
    return true
  }

  /// Where it is, or where it would go.
  private func slot(of fingerprint: UInt64) -> Int {
    let mask = slots.count &- 1
    var slot = Int(truncatingIfNeeded: fingerprint) & mask
    while slots[slot] != 0, slots[slot] != fingerprint { slot = (slot &+ 1) & mask }
    return slot
  }

  private mutating func grow() {
    let old = slots
    slots = [UInt64](repeating: 0, count: old.count &* 2)
    for fingerprint in old where fingerprint != 0 { _ = place(fingerprint) }
  }
}
