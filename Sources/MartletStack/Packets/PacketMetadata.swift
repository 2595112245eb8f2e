/// What a link knows of a packet besides its octets, as devices that compute
/// checksums and cut or join segments tell it (`virtio_net_hdr`, TSO, GRO).
@frozen
public struct PacketMetadata: Equatable, BitwiseCopyable, Sendable {
  /// What may be said of the transport checksum.
  @frozen
  public enum Checksum: Equatable, BitwiseCopyable, Sendable {
    /// It is in the packet; nobody has looked at it. Every outgoing packet without offload is so.
    case unverified
    /// The device has verified it.
    case verified
    /// The field at `offset` from `start` holds the sum of the pseudo-header only: whoever puts the
    /// packet on a wire sums from `start` to the end and stores the complement there.
    case partial(start: UInt16, offset: UInt16)
  }

  public var checksum: Checksum
  /// Octets of text in each of the segments that this packet is cut into, or was joined from; 0: it is one segment.
  public var segmentSize: UInt16
  /// Octets of IP and transport header before the text; meaningful while `segmentSize` is not 0.
  public var headerCount: UInt16
  /// The frame that it came in was for everybody on the link, or for a group.
  public var isGroupFrame: Bool
  /// Who shares the work with other stacks has this handed to one of them, as a packet that has arrived: its index, and
  /// one (`Steering`). There it is IP header first whatever the medium. 0: it leaves, or came by the link.
  public var shard: UInt8 = 0

  @inlinable @inline(__always)
  public init(
    checksum: Checksum = .unverified, segmentSize: UInt16 = 0, headerCount: UInt16 = 0,
    isGroupFrame: Bool = false
  ) {
    self.checksum = checksum
    self.segmentSize = segmentSize
    self.headerCount = headerCount
    self.isGroupFrame = isGroupFrame
  }
}

/// A packet that `NetworkStack.nextPacket` has written into the caller's buffer.
@frozen
public struct OutgoingPacket: Equatable, BitwiseCopyable, Sendable {
  /// Octets written, from the start of the buffer.
  public var count: Int
  public var metadata: PacketMetadata

  @inlinable @inline(__always)
  public init(count: Int, metadata: PacketMetadata = PacketMetadata()) {
    self.count = count
    self.metadata = metadata
  }
}
