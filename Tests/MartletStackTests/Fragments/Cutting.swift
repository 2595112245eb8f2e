import MartletStack
import MartletTCP
import MartletWire

/// Octets `start..<end` of what a packet carries, as a fragment of it.
///
/// - Parameters:
///   - more: nil: unless it is the end.
///   - octets: others than those of the packet.
func fragment(
  of packet: Packet, _ start: Int, _ end: Int, more: Bool? = nil, id: UInt32 = 77, octets: Packet? = nil
) -> Packet {
  let isIPv4 = packet[0] >> 4 == 4
  let headers = isIPv4 ? 20 : 40
  let payload = octets ?? Packet(packet[(headers + start)..<min(headers + end, packet.count)])
  let more = more ?? (headers + end < packet.count)
  return isIPv4
    ? cutFour(packet, start, more, id, payload) : cutSix(packet, start, more, id, payload)
}

private func cutFour(_ packet: Packet, _ start: Int, _ more: Bool, _ id: UInt32, _ payload: Packet) -> Packet
{
  var header = Packet(packet.prefix(20))
  store(UInt16(20 + payload.count), in: &header, at: 2)
  store(UInt16(truncatingIfNeeded: id), in: &header, at: 4)
  store(UInt16(truncatingIfNeeded: start / 8) | (more ? 0x2000 : 0), in: &header, at: 6)
  store(0, in: &header, at: 10)
  store(plainChecksum(header), in: &header, at: 10)
  return header + payload
}

private func cutSix(_ packet: Packet, _ start: Int, _ more: Bool, _ id: UInt32, _ payload: Packet) -> Packet {
  var header = Packet(packet.prefix(40))
  let next = header[6]
  header[6] = 44
  store(UInt16(8 + payload.count), in: &header, at: 4)
  var own: Packet = [next, 0, 0, 0, 0, 0, 0, 0]
  store(UInt16(truncatingIfNeeded: start) | (more ? 1 : 0), in: &own, at: 2)
  store(UInt16(truncatingIfNeeded: id >> 16), in: &own, at: 4)
  store(UInt16(truncatingIfNeeded: id), in: &own, at: 6)
  return header + own + payload
}

/// All fragments of a packet, `size` octets each.
func cut(_ packet: Packet, _ size: Int, id: UInt32 = 77) -> [Packet] {
  let count = packet.count - (packet[0] >> 4 == 4 ? 20 : 40)
  return stride(from: 0, to: count, by: size).map { start in
    fragment(of: packet, start, min(start + size, count), id: id)
  }
}

/// Octets that tell where they belong.
func pattern(_ count: Int) -> Packet { (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) } }

/// A host with a socket, and a peer of either family that sends to it.
final class Receiver {
  let host: Host
  let socket: UDPSocketID
  let peer: Endpoint
  let own: Endpoint

  init(_ version: Int, _ configure: (inout StackConfiguration) -> Void = { _ in }) throws {
    host = try Host(2, configure)
    socket = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
    peer = Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 4_000)
    own = version == 4 ? host.endpoint(53) : host.endpoint6(53)
  }

  func datagram(_ text: Packet, from: IPAddress? = nil) -> Packet {
    udp(from: Endpoint(address: from ?? peer.address, port: peer.port), to: own, text)
  }

  /// The next datagram; nil: there is none.
  func text() -> Packet? {
    var block = Packet(repeating: 0, count: 65_536)
    var span = block.mutableSpan
    var raw = span.mutableBytes
    guard let count = try? host.stack.receive(socket, into: &raw, now: host.now).count else { return nil }
    return Packet(block.prefix(count))
  }

  /// Without a look at everything that is held: for thousands.
  func flood(_ packet: Packet) {
    host.stack.receive(packet.span.bytes, on: host.interface, now: host.now)
  }

  func inject(_ packets: [Packet]) { for packet in packets { host.inject(packet) } }
}
