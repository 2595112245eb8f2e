import MartletTCP
import MartletWire

extension NetworkStack {
  /// An Ethernet frame, without its check sequence: whose is it, and what is in it?
  mutating func frameArrives(_ frame: RawSpan, _ metadata: PacketMetadata, on interface: InterfaceID) {
    guard let view = EthernetHeaderView(validating: frame) else { return counts.drop(.badFrame) }
    let link = interfaces[interface.index].link
    var metadata = metadata
    metadata.isGroupFrame = view.destination.isMulticast
    // Nobody else's: a switch that floods, or a device that hears everything.
    guard metadata.isGroupFrame || view.destination == link.hardware else {
      return counts.drop(.notOurFrame)
    }
    // From a group, from nobody, or our own come back.
    guard view.source.isUnicast, view.source != link.hardware else { return counts.drop(.badFrame) }
    var payload = view.payload
    var type = view.etherType
    if type == .vlan || link.vlan > 0 {
      guard type == .vlan else { return counts.drop(.otherVLAN) }
      guard let tag = VLANTag(parsing: payload) else { return counts.drop(.badFrame) }
      // A tag of network 0 has only a priority to say.
      guard tag.identifier == link.vlan else { return counts.drop(.otherVLAN) }
      type = tag.etherType
      payload = payload.extracting(VLANTag.encodedCount..<payload.byteCount)
    }
    caller = view.source
    switch type {
    case .ipv4 where link.hasClient && isTakenByClient(payload, metadata, on: interface): break
    case .ipv4: ipv4Arrives(payload, metadata, on: interface)
    case .ipv6: ipv6Arrives(payload, metadata, on: interface)
    case .arp: arpArrives(payload, on: interface)
    default: counts.drop(.notIP)
    }
    caller = .zero
  }
}
