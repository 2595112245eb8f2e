import MartletWire

/// The fuzzer's octets, taken one after the other. After the last one come zeros, so that no
/// prefix of a script is without meaning.
struct ByteScript {
  private let octets: [UInt8]
  private var index: Int

  init(_ octets: [UInt8]) {
    self.octets = octets
    index = 0
  }

  var isAtEnd: Bool { index >= octets.count }

  mutating func next() -> UInt8 {
    guard index < octets.count else { return 0 }
    defer { index += 1 }
    return octets[index]
  }

  mutating func next16() -> UInt16 { UInt16(next()) << 8 | UInt16(next()) }
  mutating func next32() -> UInt32 { UInt32(next16()) << 16 | UInt32(next16()) }

  /// A number below 3,072 in one octet: each of the first 128, then every 24th.
  mutating func nextCount() -> Int {
    let octet = Int(next())
    return octet < 128 ? octet : (octet - 127) * 24
  }

  /// A distance in sequence space in one octet: each to 63 either way, then multiples of 97.
  mutating func nextDistance() -> Int {
    let octet = Int(Int8(bitPattern: next()))
    return octet.magnitude < 64 ? octet : (octet < 0 ? octet + 63 : octet - 63) * 97
  }
}

extension SequenceNumber {
  func moved(by distance: Int) -> SequenceNumber {
    advanced(by: UInt32(truncatingIfNeeded: distance))
  }
}
