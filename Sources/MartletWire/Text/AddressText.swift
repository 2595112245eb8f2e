extension IPv4Address: CustomStringConvertible {
  /// Dotted decimal.
  public var description: String {
    let a = String(bits >> 24)
    let b = String((bits >> 16) & 0xff)
    let c = String((bits >> 8) & 0xff)
    let d = String(bits & 0xff)
    return a + "." + b + "." + c + "." + d
  }
}

extension IPv6Address: CustomStringConvertible {
  /// The canonical form of RFC 5952 §4: lower case, no leading zeros, the longest run of two or more
  /// zero groups (the first of equals) as "::", a mapped IPv4 address in dotted decimal (§5).
  public var description: String {
    if isIPv4Mapped {
      return "::ffff:" + IPv4Address(bits: UInt32(truncatingIfNeeded: low)).description
    }
    let gap = longestZeroRun
    var text = ""
    var index = 0
    while index < 8 {
      if index == gap.start, gap.count > 1 {
        text += "::"
        index += gap.count
        continue
      }
      if index > 0, index != gap.start + gap.count || gap.count < 2 { text += ":" }
      text += String(group(index), radix: 16)
      index += 1
    }
    return text
  }

  /// Group `index` of eight, from the left.
  private func group(_ index: Int) -> UInt16 {
    let half = index < 4 ? high : low
    return UInt16(truncatingIfNeeded: half >> UInt64(16 * (3 - index % 4)))
  }

  private var longestZeroRun: (start: Int, count: Int) {
    var best = (start: 0, count: 0)
    var start = 0
    for index in 0..<8 {
      if group(index) != 0 {
        start = index + 1
      } else if index + 1 - start > best.count {
        best = (start, index + 1 - start)
      }
    }
    return best
  }
}

extension IPAddress: CustomStringConvertible {
  public var description: String {
    switch self {
    case .v4(let address): return address.description
    case .v6(let address): return address.description
    }
  }
}

extension IPPrefix: CustomStringConvertible {
  /// The address, a slash, the length.
  public var description: String {
    address.description + "/" + String(length)
  }
}

extension MACAddress: CustomStringConvertible {
  /// Six pairs of hexadecimal digits, parted by colons.
  public var description: String {
    var text = ""
    for index in 0..<6 {
      if index > 0 { text += ":" }
      text += hexadecimalPair(UInt8(truncatingIfNeeded: bits >> UInt64(40 - 8 * index)))
    }
    return text
  }
}

/// An octet as two hexadecimal digits, lower case.
func hexadecimalPair(_ octet: UInt8) -> String {
  (octet < 16 ? "0" : "") + String(octet, radix: 16)
}
