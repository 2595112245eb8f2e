import MartletWire

/// Gives octets to one of the parsers of `MartletWire`.
///
/// The first octet picks the parser, the rest is its input. What must hold: no accessor traps once a
/// view exists; every length and offset that comes out lies inside the input; writing fills exactly
/// `encodedCount` octets; and what was written is read back as the same value.
public func driveWire(_ input: [UInt8]) throws(Finding) {
  guard let first = input.first else { return }
  let bytes = input.span.bytes.extracting(1..<input.count)
  switch first % 12 {
  case 0: try driveEthernet(bytes)
  case 1: try driveARP(bytes)
  case 2: try driveIPv4(bytes)
  case 3: try driveIPv6(bytes)
  case 4: try driveICMPv4(bytes)
  case 5: try driveICMPv6(bytes)
  case 6: try driveUDP(bytes)
  case 7: try driveTCP(bytes)
  case 8: try driveTCPOptions(bytes)
  case 9: try drivePacketText(bytes)
  case 10: try driveAddressText(input)
  default: try driveChecksum(bytes)
  }
}

/// What `write` writes, which must be exactly `count` octets from where it was told to begin. The
/// buffer ends there, so that one octet more traps; octets left out keep what was there before, and
/// so differ between two tries.
func written(
  _ count: Int, _ name: StaticString, _ write: (inout MutableRawSpan, Int) -> Void
) throws(Finding) -> [UInt8] {
  let start = 3
  func fill(_ filler: UInt8) -> [UInt8] {
    var octets = [UInt8](repeating: filler, count: start + count)
    var elements = octets.mutableSpan
    var out = elements.mutableBytes
    write(&out, start)
    return octets
  }
  let first = fill(0xEE)
  let second = fill(0x11)
  try expect(
    first[..<start].allSatisfy { $0 == 0xEE }, "\(name): nothing is written in front of the place given")
  try expect(
    first[start...] == second[start...], "\(name): all of the \(count) octets of encodedCount are written")
  return [UInt8](first[start...])
}

extension RawSpan {
  var octets: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      for i in 0..<byteCount { buffer[i] = u8(i) }
      count = byteCount
    }
  }
}
