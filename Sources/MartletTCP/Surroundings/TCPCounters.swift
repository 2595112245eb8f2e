/// Counters of a stack's TCP, by Linux's names where Linux has one
/// (`/proc/net/snmp`, `/proc/net/netstat`).
public struct TCPCounters: BitwiseCopyable, Sendable {
  public var activeOpens: UInt64 = 0
  public var passiveOpens: UInt64 = 0
  public var attemptFails: UInt64 = 0
  public var estabResets: UInt64 = 0
  public var inSegs: UInt64 = 0
  public var outSegs: UInt64 = 0
  public var retransSegs: UInt64 = 0
  public var outRsts: UInt64 = 0
  public var pawsEstab: UInt64 = 0
  public var challengeACK: UInt64 = 0
  public var synChallenge: UInt64 = 0
  public var ackSkipped: UInt64 = 0
  public var delayedACKs: UInt64 = 0
  public var tcpTimeouts: UInt64 = 0
  public var tcpFastRetrans: UInt64 = 0
  public var tcpPartialAcks: UInt64 = 0
  public var tcpOFOQueue: UInt64 = 0
  public var tcpOFODrop: UInt64 = 0
  public var tcpDSACKOldSent: UInt64 = 0
  public var tcpDSACKOfoSent: UInt64 = 0
  /// Segments of text with a congestion mark (Linux counts packets of all protocols).
  public var inCEPkts: UInt64 = 0
  /// Windows reduced because the peer echoed a mark; Linux has no such counter.
  public var tcpECNReductions: UInt64 = 0
  /// Receive buffers grown; Linux has no such counter.
  public var tcpRcvBufferGrown: UInt64 = 0
  public var rcvQDrop: UInt64 = 0
  public var outOfWindow: UInt64 = 0
  public var tcpAbortOnData: UInt64 = 0
  public var tcpAbortOnClose: UInt64 = 0
  public var tcpAbortOnTimeout: UInt64 = 0
  public var tcpAbortOnLinger: UInt64 = 0
  public var tcpKeepAlive: UInt64 = 0
  public var tcpWinProbe: UInt64 = 0
  public var tcpFromZeroWindowAdv: UInt64 = 0
  public var tcpToZeroWindowAdv: UInt64 = 0
  public var tcpHPHits: UInt64 = 0
  public var tcpPureAcks: UInt64 = 0
  public var tcpACKsIgnored: UInt64 = 0
  public var tcpDupAcks: UInt64 = 0
  public var finWait2Timeouts: UInt64 = 0
  public var tcpSACKDiscard: UInt64 = 0
  public var tcpSACKReorder: UInt64 = 0
  public var tcpSACKReneging: UInt64 = 0
  public var tcpDSACKRecv: UInt64 = 0
  public var tcpDSACKUndo: UInt64 = 0
  public var tcpFullUndo: UInt64 = 0
  public var tcpLossUndo: UInt64 = 0
  public var tcpSpuriousRTOs: UInt64 = 0
  public var tcpLostRetransmit: UInt64 = 0
  public var tcpLossProbes: UInt64 = 0
  public var tcpLossProbeRecovery: UInt64 = 0
  /// Connections whose SYN brought text that counted: ours, and others' (RFC 7413).
  public var tcpFastOpenActive: UInt64 = 0
  public var tcpFastOpenPassive: UInt64 = 0
  /// Ours that did not get through or were not taken, and others' whose cookie did not hold.
  public var tcpFastOpenActiveFail: UInt64 = 0
  public var tcpFastOpenPassiveFail: UInt64 = 0
  /// Others' for which there was no room.
  public var tcpFastOpenListenOverflow: UInt64 = 0
  /// Cookies that were asked for and given.
  public var tcpFastOpenCookieReqd: UInt64 = 0
  public var tcpMTUPFail: UInt64 = 0
  public var tcpMTUPSuccess: UInt64 = 0

  public init() {}
}
