import MartletWire

/// Packets that a system hands to a program in batches and takes from it likewise, as `NEPacketTunnelFlow` does for a
/// packet-tunnel provider. `PacketFlowLink` makes a link of it.
public protocol PacketFlow: Sendable {
  /// What the system has packets in.
  associatedtype Packet: Sendable

  /// Calls `handler` once, on any thread, with IP packets that have arrived: at once, or when there are some.
  func read(_ handler: @escaping @Sendable ([Packet]) -> Void)

  /// Sends IP packets. Not all may arrive.
  func write(_ packets: [Packet])

  /// A copy of an IP packet's octets.
  func packet(_ octets: RawSpan) -> Packet

  /// Shows a packet's octets.
  func show(_ packet: Packet, _ body: (RawSpan) -> Void)
}
