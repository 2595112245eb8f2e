import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// The sum of RFC 1071 as plainly as it can be written, so that it shares no line with the one under test:
/// 0xffff over what a right checksum stands in.
func plainSum(_ octets: some Collection<UInt8>) -> UInt16 {
  var sum: UInt64 = 0
  for (place, octet) in octets.enumerated() { sum += UInt64(octet) << (place % 2 == 0 ? 8 : 0) }
  while sum >> 16 != 0 { sum = sum & 0xffff + sum >> 16 }
  return UInt16(sum)
}

/// The octets of a number in network order.
func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  (0..<value.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

func octets(_ address: IPAddress) -> [UInt8] {
  switch address {
  case .v4(let a): bigEndian(a.bits)
  case .v6(let a): bigEndian(a.high) + bigEndian(a.low)
  }
}

/// Total length and header checksum of an IPv4 packet made right again.
func mended(_ packet: [UInt8]) -> [UInt8] {
  var packet = packet
  packet.replaceSubrange(2..<4, with: bigEndian(UInt16(packet.count)))
  packet.replaceSubrange(10..<12, with: [0, 0])
  let sum = plainSum(packet[..<(Int(packet[0] & 15) * 4)])
  packet.replaceSubrange(10..<12, with: bigEndian(~sum))
  return packet
}

/// An IPv4 packet with octets in its option area; a multiple of four of them.
func withIPOptions(_ options: [UInt8], _ packet: [UInt8]) -> [UInt8] {
  var packet = packet
  packet.insert(contentsOf: options, at: 20)
  packet[0] = 0x40 | UInt8(5 + options.count / 4)
  return mended(packet)
}

/// An error of ICMP or ICMPv6.
struct ICMPError: Sendable, CustomTestStringConvertible {
  var type: UInt8
  var code: UInt8
  /// Octets 4 to 7: an MTU, a pointer.
  var rest: UInt32 = 0
  var testDescription: String { "type \(type) code \(code)" }

  /// The error as a router on the link sends it to whoever sent `packet`.
  func packet(about packet: [UInt8]) -> [UInt8] {
    let isIPv4 = packet[0] >> 4 == 4
    let quote = packet.prefix(isIPv4 ? 28 : 48)
    let target = isIPv4 ? packet[12..<16] : packet[8..<24]
    var router = Array(target)
    router[router.count - 1] = 254
    var message = [type, code, 0, 0] + bigEndian(rest) + quote
    let pseudo: [UInt8] =
      isIPv4 ? [] : router + target + bigEndian(UInt32(message.count)) + [0, 0, 0, 58]
    message.replaceSubrange(2..<4, with: bigEndian(~plainSum(pseudo + message)))
    if isIPv4 { return mended([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0] + router + target + message) }
    return [0x60, 0, 0, 0] + bigEndian(UInt16(message.count)) + [58, 64] + router + target + message
  }
}

/// The next packet that leaves a stack through an interface.
func pull(_ stack: inout NetworkStack, on interface: InterfaceID, now: Instant) -> [UInt8]? {
  var buffer = [UInt8](repeating: 0, count: 1_500)
  var elements = buffer.mutableSpan
  var out = elements.mutableBytes
  guard let packet = stack.nextPacket(on: interface, into: &out, now: now) else { return nil }
  return Array(buffer[..<packet.count])
}

extension Scenario {
  /// Hands several segments to the stack before anything is pulled: one batch.
  func injectTogether(_ segments: [InjectedSegment]) {
    for segment in segments {
      let packet = packet(segment)
      stack.receive(packet.span.bytes, on: interface, now: now)
    }
    settle()
  }

  /// Opens one more connection from the peer, from another port.
  func connectPeer(from port: UInt16) {
    inject(.syn().from(port: port))
    expect(.synAck(seq: 0, ack: 1).to(port: port))
    inject(.ack().from(port: port))
    expectNothing()
  }

  /// Makes the round trip known: an octet each way, acknowledged after `trip`.
  func measure(roundTrip trip: TimeAmount, from seq: Int = 1) {
    send(1)
    expect(.data(seq: seq, 1))
    advance(by: trip)
    inject(.ack(seq: 1, ack: seq + 1))
    expectNothing()
  }
}
