import MartletTCP
import MartletWire

/// Which interface of a stack; the number is given out by `addInterface`.
@frozen
public struct InterfaceID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let rawValue: UInt16

  @inlinable
  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  @inlinable
  var index: Int { Int(rawValue) }

  /// What a link-local flow on this interface has for its zone; 0 is that of all other flows.
  var zone: UInt16 { rawValue &+ 1 }
}

/// What an interface starts from.
public struct InterfaceConfiguration: Sendable {
  /// What the device behind an interface does for the stack.
  public struct Offload: OptionSet, BitwiseCopyable, Sendable {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// It completes transport checksums: packets leave with `.partial`.
    public static var checksum: Offload { Offload(rawValue: 1) }
    /// It cuts large TCP segments (TSO): needs `.checksum` too.
    public static var segmentation: Offload { Offload(rawValue: 2) }
    /// It cuts trains of UDP datagrams (USO): needs `.checksum` too.
    public static var datagramSegmentation: Offload { Offload(rawValue: 4) }
    /// All of these.
    public static var everything: Offload { [.checksum, .segmentation, .datagramSegmentation] }
  }

  /// Octets of the largest IP packet, 576 to 65,535 (1,280 at least for IPv6 to work).
  public var mtu: UInt16
  /// Our addresses, each with the length of the network that it is on.
  public var addresses: [IPPrefix]
  public var offload: Offload
  /// What packets look like in `receive` and `nextPacket`. The MTU is that of IP whatever it is.
  public var medium: Medium

  public init(
    mtu: UInt16 = 1_500, addresses: [IPPrefix] = [], offload: Offload = [], medium: Medium = .ip
  ) {
    self.mtu = mtu
    self.addresses = addresses
    self.offload = offload
    self.medium = medium
  }
}

/// Why an interface could not be made or changed.
public enum InterfaceError: Error, Equatable, Sendable {
  /// There is no such interface, or none any more.
  case noSuchInterface
  /// An MTU under 68 octets (RFC 791 §3.2), or under 576 where a DHCP server is asked for an address.
  case mtuTooSmall
  /// Multicast, broadcast, unspecified: nobody can have this address.
  case invalidAddress
  /// Some interface has this address already.
  case addressInUse
  /// The address is not on this interface.
  case noSuchAddress
  /// A hardware address that no single station can have.
  case invalidHardwareAddress
  /// A virtual network of 0, or above 4,094.
  case invalidVLAN
  /// Temporary addresses that are preferred for less than a minute, or as long as they are valid.
  case invalidLifetime
  /// The budget has no room for what the interface would keep.
  case noMemory
  /// 65,535 interfaces.
  case tooMany
}

/// An interface and what waits to be pulled from it.
struct Interface {
  var mtu: UInt16
  var offload: InterfaceConfiguration.Offload
  var link: LinkLayer
  /// The MTU of IPv4: a DHCP server may have lowered it.
  var mtu4: UInt16
  /// The MTU of IPv6: a router may have lowered it.
  var mtu6: UInt16
  var routerSearch = RouterSearch()
  /// Who asks for groups on the link.
  var querier4 = GroupQuerier()
  var querier6 = GroupQuerier()
  /// What it may learn of routers is charged.
  var isLearning = false
  var lastHop: LastHop?
  /// What may be looked for on its link.
  var searches: SearchLimit
  /// False once removed; its number may be given out again.
  var isPresent = true
  // Both lists are of `NetworkStack.replies`.
  /// What connections say without text, before all else: were it overtaken by the text behind it, the peer would think
  /// it old (RFC 9293 §3.10.7.4, first check); and in Fast Open no text leaves before the SYN-ACK (RFC 7413 §4.2.2).
  var ownReplies = IndexList()
  /// To whoever asks, and what is said to the link. They and datagrams take turns with the text of connections: text
  /// that waited for a flood of them would leave in bursts, and its acknowledgments come back all at once to a device
  /// whose queue the next flood has filled.
  var answers = IndexList()
  /// An answer or a datagram was the last that left.
  var hasTextWaited = false
  /// Of the replies, those whose place `ReplyStore` counts.
  var heldReplies: UInt32 = 0
  /// Connections that may have something to send, linked through their slots.
  var senders = IndexList()
  /// UDP and ICMP.
  var datagrams = DatagramQueue()
  /// Sockets for whose datagrams there was no room.
  var waitingSockets: UInt32 = 0

  /// Nothing else waits to leave.
  @inline(__always)
  var isFreeForText: Bool { ownReplies.isEmpty && answers.isEmpty && datagrams.isEmpty }

  /// A connection is asked before answers and datagrams.
  @inline(__always)
  var isTextsTurn: Bool { hasTextWaited && !senders.isEmpty }

  /// The reply that leaves next; `IndexList.none`: there is none, or it is the turn of text.
  @inline(__always)
  var nextReply: UInt32 {
    if !ownReplies.isEmpty { return ownReplies.first }
    return isTextsTurn ? IndexList.none : answers.first
  }

  /// Where the lists of replies begin.
  var replyLists: [2 of UInt32] { [ownReplies.first, answers.first] }

  /// Returns the one before it in its list, `IndexList.none` if there is none.
  @inline(__always)
  mutating func appendReply(_ r: UInt32, isOwn: Bool) -> UInt32 {
    isOwn ? ownReplies.append(linked: r) : answers.append(linked: r)
  }

  /// The first of a list leaves, and `next` stands behind it.
  @inline(__always)
  mutating func removeReply(_ r: UInt32, next: UInt32) {
    if ownReplies.first == r {
      ownReplies.removeFirst(next: next)
    } else {
      answers.removeFirst(next: next)
      hasTextWaited = true
    }
  }

  /// The connection to ask next.
  @inline(__always)
  var firstSender: UInt32? { senders.isEmpty ? nil : senders.first }

  /// How much text one packet may hold: 0, one MSS, unless the device cuts segments.
  @inline(__always)
  func textLimit(room: Int, isIPv4: Bool) -> UInt32 {
    guard offload.contains(.segmentation) else { return 0 }
    // The largest headers: IP without options, TCP with 40 octets of them. The IP length has 16 bits.
    let headers = (isIPv4 ? 20 : 40) &+ TCPHeader.maximumCount
    return UInt32(truncatingIfNeeded: max(0, min(room, Int(UInt16.max)) &- headers))
  }

  /// What a segment's text and options may take: the MTU less the headers without options (RFC 9293 §3.7.1,
  /// SHLD-6).
  func mss(isIPv4: Bool) -> UInt16 {
    let headers: UInt16 = isIPv4 ? 40 : 60
    let mtu = isIPv4 ? mtu4 : mtu6
    return mtu > headers ? mtu &- headers : 1
  }
}

/// What an answer over IPv4 must know of the interface that it leaves through.
struct WayOut: BitwiseCopyable {
  var mss: UInt16
  /// The device completes the checksum.
  var isPartial: Bool
}

/// One of our addresses.
struct InterfaceAddress: BitwiseCopyable {
  var prefix: IPPrefix
  var interface: InterfaceID
  /// Its preferred lifetime is over (RFC 4862 §5.5.4).
  var isDeprecated = false
  /// Another takes its place tomorrow (RFC 8981).
  var isTemporary = false
}
