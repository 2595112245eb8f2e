/// Why a packet went no further. Each has its counter in `StackCounters.drops`.
public enum DropReason: UInt8, CaseIterable, BitwiseCopyable, Sendable {
  // Link and IP.
  /// Came on an interface that does not exist.
  case noInterface
  /// Neither version 4 nor version 6, or no octet at all.
  case notIP
  /// The IP header is cut short or disagrees with the packet's size (robustness rule P1).
  case badIPHeader
  /// The IPv4 header checksum is wrong.
  case badIPChecksum
  /// IPv4 source routes are refused (RFC 7126 §4.3, §4.4).
  case sourceRoute
  /// A fragment of impossible length or place, or a first one without all headers (RFC 8200 §4.5, RFC 1858).
  case badFragment
  /// A fragment that overlaps another or ends elsewhere, and whatever else belongs to its datagram (RFC 5722).
  case fragmentOverlap
  /// A fragment that has come before.
  case fragmentDuplicate
  /// A fragment for which there is no room, or one too many of its datagram (robustness rule E4).
  case fragmentLimited
  /// IPv6 extension headers that are malformed, too many, or unknown (robustness rule P7).
  case badExtensionHeader
  /// Nobody can have sent from this address (RFC 9293 MUST-63; robustness rule O9).
  case martianSource
  /// Nobody can be sent to by this address: unspecified, loopback, IPv4-mapped.
  case martianDestination
  /// It claims to come from us (LAND).
  case ownSource
  /// A packet for one host in a frame for many (RFC 1122 §3.3.6).
  case groupFrame
  /// For somebody else, and this stack does not forward.
  case notOurs
  /// A multicast group that nobody here has joined.
  case multicast
  /// A transport protocol without a receiver here.
  case unknownProtocol

  // TCP.
  /// The segment is shorter than its header.
  case badTCPHeader
  case badTCPChecksum
  /// TCP to a broadcast or multicast address (RFC 9293 MUST-57).
  case tcpNotUnicast
  /// No connection and no listener; answered with a reset unless it was one.
  case noConnection
  /// LISTEN did not want it (RFC 9293 §3.10.7.2).
  case listenRefused
  /// The half-open queue of the listener, or of the stack, is full.
  case halfOpenFull
  /// The accept queue is full: the third segment waits for its next try.
  case acceptQueueFull
  /// The connection, half-open or TIME-WAIT record did not want it.
  case unacceptable
  /// No memory, or the cap of a kind of record was reached.
  case noMemory
  /// The listener has as many connections as it may.
  case listenerLimit
  /// The peer has as many connections as one may.
  case sourceLimit
  /// The stack has as many connections as it may.
  case connectionLimit

  // UDP.
  case badUDPHeader
  case badUDPChecksum
  /// No socket at the port; answered with ICMP unless it was not for one host.
  case noSocket
  /// The socket's queue is full.
  case receiveQueueFull

  // ICMP.
  case badICMP
  case badICMPChecksum
  /// A type that a host ignores.
  case icmpIgnored
  /// Source quench (RFC 9293 MUST-55; RFC 6633).
  case sourceQuench
  /// An error about no flow of ours, or about a segment that is not in flight (robustness rule O5).
  case icmpUnmatched

  // Answers that were not given.
  /// Beyond `resetsPerSecond`.
  case resetLimited
  /// Beyond `icmpErrorsPerSecond` or `echoRepliesPerSecond`.
  case icmpLimited
  /// Beyond `neighbourAnswersPerSecond`.
  case neighbourAnswerLimited
  /// Beyond `replyLimit` or `datagramQueueLimit`.
  case outputQueueFull
  /// No route to where an answer should go.
  case noRoute
  /// It would have left from an address that was ours when it was queued.
  case lostAddress

  // Ethernet and neighbours.
  /// An Ethernet frame that is cut short, or whose source is a group, nobody, or ourselves.
  case badFrame
  /// A frame for another station.
  case notOurFrame
  /// A frame with the tag of another virtual network, or with none where we are on one.
  case otherVLAN
  /// ARP that is none of IPv4 over Ethernet, or says what cannot be.
  case badARP
  /// Neighbor Discovery that a router passed on, that came in parts, or whose options are wrong (RFC 4861 §7.1).
  case badNeighbourMessage
  /// IGMP or MLD that cannot be, that a router may have passed on, or that bears no router alert (RFC 3376 §9.1,
  /// RFC 3810 §6.2).
  case badGroupMessage
  /// About a neighbour that nobody asked for, or who is not on the link.
  case neighbourIgnored
  /// Another hardware address for one that has just answered.
  case neighbourSteadfast
  /// It says that an address of ours is another's.
  case addressClaimed
  /// More routers, networks on the link or addresses than there is room for.
  case routerLimited
  /// There was no room to look for a neighbour, or to wait for one.
  case neighbourLimited

  // DHCP.
  /// Cut short, without its cookie, or with options that leave their field.
  case badDHCP
  /// No answer to a question that is open, or one that lends nothing of use.
  case dhcpIgnored
}
