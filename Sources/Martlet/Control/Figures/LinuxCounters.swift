import MartletStack
import MartletTCP

/// A counter by the name that Linux's `nstat` gives it, or by one of ours that begins with `Martlet`.
package struct NamedCounter: Equatable, Sendable {
  package let name: String
  package var value: UInt64
}

extension StackCounters {
  /// Every counter, in the order of `nstat`: what Linux counts, then what only Martlet does. Counters of IP and ICMP have
  /// the packets of both families, under the names of the fourth version.
  package var named: [NamedCounter] {
    (internet + transport + extended + own).map { NamedCounter(name: $0.0, value: $0.1) }
      + DropReason.allCases.map { reason in
        NamedCounter(name: "MartletDrop" + "\(reason)".capitalizedFirst, value: drops(reason))
      }
  }

  private func sum(_ reasons: DropReason...) -> UInt64 {
    reasons.reduce(0) { $0 &+ drops($1) }
  }

  private var internet: [(String, UInt64)] {
    [
      ("IpInReceives", inPackets),
      ("IpInHdrErrors", sum(.notIP, .badIPHeader, .badIPChecksum, .badExtensionHeader, .sourceRoute)),
      ("IpInAddrErrors", sum(.martianSource, .martianDestination, .ownSource, .notOurs, .groupFrame)),
      ("IpInUnknownProtos", drops(.unknownProtocol)),
      ("IpOutRequests", outPackets), ("IpOutNoRoutes", drops(.noRoute)),
      ("IpReasmTimeout", ipReasmTimeout), ("IpReasmReqds", ipReasmReqds), ("IpReasmOKs", ipReasmOKs),
      ("IpReasmFails", ipReasmFails), ("IpFragOKs", ipFragOKs), ("IpFragCreates", ipFragCreates),
      ("IcmpInErrors", icmpInErrors), ("IcmpInCsumErrors", drops(.badICMPChecksum)),
      ("IcmpInEchos", icmpInEchos), ("IcmpInEchoReps", icmpInEchoReps),
      ("IcmpOutDestUnreachs", icmpOutDestUnreachs), ("IcmpOutTimeExcds", icmpOutTimeExcds),
      ("IcmpOutParmProbs", icmpOutParmProbs), ("IcmpOutEchos", icmpOutEchos),
      ("IcmpOutEchoReps", icmpOutEchoReps),
    ]
  }

  private var transport: [(String, UInt64)] {
    [
      ("TcpActiveOpens", tcp.activeOpens), ("TcpPassiveOpens", tcp.passiveOpens),
      ("TcpAttemptFails", tcp.attemptFails), ("TcpEstabResets", tcp.estabResets),
      ("TcpInSegs", tcp.inSegs), ("TcpOutSegs", tcp.outSegs), ("TcpRetransSegs", tcp.retransSegs),
      ("TcpInErrs", sum(.badTCPHeader, .badTCPChecksum)), ("TcpOutRsts", tcp.outRsts),
      ("TcpInCsumErrors", drops(.badTCPChecksum)),
      ("UdpInDatagrams", udpInDatagrams), ("UdpNoPorts", drops(.noSocket)),
      ("UdpInErrors", sum(.badUDPHeader, .badUDPChecksum, .receiveQueueFull)),
      ("UdpOutDatagrams", udpOutDatagrams), ("UdpRcvbufErrors", drops(.receiveQueueFull)),
      ("UdpInCsumErrors", drops(.badUDPChecksum)),
    ]
  }

  private var extended: [(String, UInt64)] {
    [
      ("TcpExtSyncookiesSent", syncookiesSent), ("TcpExtSyncookiesRecv", syncookiesRecv),
      ("TcpExtSyncookiesFailed", syncookiesFailed), ("TcpExtTWRecycled", timeWaitsRecycled),
      ("TcpExtPAWSEstab", tcp.pawsEstab), ("TcpExtDelayedACKs", tcp.delayedACKs),
      ("TcpExtListenOverflows", listenOverflows), ("TcpExtListenDrops", listenDrops),
      ("TcpExtTCPHPHits", tcp.tcpHPHits), ("TcpExtTCPPureAcks", tcp.tcpPureAcks),
      ("TcpExtTCPSACKReneging", tcp.tcpSACKReneging), ("TcpExtTCPSACKReorder", tcp.tcpSACKReorder),
      ("TcpExtTCPFullUndo", tcp.tcpFullUndo), ("TcpExtTCPDSACKUndo", tcp.tcpDSACKUndo),
      ("TcpExtTCPLossUndo", tcp.tcpLossUndo), ("TcpExtTCPLostRetransmit", tcp.tcpLostRetransmit),
      ("TcpExtTCPFastRetrans", tcp.tcpFastRetrans), ("TcpExtTCPTimeouts", tcp.tcpTimeouts),
      ("TcpExtTCPLossProbes", tcp.tcpLossProbes), ("TcpExtTCPLossProbeRecovery", tcp.tcpLossProbeRecovery),
      ("TcpExtTCPDSACKOldSent", tcp.tcpDSACKOldSent), ("TcpExtTCPDSACKOfoSent", tcp.tcpDSACKOfoSent),
      ("TcpExtTCPDSACKRecv", tcp.tcpDSACKRecv), ("TcpExtTCPAbortOnData", tcp.tcpAbortOnData),
      ("TcpExtTCPAbortOnClose", tcp.tcpAbortOnClose), ("TcpExtTCPAbortOnMemory", tcpAbortOnMemory),
      ("TcpExtTCPAbortOnTimeout", tcp.tcpAbortOnTimeout), ("TcpExtTCPAbortOnLinger", tcp.tcpAbortOnLinger),
      ("TcpExtTCPSpuriousRTOs", tcp.tcpSpuriousRTOs), ("TcpExtTCPSACKDiscard", tcp.tcpSACKDiscard),
      ("TcpExtTCPReqQFullDoCookies", tcpReqQFullDoCookies), ("TcpExtTCPReqQFullDrop", tcpReqQFullDrop),
      ("TcpExtTCPRcvQDrop", tcp.rcvQDrop), ("TcpExtTCPOFOQueue", tcp.tcpOFOQueue),
      ("TcpExtTCPOFODrop", tcp.tcpOFODrop), ("TcpExtTCPChallengeACK", tcp.challengeACK),
      ("TcpExtTCPSYNChallenge", tcp.synChallenge), ("TcpExtTCPFastOpenActive", tcp.tcpFastOpenActive),
      ("TcpExtTCPFastOpenActiveFail", tcp.tcpFastOpenActiveFail),
      ("TcpExtTCPFastOpenPassive", tcp.tcpFastOpenPassive),
      ("TcpExtTCPFastOpenPassiveFail", tcp.tcpFastOpenPassiveFail),
      ("TcpExtTCPFastOpenListenOverflow", tcp.tcpFastOpenListenOverflow),
      ("TcpExtTCPFastOpenCookieReqd", tcp.tcpFastOpenCookieReqd),
      ("TcpExtTCPFromZeroWindowAdv", tcp.tcpFromZeroWindowAdv),
      ("TcpExtTCPToZeroWindowAdv", tcp.tcpToZeroWindowAdv), ("TcpExtTCPKeepAlive", tcp.tcpKeepAlive),
      ("TcpExtTCPWinProbe", tcp.tcpWinProbe), ("TcpExtTCPMTUPFail", tcp.tcpMTUPFail),
      ("TcpExtTCPMTUPSuccess", tcp.tcpMTUPSuccess),
      ("IpExtInOctets", inOctets), ("IpExtOutOctets", outOctets), ("IpExtInCEPkts", tcp.inCEPkts),
    ]
  }

  /// What Linux does not count, or counts otherwise.
  private var own: [(String, UInt64)] {
    [
      ("MartletDrops", drops), ("MartletAckSkipped", tcp.ackSkipped),
      ("MartletAcksIgnored", tcp.tcpACKsIgnored), ("MartletDupAcks", tcp.tcpDupAcks),
      ("MartletPartialAcks", tcp.tcpPartialAcks), ("MartletOutOfWindow", tcp.outOfWindow),
      ("MartletECNReductions", tcp.tcpECNReductions), ("MartletRcvBufferGrown", tcp.tcpRcvBufferGrown),
      ("MartletFinWait2Timeouts", tcp.finWait2Timeouts), ("MartletHalfOpenEvicted", embryosEvicted),
      ("MartletHalfOpenExpired", embryosExpired), ("MartletTimeWaitEvicted", timeWaitsEvicted),
      ("MartletSyncookiesExpired", syncookiesExpired), ("MartletSyncookiesWithText", syncookiesWithText),
      ("MartletAttemptsExpired", attemptsExpired), ("MartletConnectionsRefused", connectionsRefused),
      ("MartletIdleConnectionsEnded", idleConnectionsEnded),
      ("MartletSlowConnectionsEnded", slowConnectionsEnded),
      ("MartletFragmentsEvicted", fragmentsEvicted), ("MartletNeighbourSolicits", neighbourSolicits),
      ("MartletNeighbourFailures", neighbourFailures), ("MartletNeighbourLosses", neighbourLosses),
      ("MartletNeighbourMoves", neighbourMoves), ("MartletNeighboursEvicted", neighboursEvicted),
      ("MartletRouterSolicits", routerSolicits), ("MartletRouterAdvertisements", routerAdvertisements),
      ("MartletGroupQueries", groupQueries), ("MartletGroupReports", groupReports),
      ("MartletAddressConflicts", addressConflicts),
    ]
  }
}

extension [NamedCounter] {
  /// What several stacks have counted together: each has the same names in the same order.
  package static func summed(_ a: Self, _ b: Self) -> Self {
    guard !a.isEmpty else { return b }
    return zip(a, b).map { NamedCounter(name: $0.name, value: $0.value &+ $1.value) }
  }
}

extension String {
  fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
