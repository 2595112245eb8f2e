import MartletTCP

/// How fast a count of octets grows, told once a second.
struct ByteRate {
  private var last: (octets: UInt64, time: Instant)?

  /// Nil when less than a second has passed.
  mutating func update(_ octets: UInt64, _ now: Instant) -> String? {
    guard let before = last else {
      last = (octets, now)
      return nil
    }
    let nanoseconds = UInt64(clamping: now.since(before.time).nanoseconds)
    guard nanoseconds >= 1_000_000_000 else { return nil }
    last = (octets, now)
    return Self.text((octets &- before.octets) / (nanoseconds / 1_000_000) &* 1_000)
  }

  /// `12.3 MB/s`
  static func text(_ octetsPerSecond: UInt64) -> String {
    let units = ["B/s", "kB/s", "MB/s", "GB/s"]
    var value = octetsPerSecond
    var tenths: UInt64 = 0
    var unit = 0
    while value >= 1000, unit + 1 < units.count {
      tenths = value % 1000 / 100
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(value) B/s" : "\(value).\(tenths) \(units[unit])"
  }
}

/// `94.1 Mbit/s`
func bitRateText(_ bitsPerSecond: UInt64) -> String {
  let (unit, name): (UInt64, String) =
    switch bitsPerSecond {
    case 1_000_000_000...: (1_000_000_000, "Gbit/s")
    case 1_000_000...: (1_000_000, "Mbit/s")
    case 1_000...: (1_000, "kbit/s")
    default: (1, "bit/s")
    }
  let fraction = bitsPerSecond % unit * 100 / unit
  return unit == 1
    ? "\(bitsPerSecond) bit/s" : "\(bitsPerSecond / unit).\(fraction < 10 ? "0" : "")\(fraction) \(name)"
}
