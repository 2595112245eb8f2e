import MartletTCP
import MartletWire

// Fragments tell no ports, so all of them come to the first shard. What they were cut from may be another's: it waits among
// the datagrams that leave, and the link hands it over.

extension NetworkStack {
  mutating func handOver(_ packet: RawSpan, to owner: Int, on interface: InterfaceID) {
    let isIPv4 = packet.u8(0) >> 4 == 4
    let local: IPAddress = isIPv4 ? .v4(packet.ipv4Address(16)) : .v6(packet.ipv6Address(24))
    let remote: IPAddress = isIPv4 ? .v4(packet.ipv4Address(12)) : .v6(packet.ipv6Address(8))
    let header = DatagramHeader(
      count: UInt16(truncatingIfNeeded: packet.byteCount), proto: .tcp,
      port: UInt16(truncatingIfNeeded: owner), isHandedOver: true, local: local, remote: remote)
    guard packet.byteCount <= Int(UInt16.max),
      interfaces[interface.index].datagrams.append(
        header, packet, packet.extracting(0..<0), limit: configuration.datagramQueueLimit, &around.pool,
        &around.budget)
    else { return counts.drop(.outputQueueFull) }
  }

  mutating func nextHandedOver(
    _ header: DatagramHeader, on interface: Int, into buffer: inout MutableRawSpan
  ) -> OutgoingPacket? {
    guard Int(header.count) <= buffer.byteCount else {
      finishFirst(header, on: interface)
      counts.drop(.outputQueueFull)
      return nil
    }
    interfaces[interface].datagrams.copyFirst(from: 0, header.count, into: &buffer, at: 0, around.pool)
    finishFirst(header, on: interface)
    var metadata = PacketMetadata()
    metadata.shard = UInt8(truncatingIfNeeded: Int(header.port) &+ 1)
    return OutgoingPacket(count: Int(header.count), metadata: metadata)
  }
}
