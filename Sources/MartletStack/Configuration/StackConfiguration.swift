public import MartletTCP

/// What a stack is told once, when it is made. Everything that a peer can make
/// grow has its bound here.
public struct StackConfiguration: Sendable {
  /// What every connection starts from.
  public var tcp = TCPConfiguration()

  /// Octets the stack may hold for everything together; less than `leastMemoryBudget` counts as that.
  public var memoryBudget = Int.max
  /// What a stack takes itself, and its recorder's sixteenth. It holds this before it has anything: with so
  /// little it can refuse. 64 KiB make one that works.
  public static var leastMemoryBudget: Int { Footprint.stack / 8 &* 9 }
  /// Chunks taken from the budget at a time, a power of two up to 16; a small stack takes 1.
  public var chunksPerArena = 16
  /// Records of the flight recorder; 0: off.
  public var recorderCapacity: UInt32 = 0

  /// Connections of any state but half-open and TIME-WAIT.
  public var connectionLimit: UInt32 = 1 << 24
  /// Connections that one peer may have with our listeners at a time: one address of IPv4 or of a neighbour, one
  /// network of 64 bits of IPv6 elsewhere (S5.4); 0: no limit. Many clients may stand behind one address.
  public var connectionsPerSource: UInt32 = 0
  /// Half-open connections of all listeners together; beyond it the oldest goes of those that lose little
  /// (Documentation/Defence.md).
  public var halfOpenLimit: UInt32 = 65_536
  /// TIME-WAIT records; beyond it the oldest goes (robustness rule E9).
  public var timeWaitLimit: UInt32 = 32_768
  /// How long a deferred SYN waits for its answer; a millisecond at least.
  public var attemptTimeout: TimeAmount = .seconds(20)

  /// Segments without text that wait to be pulled: resets, SYN-ACKs, challenge and TIME-WAIT acknowledgments. No
  /// interface of several has all: of what is free no more than it leaves.
  public var replyLimit: UInt32 = 1_024
  /// Octets of UDP and ICMP that wait to be pulled, for each interface.
  public var datagramQueueLimit: UInt32 = 256 << 10
  /// Octets that wait in a UDP socket to be received.
  public var datagramReceiveBuffer: UInt32 = 128 << 10
  /// Octets that datagrams of which fragments are missing may hold, of which one source may have a sixteenth, or one
  /// datagram; beyond it the oldest goes (robustness rule E4). 0: fragments are dropped.
  public var reassemblyLimit: UInt32 = 4 << 20
  /// UDP and echo sockets.
  public var datagramSocketLimit: UInt32 = 65_536
  /// Joins of groups, of all UDP sockets together.
  public var groupLimit: UInt16 = 256
  /// Listeners.
  public var listenerLimit: UInt16 = 4_096
  /// Destinations of which something is remembered.
  public var destinationLimit: UInt32 = 1_024

  /// Servers whose Fast Open cookie, or dislike of Fast Open, is remembered (RFC 7413 §4.1.3).
  public var fastOpenCacheLimit: UInt32 = 256
  /// A Fast Open cookie that we give holds for as long as this at least, and for twice as long at most
  /// (RFC 7413 §4.1.2).
  public var fastOpenCookieLifetime: TimeAmount = .hours(1)

  /// Neighbours on all Ethernets together; beyond it go those that are only looked for, then those that were not
  /// asked for the longest (robustness rule E13).
  public var neighbourLimit: UInt16 = 512
  /// Of these, the ones that are looked for at a time.
  public var incompleteNeighbourLimit: UInt16 = 128
  /// Octets that wait for neighbours that are looked for; of each one three packets at most, where the
  /// fragments of a datagram count as one.
  public var neighbourQueueLimit: UInt32 = 512 << 10
  /// Neighbours that may begin to be looked for in a second, on each Ethernet: each is asked for before the whole link.
  /// Answers to others have a half, datagrams three quarters of it.
  public var neighbourSearchesPerSecond: UInt32 = 256
  /// ARP replies and neighbour advertisements a second to those who ask for us, of which one may have an eighth. Who has
  /// shown that he hears us has his eighth whatever others ask. 0: nobody is answered.
  public var neighbourAnswersPerSecond: UInt32 = 50_000

  /// Resets a second in answer to segments that fit no connection (S5.1); 0: none are sent. Of this and the
  /// next two limits one peer may have an eighth, in bursts of a quarter second's worth, six at least. They count
  /// what asks for an answer, given or not: also what a connection refuses, and what fits a connected UDP socket.
  public var resetsPerSecond: UInt32 = 1_000
  /// ICMP errors a second (RFC 1812 §4.3.2.8; RFC 4443 §2.4 (f)).
  public var icmpErrorsPerSecond: UInt32 = 100
  /// Echo replies a second.
  public var echoRepliesPerSecond: UInt32 = 1_000

  /// The first of the ports an active open chooses from. RFC 6335 §6 has 49,152; the more there are, the
  /// longer takes guessing (RFC 6056 §3.2).
  public var firstEphemeralPort: UInt16 = 32_768
  /// The last of them.
  public var lastEphemeralPort: UInt16 = 65_535
  /// Time to live and hop limit of what is sent, where a connection does not say otherwise (RFC 9293 MUST-49).
  public var hopLimit: UInt8 = 64

  /// The stack's place among several that have the same addresses; nil: it is alone.
  public var shard: Shard?

  public init() {}

  /// What a record says, or else the default.
  @inline(__always)
  func hopLimit(_ own: UInt8) -> UInt8 { own == 0 ? hopLimit : own }

  /// Likewise, in octets.
  @inline(__always)
  func receiveBuffer(_ own: UInt32) -> UInt32 { own == 0 ? tcp.receiveBuffer : own }
}
