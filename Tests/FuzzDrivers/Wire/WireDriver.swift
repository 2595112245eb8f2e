import MartletWire

/// Gives octets to one of the parsers of `MartletWire`.
///
/// The first octet picks the parser, the rest is its input: those from 252 on pick DHCP, which came last, so that inputs
/// that were found before are still for whom they were found. What must hold: no accessor traps once a
/// view exists; every length and offset that comes out lies inside the input; writing fills exactly
/// `encodedCount` octets; and what was written is read back as the same value.
public func driveWire(_ input: [UInt8]) throws(Finding) {
  _ = try parse(input)
}

/// How much `driveWire` and the like have tried.
public struct WireTally: Sendable {
  /// Octets that a parser of headers was given, by parser.
  public private(set) var parses = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
  /// Of these, the ones that were taken, so that what was read was also written, and read again.
  public private(set) var taken = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
  /// Inputs of texts of packets, texts of addresses, and checksums.
  public private(set) var others = 0

  public static let names = [
    "Ethernet", "ARP", "IPv4", "IPv6", "ICMPv4", "ICMPv6", "UDP", "TCP", "TCP options", "DHCP",
  ]

  public init() {}

  fileprivate mutating func count(_ first: UInt8, isTaken: Bool) {
    guard let parser = headerParser(first) else {
      others += 1
      return
    }
    parses[parser] += 1
    if isTaken { taken[parser] += 1 }
  }
}

/// Gives one input to its parser and, where that is one of headers, also `neighbours` others that differ from it in
/// one octet: making them costs far less than having libFuzzer make them, so that a run parses many times as often.
/// The same input has the same neighbours, so that a finding can be had again.
public func driveWire(_ input: [UInt8], neighbours: Int, _ tally: inout WireTally) throws(Finding) {
  guard let first = input.first else { return }
  tally.count(first, isTaken: try parse(input))
  guard let parser = headerParser(first), input.count > 1 else { return }
  var octets = input
  // Headers come first: of a long input only they are worth an octet.
  let reach = min(input.count, parser == dhcp ? 400 : 72) - 1
  var state = UInt32(truncatingIfNeeded: input.count) &* 0x9e37_79b9
  for octet in input.prefix(32) { state = (state ^ UInt32(octet)) &* 0x0100_0193 }
  for _ in 0..<neighbours {
    state = state &* 0x0019_660d &+ 0x3c6e_f35f
    let place = 1 + Int(state >> 20) % reach
    let old = octets[place]
    octets[place] = altered(old, UInt8(truncatingIfNeeded: state >> 12), state >> 8 & 7)
    tally.count(first, isTaken: try parse(octets))
    octets[place] = old
  }
}

/// Its place in `WireTally.names`.
private let dhcp = 9

/// The parser of headers that the first octet picks, by its place in `WireTally.names`; nil: it picks another kind.
private func headerParser(_ first: UInt8) -> Int? {
  if first >= 252 { return dhcp }
  let parser = Int(first % 12)
  return parser < dhcp ? parser : nil
}

/// Another octet: mostly one bit of it is, else the least, the greatest, the next, or any.
private func altered(_ octet: UInt8, _ any: UInt8, _ how: UInt32) -> UInt8 {
  switch how {
  case 0: 0
  case 1: 0xff
  case 2: octet &+ 1
  case 3: any
  default: octet ^ 1 << (any & 7)
  }
}

/// Whether the octets were taken, so that they could be written again.
private func parse(_ input: [UInt8]) throws(Finding) -> Bool {
  guard let first = input.first else { return false }
  let bytes = input.span.bytes.extracting(1..<input.count)
  if first >= 252 { return try driveDHCP(bytes) }
  switch first % 12 {
  case 0: return try driveEthernet(bytes)
  case 1: return try driveARP(bytes)
  case 2: return try driveIPv4(bytes)
  case 3: return try driveIPv6(bytes)
  case 4: return try driveICMPv4(bytes)
  case 5: return try driveICMPv6(bytes)
  case 6: return try driveUDP(bytes)
  case 7: return try driveTCP(bytes)
  case 8: return try driveTCPOptions(bytes)
  case 9: try drivePacketText(bytes)
  case 10: try driveAddressText(input)
  default: try driveChecksum(bytes)
  }
  return true
}

/// What `write` writes, which must be exactly `count` octets from where it was told to begin, and `text` behind it.
/// The place ends there, so that one octet more traps; octets left out keep what was there before, and
/// so differ between two tries.
func written(
  _ count: Int, _ name: StaticString, followedBy text: RawSpan? = nil,
  _ write: (inout MutableRawSpan, Int) -> Void
) throws(Finding) -> [UInt8] {
  let start = 3
  var isInPlace = true
  var isWhole = true
  // One allocation and no more: this is most of what a try costs.
  let octets = withUnsafeTemporaryAllocation(byteCount: 2 * (start + count), alignment: 8) { room in
    let first = UnsafeMutableRawBufferPointer(rebasing: room[..<(start + count)])
    let second = UnsafeMutableRawBufferPointer(rebasing: room[(start + count)...])
    fill(first, 0xEE, start, write)
    fill(second, 0x11, start, write)
    for i in 0..<start where first[i] != 0xEE { isInPlace = false }
    for i in start..<first.count where first[i] != second[i] { isWhole = false }
    return [UInt8](unsafeUninitializedCapacity: count + (text?.byteCount ?? 0)) { result, filled in
      let out = UnsafeMutableRawBufferPointer(result)
      out.copyMemory(from: UnsafeRawBufferPointer(rebasing: first[start...]))
      text?.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: out[count...]).copyMemory(from: $0)
      }
      filled = result.count
    }
  }
  try expect(isInPlace, "\(name): nothing is written in front of the place given")
  try expect(isWhole, "\(name): all of the \(count) octets of encodedCount are written")
  return octets
}

private func fill(
  _ room: UnsafeMutableRawBufferPointer, _ filler: UInt8, _ start: Int,
  _ write: (inout MutableRawSpan, Int) -> Void
) {
  room.initializeMemory(as: UInt8.self, repeating: filler)
  var out = room.mutableBytes
  write(&out, start)
}

extension RawSpan {
  var octets: [UInt8] { withUnsafeBytes { [UInt8]($0) } }

  /// Whether these octets are those.
  func isEqual(to octets: [UInt8]) -> Bool {
    withUnsafeBytes { mine in octets.withUnsafeBytes { $0.elementsEqual(mine) } }
  }
}
