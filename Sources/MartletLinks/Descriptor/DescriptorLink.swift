import MartletStack
import MartletTCP
import MartletWire
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A descriptor that somebody else has made, of which one `read` or `write` is one packet: a datagram socket whose other end
/// is a virtual machine's network card, a utun device, a TUN device that was handed to this process.
///
/// ```swift
/// // Apple's virtual machines: one end for VZFileHandleNetworkDeviceAttachment, the other for us. QEMU: -netdev dgram.
/// let link = try DescriptorLink(taking: ours, name: "guest", mtu: 1500, carrying: .ethernet(medium))
/// ```
///
/// The descriptor is made non-blocking and belongs to the link, which closes it. When the other end of a socket is closed
/// the next packet sent throws `LinkError.Code.deviceGone`.
///
/// Invariant: it cannot be copied, so one thread at a time has it, with its descriptor and buffers.
public struct DescriptorLink: Link, ~Copyable, @unchecked Sendable {
  /// What one `read` or `write` is.
  public enum Packets: Sendable {
    /// An IP packet.
    case ip
    /// An IP packet behind four octets with its address family, as utun has them.
    case ipBehindFamily
    /// An Ethernet frame, without its check sequence.
    case ethernet(EthernetMedium)
  }

  public let name: String
  public let mtu: Int
  public let medium: Medium
  private let descriptor: FileDescriptor
  private var port: PacketPort

  /// - Parameters:
  ///   - descriptor: belongs to the link from here on, and is closed should this throw.
  ///   - name: what people call it.
  ///   - mtu: octets of the largest IP packet, 68 to 65,535. Both ends have to agree on it.
  public init(
    taking descriptor: FileDescriptor, name: String, mtu: Int, carrying packets: Packets
  ) throws(LinkError) {
    do throws(LinkError) {
      guard (68...65_535).contains(mtu) else {
        throw LinkError(.badMTU, "No link can have an MTU of \(mtu). Choose one from 68 to 65535.")
      }
      try Self.prepare(descriptor, name)
    } catch {
      try? descriptor.close()
      throw error
    }
    self.name = name
    self.mtu = mtu
    self.descriptor = descriptor
    let framing: PacketFraming
    switch packets {
    case .ip: (medium, framing) = (.ip, .bare)
    case .ipBehindFamily: (medium, framing) = (.ip, .family)
    case .ethernet(let ethernet): (medium, framing) = (.ethernet(ethernet), .bare)
    }
    port = PacketPort(
      descriptor, name: name, what: "What is at the other end of \(name)", framing: framing,
      carriesFrames: medium != .ip)
  }

  deinit { try? descriptor.close() }

  /// Non-blocking, and with room for a burst in either direction where it is a socket.
  private static func prepare(_ descriptor: FileDescriptor, _ name: String) throws(LinkError) {
    let fd = descriptor.rawValue
    let flags = fcntl(fd, F_GETFL)
    guard flags >= 0, fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 else {
      throw LinkError(
        .failed, errno: Errno(rawValue: errno),
        "\(name) is no descriptor that can be read: \(Errno(rawValue: errno)). Hand over one that is open.")
    }
    var (kind, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
    guard getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 else { return }
    guard kind == datagram || kind == sequenced else {
      throw LinkError(
        .unsupported, "\(name) is a stream, which does not tell where a packet ends. Make a datagram socket.")
    }
    // Apple's documentation asks for a receive buffer of at least twice the send buffer, and better four times.
    for (option, octets) in [(SO_SNDBUF, Int32(1 << 20)), (SO_RCVBUF, Int32(4 << 20))] {
      var octets = octets
      setsockopt(fd, SOL_SOCKET, option, &octets, socklen_t(MemoryLayout<Int32>.size))
    }
  }

  public var largestPacket: Int { port.largestPacket }
  public var readiness: FileDescriptor? { descriptor }
  public var roomSignal: RoomSignal { .writable }
  public var counters: LinkCounters { port.counters }

  public mutating func receive(
    limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) throws(LinkError) -> Int {
    try port.receive(limit: limit, deliver)
  }

  public mutating func send(
    limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
  ) throws(LinkError) -> SendOutcome {
    try port.send(limit: limit, fill)
  }
}

#if canImport(Glibc)
  private let datagram = Int32(SOCK_DGRAM.rawValue)
  private let sequenced = Int32(SOCK_SEQPACKET.rawValue)
#else
  private let datagram = SOCK_DGRAM
  private let sequenced = SOCK_SEQPACKET
#endif
