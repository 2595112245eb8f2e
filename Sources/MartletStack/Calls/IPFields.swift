public import MartletWire

/// What an application may say, and may know, of the IP header of a datagram, beside the addresses in it.
@frozen
public struct IPFields: Equatable, BitwiseCopyable, Sendable {
  /// How many hosts may pass it on, and one. Of what is to be sent 0 means the configuration's, or one if it is for a
  /// group.
  public var hopLimit: UInt8
  /// The class of service (RFC 2474 §3): six bits, the others are not looked at.
  public var dscp: UInt8
  /// What routers may mark (RFC 3168 §5). Who sends something else than `.notECT` has to slow down when he is told of
  /// marks (RFC 8085 §3.1.7); of fragments of one datagram that were marked differently it is as RFC 3168 §5.3 says.
  public var ecn: ECN

  @inlinable
  public init(hopLimit: UInt8 = 0, dscp: UInt8 = 0, ecn: ECN = .notECT) {
    self.hopLimit = hopLimit
    self.dscp = dscp
    self.ecn = ecn
  }
}

/// A datagram that `receive` has copied out.
public struct ArrivedDatagram: Equatable, BitwiseCopyable, Sendable {
  /// Octets that were copied, and that there were: what did not fit is lost.
  public var count: Int
  public var totalCount: Int
  public var from: Endpoint
  /// One of our addresses, a broadcast, or a group's.
  public var to: IPAddress
  /// Without it a link-local sender means nothing.
  public var on: InterfaceID
  public var fields: IPFields
}

extension IPFields {
  /// The octet that IPv4 calls type of service, and IPv6 traffic class.
  var trafficClass: UInt8 { dscp << 2 | ecn.rawValue }

  init(hopLimit: UInt8, trafficClass: UInt8) {
    self.init(hopLimit: hopLimit, dscp: trafficClass >> 2, ecn: ECN(trafficClass: trafficClass))
  }
}
