// Never compiled where Martlet is tested: what is here is small, and all else of such a link is `PacketFlowLink`.
#if canImport(NetworkExtension)
  public import Foundation
  public import NetworkExtension

  /// The packet flow of a packet-tunnel provider.
  ///
  /// ```swift
  /// override func startTunnel(options: [String: NSObject]?) async throws {
  ///   try await setTunnelNetworkSettings(settings)
  ///   let link = try PacketFlowLink(PacketTunnelFlow(packetFlow), mtu: 1500)
  ///   host = try Host(link, addresses: [ours])
  /// }
  /// ```
  ///
  /// `NEPacketTunnelFlow` may be used from any thread, which its declaration does not say.
  public struct PacketTunnelFlow: PacketFlow, @unchecked Sendable {
    private let flow: NEPacketTunnelFlow

    public init(_ flow: NEPacketTunnelFlow) { self.flow = flow }

    public func read(_ handler: @escaping @Sendable ([Data]) -> Void) {
      flow.readPackets { packets, _ in handler(packets) }
    }

    public func write(_ packets: [Data]) {
      flow.writePackets(packets, withProtocols: packets.map(Self.family))
    }

    public func packet(_ octets: RawSpan) -> Data { octets.withUnsafeBytes { Data($0) } }

    public func show(_ packet: Data, _ body: (RawSpan) -> Void) { packet.withUnsafeBytes { body($0.bytes) } }

    private static func family(of packet: Data) -> NSNumber {
      NSNumber(value: (packet.first ?? 0x40) >> 4 == 4 ? AF_INET : AF_INET6)
    }
  }
#endif
