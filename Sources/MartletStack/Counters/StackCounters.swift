public import MartletTCP

/// What a stack has counted since it was made.
public struct StackCounters: BitwiseCopyable, Sendable {
  /// By `DropReason.rawValue`.
  private var byReason: InlineArray<64, UInt64> = InlineArray(repeating: 0)

  /// Packets received, and pulled.
  public var inPackets: UInt64 = 0
  public var outPackets: UInt64 = 0
  /// Octets of them, IP headers included.
  public var inOctets: UInt64 = 0
  public var outOctets: UInt64 = 0

  // Names of Linux's `/proc/net/snmp` and `/proc/net/netstat` where it has them.
  public var icmpInEchos: UInt64 = 0
  public var icmpOutEchoReps: UInt64 = 0
  /// Echo requests of ours, and replies to them.
  public var icmpOutEchos: UInt64 = 0
  public var icmpInEchoReps: UInt64 = 0
  public var icmpInErrors: UInt64 = 0
  public var icmpOutDestUnreachs: UInt64 = 0
  public var icmpOutTimeExcds: UInt64 = 0
  public var icmpOutParmProbs: UInt64 = 0
  /// Fragments that came.
  public var ipReasmReqds: UInt64 = 0
  /// Datagrams that were put together.
  public var ipReasmOKs: UInt64 = 0
  /// Fragments that were dropped, and datagrams that were given up.
  public var ipReasmFails: UInt64 = 0
  /// Of these, the ones whose time was over.
  public var ipReasmTimeout: UInt64 = 0
  /// Of these, the ones that made room for others.
  public var fragmentsEvicted: UInt64 = 0
  /// Datagrams that left in fragments, and the fragments.
  public var ipFragOKs: UInt64 = 0
  public var ipFragCreates: UInt64 = 0
  public var udpInDatagrams: UInt64 = 0
  public var udpOutDatagrams: UInt64 = 0
  public var listenOverflows: UInt64 = 0
  /// SYNs and third segments that a listener dropped because a queue or the memory was full.
  public var listenDrops: UInt64 = 0
  public var tcpReqQFullDrop: UInt64 = 0
  /// SYNs that found the half-open queue full and for which a cookie was made.
  public var tcpReqQFullDoCookies: UInt64 = 0
  /// SYNs answered with a cookie, with a record beside it or without.
  public var syncookiesSent: UInt64 = 0
  /// Good cookies that came back, there being no record. Each opens a connection, unless that is refused or the
  /// accept queue is full: then the peer says it again, and is counted again.
  public var syncookiesRecv: UInt64 = 0
  /// Acknowledgments to a listener under a flood that brought no good cookie.
  public var syncookiesFailed: UInt64 = 0
  /// Of these, the ones whose cookie had been good: the peer found out too late that its third segment was
  /// lost. Linux has no such counter.
  public var syncookiesExpired: UInt64 = 0
  /// Of `syncookiesRecv`, those that text or a FIN came with: the third segment was lost, or was this one.
  /// Linux has no such counter.
  public var syncookiesWithText: UInt64 = 0
  /// Half-open records that made room for another.
  public var embryosEvicted: UInt64 = 0
  /// Half-open records that ended without a third segment.
  public var embryosExpired: UInt64 = 0
  /// TIME-WAIT records that made room for another.
  public var timeWaitsEvicted: UInt64 = 0
  /// TIME-WAIT records that a SYN reopened (RFC 6191).
  public var timeWaitsRecycled: UInt64 = 0
  /// Attempts that the application did not answer in time.
  public var attemptsExpired: UInt64 = 0
  /// Connections that were reset because memory was short, those first that held most for the least that they moved.
  public var tcpAbortOnMemory: UInt64 = 0
  /// SYNs and third segments that opened no connection: dropped because memory was short, answered by a reset because
  /// a limit on connections was reached.
  public var connectionsRefused: UInt64 = 0
  /// Connections that were ended because nothing moved on them (`ListenerOptions.idleTimeout`).
  public var idleConnectionsEnded: UInt64 = 0
  /// Connections that were reset because a newcomer wanted a place of their listener, whose `connectionLimit` was
  /// reached, and they held most for the least that they moved.
  public var slowConnectionsEnded: UInt64 = 0
  /// Requests for a neighbour's hardware address.
  public var neighbourSolicits: UInt64 = 0
  /// Neighbours that nobody answered for.
  public var neighbourFailures: UInt64 = 0
  /// Neighbours that no longer answered.
  public var neighbourLosses: UInt64 = 0
  /// Neighbours that have another hardware address than before.
  public var neighbourMoves: UInt64 = 0
  /// Neighbours that made room for another.
  public var neighboursEvicted: UInt64 = 0
  /// Questions for routers, and routers' words that were taken in.
  public var routerSolicits: UInt64 = 0
  public var routerAdvertisements: UInt64 = 0
  /// Questions for groups that were taken in, and reports that were sent.
  public var groupQueries: UInt64 = 0
  public var groupReports: UInt64 = 0
  /// How often another said to have an address of ours.
  public var addressConflicts: UInt64 = 0
  /// TCP's own.
  public var tcp = TCPCounters()

  init() {}

  /// How many packets were dropped for this reason.
  public func drops(_ reason: DropReason) -> UInt64 { byReason[Int(reason.rawValue)] }

  /// All of them.
  public var drops: UInt64 {
    var sum: UInt64 = 0
    for i in 0..<64 { sum &+= byReason[i] }
    return sum
  }

  mutating func drop(_ reason: DropReason) { byReason[Int(reason.rawValue)] &+= 1 }
}

/// What a stack holds now.
public struct StackUsage: Equatable, BitwiseCopyable, Sendable {
  public var listeners = 0
  public var halfOpen = 0
  /// Records of connections, those that ended and wait for their handle to be closed among them.
  public var connections = 0
  /// Of these, the ones that hold queues.
  public var coldBlocks = 0
  public var timeWait = 0
  /// Echo sockets among them.
  public var datagramSockets = 0
  /// Answers that wait to be pulled.
  public var replies = 0
  /// Neighbours that are known or looked for.
  public var neighbours = 0
  /// Datagrams of which fragments are missing.
  public var unfinishedDatagrams = 0
  /// Chunks of text.
  public var chunks = 0
  /// Octets charged to the budget, empty spare pages among them.
  public var budget = 0

  public init() {}

  /// No record of anything but listeners and sockets.
  public var isQuiet: Bool {
    halfOpen == 0 && connections == 0 && coldBlocks == 0 && timeWait == 0 && replies == 0 && chunks == 0
  }
}
