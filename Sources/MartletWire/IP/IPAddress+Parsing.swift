// Addresses from text. All work is on UTF-8 octets, so that it runs without Unicode tables.

/// Octets of a text, read one after the other.
struct TextCursor: ~Copyable {
  private let octets: [UInt8]
  private var index = 0

  init(_ text: String) {
    octets = [UInt8](text.utf8)
  }

  var isAtEnd: Bool { index == octets.count }

  /// The next octet, not taken; nil at the end.
  var next: UInt8? { index < octets.count ? octets[index] : nil }

  /// Takes `octet` if it comes next.
  mutating func take(_ octet: UInt8) -> Bool {
    guard next == octet else { return false }
    index += 1
    return true
  }

  /// Takes one to three decimal digits without a leading zero, up to `limit`.
  mutating func takeDecimal(upTo limit: UInt32) -> UInt8? {
    let start = index
    var value: UInt32 = 0
    while let digit = next, digit >= 0x30, digit <= 0x39, index - start < 3 {
      value = value * 10 + UInt32(digit - 0x30)
      index += 1
    }
    let hasLeadingZero = index - start > 1 && octets[start] == 0x30
    guard index > start, !hasLeadingZero, value <= limit else {
      index = start
      return nil
    }
    return UInt8(truncatingIfNeeded: value)
  }

  /// Takes one to `most` hexadecimal digits of either case.
  mutating func takeHexadecimal(most: Int) -> UInt16? {
    let start = index
    var value: UInt16 = 0
    while index - start < most, let octet = next, let digit = Self.hexadecimal(octet) {
      value = value << 4 | UInt16(digit)
      index += 1
    }
    return index > start ? value : nil
  }

  /// Takes an IPv4 address in dotted decimal, or nothing.
  mutating func takeIPv4() -> IPv4Address? {
    let start = index
    var bits: UInt32 = 0
    for part in 0..<4 {
      guard part == 0 || take(0x2E), let octet = takeDecimal(upTo: 255) else {
        index = start
        return nil
      }
      bits = bits << 8 | UInt32(octet)
    }
    return IPv4Address(bits: bits)
  }

  /// Takes an IPv6 address in any form of RFC 4291 §2.2.
  mutating func takeIPv6() -> IPv6Address? {
    var high = Groups()
    var low = Groups()
    var compressed = false
    if take(0x3A) {
      guard take(0x3A) else { return nil }
      compressed = true
    }
    while let octet = next, octet != 0x2F {
      let mayHoldIPv4 = high.count + low.count <= 6
      if mayHoldIPv4, let tail = takeIPv4() {
        let added = compressed ? low.append(tail) : high.append(tail)
        guard added else { return nil }
        break
      }
      guard let group = takeHexadecimal(most: 4) else { return nil }
      let added = compressed ? low.append(group) : high.append(group)
      guard added else { return nil }
      guard take(0x3A) else { break }
      if take(0x3A) {
        guard !compressed else { return nil }
        compressed = true
      } else if next == nil || next == 0x2F {
        return nil
      }
    }
    // "::" stands for at least one group.
    let count = high.count + low.count
    guard compressed ? count <= 7 : count == 8 else { return nil }
    let top = high.address(shiftedBy: 8 - high.count)
    let bottom = low.address(shiftedBy: 0)
    return IPv6Address(high: top.high | bottom.high, low: top.low | bottom.low)
  }

  static func hexadecimal(_ octet: UInt8) -> UInt8? {
    switch octet {
    case 0x30...0x39: return octet - 0x30
    case 0x41...0x46: return octet - 0x41 + 10
    case 0x61...0x66: return octet - 0x61 + 10
    default: return nil
    }
  }
}

/// Up to eight groups of 16 bits, pushed in from the right.
private struct Groups {
  var high: UInt64 = 0
  var low: UInt64 = 0
  var count = 0

  mutating func append(_ group: UInt16) -> Bool {
    guard count < 8 else { return false }
    high = high << 16 | low >> 48
    low = low << 16 | UInt64(group)
    count += 1
    return true
  }

  mutating func append(_ tail: IPv4Address) -> Bool {
    append(UInt16(truncatingIfNeeded: tail.bits >> 16)) && append(UInt16(truncatingIfNeeded: tail.bits))
  }

  /// The groups with `shift` groups of zero behind them.
  func address(shiftedBy shift: Int) -> IPv6Address {
    var result = self
    for _ in 0..<shift {
      result.high = result.high << 16 | result.low >> 48
      result.low <<= 16
    }
    return IPv6Address(high: result.high, low: result.low)
  }
}

extension IPv4Address {
  /// Reads dotted decimal: four numbers from 0 to 255 without leading zeros. Nil for anything else.
  public init?(_ text: String) {
    var cursor = TextCursor(text)
    guard let address = cursor.takeIPv4(), cursor.isAtEnd else { return nil }
    self = address
  }
}

extension IPv6Address {
  /// Reads any form of RFC 4291 §2.2. Nil for anything else; a zone ("%eth0") is something else.
  public init?(_ text: String) {
    var cursor = TextCursor(text)
    guard let address = cursor.takeIPv6(), cursor.isAtEnd else { return nil }
    self = address
  }
}

extension IPAddress {
  /// Reads an address of either family.
  public init?(_ text: String) {
    if let address = IPv4Address(text) {
      self = .v4(address)
    } else if let address = IPv6Address(text) {
      self = .v6(address)
    } else {
      return nil
    }
  }
}

extension IPPrefix {
  /// Reads "10.7.0.1/24" or "fd00:7::1/64". The length must be there and must fit the family.
  public init?(_ text: String) {
    var cursor = TextCursor(text)
    let address: IPAddress
    if let v4 = cursor.takeIPv4() {
      address = .v4(v4)
    } else if let v6 = cursor.takeIPv6() {
      address = .v6(v6)
    } else {
      return nil
    }
    guard cursor.take(0x2F), let length = cursor.takeDecimal(upTo: address.isIPv4 ? 32 : 128),
      cursor.isAtEnd
    else { return nil }
    self.init(address, length: length)
  }
}

extension MACAddress {
  /// Reads six pairs of hexadecimal digits, parted by colons.
  public init?(_ text: String) {
    var cursor = TextCursor(text)
    var bits: UInt64 = 0
    for part in 0..<6 {
      guard part == 0 || cursor.take(0x3A), let octet = cursor.takeHexadecimal(most: 2) else { return nil }
      bits = bits << 8 | UInt64(octet)
    }
    guard cursor.isAtEnd else { return nil }
    self.init(bits: bits)
  }
}
